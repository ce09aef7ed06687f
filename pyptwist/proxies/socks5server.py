"""
The local side: what an application says to our SOCKS5 port, and what we answer.

The wire is shown in ``pyptwist.proxies.socks5wire``.  A user name and password
(pt-spec, section 3.5) or a JSON parameter block (PT 2.1 to 3.0, section 1.4) carry the
arguments of the transport, so there is nobody to keep out: the port is protected by
being on loopback.

How a parameter block is answered, the specs leave open: they define codes "for the
response".  shapeshifter-dispatcher says nothing to a good one, and reads the request;
at a bad one it closes.  We say nothing to a good one, too, and reply to a bad one as to
a request, with its code, at once; the application may have sent the request already,
or be waiting for nothing.

Everything is judged byte by byte, as early as it can be, so that the same input
has the same outcome however it is cut up.

Sources: RFC 1928, RFC 1929; pt-spec, section 3.5; PT 3.0, section 1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from pyptwist import limits
from pyptwist.addresses import NOWHERE, HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    HandshakeFailed,
    LocalProtocolError,
    PTError,
)
from pyptwist.ipc.options import parseObject
from pyptwist.ipc.quoting import joinSocksArguments, parseSocksArguments
from pyptwist.ownmethod import OwnMethod
from pyptwist.proxies.socks5wire import (
    CONNECT,
    NO_METHOD,
    PASSWORD_VERSION,
    REPLY_OF_CAUSE,
    VERSION,
    AddressType,
    Method,
    ReplyCode,
    addressLength,
    decodeAddress,
    encodeAddress,
)

#: What each version of the IPC has; nobody is harmed by PT 1's way in later ones,
#: and curl knows no other.
PT1_METHODS = frozenset({Method.NONE, Method.PASSWORD})
ALL_METHODS = PT1_METHODS | {Method.JSON}

_LENGTH = 4  # bytes, in front of the parameters


@dataclass(frozen=True, slots=True)
class Reply:
    """
    Send these bytes, and go on.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """
    The application wants a connection.  Answer by
    ``Socks5Negotiation.succeed`` or ``Socks5Negotiation.refuse``.

    :ivar target: an IP address or a name, not resolved, and a port; None if the
        application leaves it to the arguments.
    :ivar arguments: for the transport; empty if none came.
    """

    target: HostPort | None
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Refuse:
    """
    Send these bytes, if any, and close.  Nothing follows.

    :ivar error: why.
    :ivar isMidway: is the application still sending?  Whoever closes without
        reading all of it takes the answer away again.
    """

    data: bytes
    error: PTError
    isMidway: bool = False


Event: TypeAlias = Reply | Request | Refuse


class Socks5Negotiation:
    """
    One application's negotiation, without I/O.

    :ivar request: what was asked for, once that is known.
    :ivar trailing: bytes that came behind the request: payload, sent early.
        Whoever reads on after ``succeed`` delivers these first.
    """

    _state = OwnMethod()

    def __init__(self, methods: Collection[Method] = PT1_METHODS) -> None:
        """
        :param methods: how arguments may come.
        """
        self.request: Request | None = None
        self.trailing = bytearray()
        self._methods = methods
        self._hasParameters = False
        self._arguments = Arguments()
        self._buffer = bytearray()
        self._events: list[Event] = []
        self._state = self._greeting

    def receive(self, data: bytes) -> list[Event]:
        """
        Bytes from the application.

        After ``Request`` at most ``limits.SOCKS_EARLY`` bytes are kept; a caller
        that stops reading then never gets there.

        :returns: what to do, in order; nothing after ``Refuse``.
        :raises LocalProtocolError: after ``succeed``.
        """
        self._buffer += data
        while self._state():
            pass
        events, self._events = self._events, []
        return events

    def succeed(self, bound: HostPort | None = None) -> bytes:
        """
        The connection is made.

        :param bound: our end of it, if that is to be told.
        :returns: the last bytes to send before payload.
        :raises LocalProtocolError: if no request waits for an answer.
        """
        self._finish(self._answered)
        return _reply(ReplyCode.SUCCEEDED, bound or NOWHERE)

    def refuse(self, cause: Cause) -> bytes:
        """
        The connection cannot be made.

        :returns: the last bytes to send before closing.
        :raises LocalProtocolError: if no request waits for an answer.
        """
        self._finish(self._discard)
        if self._hasParameters and cause is Cause.ARGUMENTS:
            return _reply(ReplyCode.SETTINGS_INVALID)
        return _reply(REPLY_OF_CAUSE[cause])

    def expire(self) -> bytes:
        """
        The application took too long; to be called before there is a request.

        :returns: the last bytes to send before closing; empty if no answer fits.
        """
        isLate = self._state == self._parameters
        self._state = self._discard
        return _reply(ReplyCode.SETTINGS_TIMEOUT) if isLate else b""

    # --- states -------------------------------------------------------------

    def _greeting(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != VERSION:
            return self._fail(b"", "the application does not speak SOCKS5")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return False
        methods = self._take(2 + buffer[1])[2:]
        # With several on offer, the arguments come only if asked for.
        for method, state in (
            (Method.JSON, self._parameters),
            (Method.PASSWORD, self._password),
            (Method.NONE, self._connect),
        ):
            if method in methods and method in self._methods:
                self._events.append(Reply(bytes([VERSION, method])))
                self._state = state
                return True
        return self._fail(
            bytes([VERSION, NO_METHOD]), "the application offers no authentication that we have"
        )

    def _password(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != PASSWORD_VERSION:
            return self._failPassword(HandshakeFailed("the authentication was malformed"))
        if len(buffer) < 2:
            return False
        length = buffer[1]
        if not length:
            return self._failPassword(HandshakeFailed("the user name was empty"))
        if len(buffer) < 3 + length or len(buffer) < 3 + length + buffer[2 + length]:
            return False
        message = self._take(3 + length + buffer[2 + length])
        try:
            # No password at all is what RFC 1929 forbids and curl sends.
            joined = joinSocksArguments(message[2 : 2 + length], message[3 + length :])
            self._arguments = parseSocksArguments(joined)
        except ConfigurationError as error:
            return self._failPassword(error)
        self._events.append(Reply(bytes([PASSWORD_VERSION, 0])))
        self._state = self._connect
        return True

    def _parameters(self) -> bool:
        buffer = self._buffer
        if len(buffer) < _LENGTH:
            return False
        length = int.from_bytes(buffer[:_LENGTH], "big")
        if length > limits.SOCKS_PARAMETERS:
            error = HandshakeFailed("the parameters were too large")
            return self._refuseWith(
                Refuse(_reply(ReplyCode.SETTINGS_TOO_LARGE), error, isMidway=True)
            )
        if len(buffer) < _LENGTH + length:
            return False
        try:
            self._arguments = Arguments(parseObject(self._take(_LENGTH + length)[_LENGTH:]))
        except ConfigurationError as error:
            return self._refuseWith(Refuse(_reply(ReplyCode.SETTINGS_MALFORMED), error))
        self._hasParameters = True
        self._state = self._connect
        return True

    def _connect(self) -> bool:
        buffer = self._buffer
        if (code := _wrongAt(buffer)) is not None:
            return self._fail(_reply(code), "the request was malformed or not supported")
        if len(buffer) < 4:
            return False
        length = addressLength(buffer[3:5])
        if length is None or len(buffer) < 3 + length:
            return False
        try:
            target = decodeAddress(self._take(3 + length)[3:])
        except ConfigurationError as error:
            return self._refuseWith(Refuse(_reply(ReplyCode.GENERAL_FAILURE), error))
        self.request = Request(target, self._arguments)
        self._events.append(self.request)
        self._state = self._requested
        return True

    def _requested(self) -> bool:
        self.trailing += self._buffer
        self._buffer.clear()
        if len(self.trailing) > limits.SOCKS_EARLY:
            return self._fail(
                _reply(ReplyCode.GENERAL_FAILURE), "too much was sent before the reply"
            )
        return False

    def _answered(self) -> bool:
        raise LocalProtocolError("the negotiation is over: read the connection itself")

    def _discard(self) -> bool:
        self._buffer.clear()
        return False

    # --- inside -------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _finish(self, state: Callable[[], bool]) -> None:
        if self._state != self._requested:
            raise LocalProtocolError("no request waits for an answer")
        self._state = state

    def _fail(self, data: bytes, why: str) -> bool:
        return self._refuseWith(Refuse(data, HandshakeFailed(why)))

    def _failPassword(self, error: PTError) -> bool:
        return self._refuseWith(Refuse(bytes([PASSWORD_VERSION, 1]), error))

    def _refuseWith(self, event: Refuse) -> bool:
        # Its traceback leads to who handles the event: that is a cycle.
        event.error.with_traceback(None)
        self._events.append(event)
        self.trailing.clear()
        self._state = self._discard
        return True


def _wrongAt(buffer: bytearray) -> ReplyCode | None:
    """
    :param buffer: the beginning of a request, however short.
    :returns: how to answer the first byte that is wrong; None if none is.
    """
    expected = (
        (VERSION, ReplyCode.GENERAL_FAILURE),
        (CONNECT, ReplyCode.COMMAND_NOT_SUPPORTED),
        (0, ReplyCode.GENERAL_FAILURE),
    )
    for byte, (value, code) in zip(buffer, expected, strict=False):
        if byte != value:
            return code
    if len(buffer) > 3 and buffer[3] not in set(AddressType):
        return ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED
    return None


def _reply(code: ReplyCode, address: HostPort = NOWHERE) -> bytes:
    return bytes([VERSION, code, 0]) + encodeAddress(address)
