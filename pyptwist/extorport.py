"""
The extended ORPort: how a server tells tor, or another application, who its
client is before the client's bytes.

::

    server  types ..., 0                       ways to authenticate; 1 is SAFE_COOKIE
    client  1, client nonce (32)
    server  server hash (32), server nonce (32)
    client  client hash (32)
    server  1                                  0 is a refusal
    client  command (2), length (2), body      any number of times
    server  command (2), length (2), body

Hashes are HMAC-SHA256 by the cookie, a file that only the two sides can read.
The client sends ``USERADDR``, ``TRANSPORT`` and ``DONE``; the server answers ``OKAY``
or ``DENY``; either skips commands that it does not know.

tor closes a connection on which anything follows ``DONE`` before its ``OKAY``, so
nothing does.

Source: ext-orport-spec; what tor 0.4.9 was seen to do.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ConfigurationError,
    HandshakeFailed,
    LocalProtocolError,
)
from pyptwist.ownmethod import OwnMethod
from pyptwist.proxies.tunnel import TunnelCodec
from pyptwist.state import StateDirectory

#: The name that tor gives to the cookie file.
COOKIE_FILE: Final = "extended_orport_auth_cookie"

_COOKIE_HEADER: Final = b"! Extended ORPort Auth Cookie !\n"
_COOKIE_LENGTH: Final = 32
_SAFE_COOKIE: Final = 1
_NONCE_LENGTH: Final = 32
_HASH_LENGTH: Final = 32
_TO_CLIENT: Final = b"ExtORPort authentication server-to-client hash"
_TO_SERVER: Final = b"ExtORPort authentication client-to-server hash"
_ACCEPTED: Final = 1
_HEADER_LENGTH: Final = 4
_TYPES: Final = 255  # each type but 0, once
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class _Command(IntEnum):
    DONE = 0x0000
    USERADDR = 0x0001
    TRANSPORT = 0x0002
    OKAY = 0x1000
    DENY = 0x1001


def readCookie(path: str | os.PathLike[str]) -> bytes:
    """
    Read a cookie file.  Its owner makes a new one at each start, so read it
    again for each connection.

    :returns: the cookie, 32 bytes.
    :raises ConfigurationError: if the file cannot be read, or is none.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(len(_COOKIE_HEADER) + _COOKIE_LENGTH + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the ext-ORPort's cookie file cannot be read ({error.strerror})"
        ) from error
    header, cookie = content[: len(_COOKIE_HEADER)], content[len(_COOKIE_HEADER) :]
    if header != _COOKIE_HEADER or len(cookie) != _COOKIE_LENGTH:
        raise ConfigurationError("the ext-ORPort's cookie file does not hold a cookie")
    return cookie


def createCookie(
    directory: StateDirectory, entropy: Callable[[int], bytes], name: str = COOKIE_FILE
) -> bytes:
    """
    Make a cookie and its file, replacing an old one whole.

    :param directory: where; nobody else may enter it.
    :param entropy: gives that many unpredictable bytes.
    :returns: the cookie, 32 bytes, for ``ExtORPortServer``.
    :raises ConfigurationError: if it cannot be written.
    """
    cookie = entropy(_COOKIE_LENGTH)
    directory.write(name, _COOKIE_HEADER + cookie)
    return cookie


class _ExtORPortCodec(TunnelCodec):
    """
    What the two sides share: the cookie, and commands of bounded size.
    """

    _skipInto = OwnMethod()

    def __init__(self, cookie: bytes, entropy: Callable[[int], bytes]) -> None:
        super().__init__()
        if len(cookie) != _COOKIE_LENGTH:
            raise LocalProtocolError(f"a cookie is {_COOKIE_LENGTH} bytes long")
        self._cookie = cookie
        self._entropy = entropy
        self._clientNonce = self._serverNonce = b""
        self._skipLeft = 0
        self._unknownLeft = limits.EXTENDED_ORPORT_UNKNOWN

    def _hash(self, label: bytes) -> bytes:
        message = label + self._clientNonce + self._serverNonce
        return hmac.digest(self._cookie, message, "sha256")

    def _transmitCommand(self, command: _Command, body: bytes = b"") -> None:
        self.transmit(command.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body)

    def _header(self) -> tuple[int, int] | None:
        """
        :returns: the next command and the length of its body, both left in the
            buffer; None if they are not all there.
        """
        if len(self.buffer) < _HEADER_LENGTH:
            return None
        return int.from_bytes(self.buffer[:2], "big"), int.from_bytes(self.buffer[2:4], "big")

    def _skip(self, length: int, into: Callable[[], bool]) -> bool:
        """
        Pass over the next command, without keeping its body.

        :param length: of the body.
        :param into: the state behind it.
        """
        self.take(_HEADER_LENGTH)
        self._skipLeft, self._skipInto = length, into
        self.state = self._skipping
        return True

    def _skipUnknown(self, length: int) -> bool:
        self._unknownLeft -= _HEADER_LENGTH + length
        if self._unknownLeft < 0:
            raise HandshakeFailed("the ext-ORPort's peer sent too many unknown commands")
        return self._skip(length, self.state)

    def _skipping(self) -> bool:
        count = min(self._skipLeft, len(self.buffer))
        del self.buffer[:count]
        self._skipLeft -= count
        if self._skipLeft:
            return False
        self.state = self._skipInto
        return True


class ExtORPortClient(_ExtORPortCodec):
    """
    A transport server's side.
    """

    def __init__(
        self,
        cookie: bytes,
        userAddress: HostPort | None,
        transportName: str,
        entropy: Callable[[int], bytes],
    ) -> None:
        """
        :param cookie: see ``readCookie``.
        :param userAddress: the client's IP address and port, neither 0 nor with
            a zone; None if unknown.
        :param transportName: a C identifier.
        :param entropy: gives that many unpredictable bytes.
        :raises LocalProtocolError: if one of them is not of that kind: tor would
            close the connection.
        """
        super().__init__(cookie, entropy)
        self._userAddress = None if userAddress is None else _encodeAddress(userAddress)
        if not _NAME.fullmatch(transportName):
            raise LocalProtocolError("a transport's name must be a C identifier")
        self._transportName = transportName.encode("ascii")
        self.state = self._authenticationTypes

    def _authenticationTypes(self) -> bool:
        end = self.buffer.find(0)
        if end > _TYPES or (end < 0 and len(self.buffer) > _TYPES):
            raise HandshakeFailed("the ext-ORPort offers too many ways to authenticate")
        if end < 0:
            return False
        if _SAFE_COOKIE not in self.take(end + 1):
            self.transmit(b"\0")
            raise HandshakeFailed("the ext-ORPort offers no authentication by cookie")
        self._clientNonce = self._entropy(_NONCE_LENGTH)
        self.transmit(bytes([_SAFE_COOKIE]) + self._clientNonce)
        self.state = self._serverHash
        return True

    def _serverHash(self) -> bool:
        if len(self.buffer) < _HASH_LENGTH + _NONCE_LENGTH:
            return False
        theirs = self.take(_HASH_LENGTH)
        self._serverNonce = self.take(_NONCE_LENGTH)
        if not hmac.compare_digest(theirs, self._hash(_TO_CLIENT)):
            raise AuthenticationFailed("the ext-ORPort does not know the cookie")
        self.transmit(self._hash(_TO_SERVER))
        self.state = self._status
        return True

    def _status(self) -> bool:
        if not self.buffer:
            return False
        if self.take(1)[0] != _ACCEPTED:
            raise AuthenticationFailed("the ext-ORPort refused our cookie")
        if self._userAddress is not None:
            self._transmitCommand(_Command.USERADDR, self._userAddress)
        self._transmitCommand(_Command.TRANSPORT, self._transportName)
        self._transmitCommand(_Command.DONE)
        self.state = self._verdict
        return True

    def _verdict(self) -> bool:
        if (header := self._header()) is None:
            return False
        command, length = header
        if command == _Command.OKAY:
            return self._skip(length, self._okay)
        if command == _Command.DENY:
            raise _denied()
        return self._skipUnknown(length)

    def _okay(self) -> bool:
        self.established()
        return False


class ExtORPortServer(_ExtORPortCodec):
    """
    The application's side, as strict as tor's.

    :ivar userAddress: the client's address; None if it was not told.
    :ivar transportName: None if it was not told.
    """

    def __init__(
        self,
        cookie: bytes,
        entropy: Callable[[int], bytes],
        accept: Callable[[HostPort | None, str | None], bool] | None = None,
    ) -> None:
        """
        :param cookie: see ``createCookie``.
        :param entropy: gives that many unpredictable bytes.
        :param accept: judges a client by its address and transport: True for
            OKAY, False for DENY.  None takes everybody.
        """
        super().__init__(cookie, entropy)
        self._accept = accept
        self.userAddress: HostPort | None = None
        self.transportName: str | None = None
        self.state = self._authenticationType

    def begin(self) -> None:
        self.transmit(bytes([_SAFE_COOKIE, 0]))

    def _authenticationType(self) -> bool:
        if not self.buffer:
            return False
        if self.take(1)[0] != _SAFE_COOKIE:
            raise HandshakeFailed("the client chose no authentication by cookie")
        self.state = self._nonce
        return True

    def _nonce(self) -> bool:
        if len(self.buffer) < _NONCE_LENGTH:
            return False
        self._clientNonce = self.take(_NONCE_LENGTH)
        self._serverNonce = self._entropy(_NONCE_LENGTH)
        self.transmit(self._hash(_TO_CLIENT) + self._serverNonce)
        self.state = self._clientHash
        return True

    def _clientHash(self) -> bool:
        if len(self.buffer) < _HASH_LENGTH:
            return False
        if not hmac.compare_digest(self.take(_HASH_LENGTH), self._hash(_TO_SERVER)):
            self.transmit(b"\0")
            raise AuthenticationFailed("the client does not know the cookie")
        self.transmit(bytes([_ACCEPTED]))
        self.state = self._commands
        return True

    def _commands(self) -> bool:
        if (header := self._header()) is None:
            return False
        command, length = header
        if command == _Command.DONE:
            return self._skip(length, self._done)
        if command not in (_Command.USERADDR, _Command.TRANSPORT):
            return self._skipUnknown(length)
        if length > limits.EXTENDED_ORPORT_BODY:
            raise HandshakeFailed("a command's body was too long")
        if len(self.buffer) < _HEADER_LENGTH + length:
            return False
        body = self.take(_HEADER_LENGTH + length)[_HEADER_LENGTH:]
        if command == _Command.USERADDR:
            self.userAddress = _decodeAddress(body)
        else:
            self.transportName = _decodeName(body)
        return True

    def _done(self) -> bool:
        if self.buffer:
            raise HandshakeFailed("the client sent payload before it was accepted")
        if self._accept is not None and not self._accept(self.userAddress, self.transportName):
            self._transmitCommand(_Command.DENY)
            raise _denied()
        self._transmitCommand(_Command.OKAY)
        self.established()
        return False


def _denied() -> HandshakeFailed:
    error = HandshakeFailed("the ext-ORPort denied this client")
    error.cause = Cause.REFUSED
    return error


def _encodeAddress(address: HostPort) -> bytes:
    ip = address.ip
    if ip is None or "%" in address.host or not address.port:
        raise LocalProtocolError("a user's address is an IP address, without zone, and a port")
    # How a socket for both families shows IPv4 clients; tor counts by country.
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(HostPort(str(mapped or ip), address.port)).encode("ascii")


def _decodeAddress(body: bytes) -> HostPort:
    try:
        address = HostPort.parse(body.decode("ascii"), allowName=False)
    except (UnicodeDecodeError, ConfigurationError):
        raise HandshakeFailed("a user's address was malformed") from None
    if not address.port or "%" in address.host:
        raise HandshakeFailed("a user's address was malformed")
    return address


def _decodeName(body: bytes) -> str:
    name = body.decode("latin-1")
    if not _NAME.fullmatch(name):
        raise HandshakeFailed("a transport's name was malformed")
    return name
