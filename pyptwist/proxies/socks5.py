"""
SOCKS5, the client's side: for upstream proxies, and for other people's
pluggable transports, which take arguments as user name and password.

The wire is shown in ``pyptwist.proxies.socks5wire``.  Each message waits for the
answer to the one before, as tor does it: not every server takes them together.

Sources: RFC 1928 and RFC 1929; pt-spec, section 3.5; PT 3.0, section 1.4.
"""

from __future__ import annotations

from pyptwist.addresses import NOWHERE, HostPort
from pyptwist.errors import Cause, ConfigurationError, UpstreamProxyError
from pyptwist.proxies.hosts import requireTarget
from pyptwist.proxies.socks5wire import (
    CAUSE_OF_REPLY,
    CONNECT,
    NO_METHOD,
    PASSWORD_VERSION,
    VERSION,
    Method,
    ReplyCode,
    addressLength,
    encodeAddress,
)
from pyptwist.proxies.tunnel import TunnelCodec

_TEXTS: dict[int, str] = {
    ReplyCode.GENERAL_FAILURE: "general failure",
    ReplyCode.NOT_ALLOWED: "not allowed by its rules",
    ReplyCode.NETWORK_UNREACHABLE: "network unreachable",
    ReplyCode.HOST_UNREACHABLE: "host unreachable",
    ReplyCode.CONNECTION_REFUSED: "connection refused",
    ReplyCode.TTL_EXPIRED: "timed out",
    ReplyCode.COMMAND_NOT_SUPPORTED: "CONNECT is not supported",
    ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED: "this type of address is not supported",
    ReplyCode.SETTINGS_TOO_LARGE: "the arguments are too long",
    ReplyCode.SETTINGS_TIMEOUT: "the arguments came too late",
    ReplyCode.SETTINGS_MALFORMED: "the arguments could not be read",
    ReplyCode.SETTINGS_INVALID: "an argument is missing or wrong",
}


class Socks5Refused(UpstreamProxyError):
    """
    The proxy understood, and said no.

    :ivar code: its reply code, 1 to 255 (RFC 1928, section 6).
    :ivar cause: what the proxy says went wrong behind it; ``UPSTREAM_PROXY``
        where it says nothing of that kind.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the SOCKS5 proxy replied: {_TEXTS.get(code, f'code {code}')}")
        self.code = code
        self.cause = CAUSE_OF_REPLY.get(code, Cause.UPSTREAM_PROXY)


class Socks5Client(TunnelCodec):
    """
    A tunnel through a SOCKS5 server.
    """

    def __init__(
        self,
        target: HostPort | None,
        credentials: tuple[bytes, bytes] | None = None,
        insist: bool = False,
        parameters: bytes | None = None,
    ) -> None:
        """
        :param target: where to; a name goes to the server as it is.  None for a
            pluggable transport whose arguments say it.
        :param credentials: user name and password, 1 to 255 bytes each; None
            for no authentication.
        :param insist: offer no way around the credentials.  For arguments of a
            pluggable transport, which would be lost without notice if the
            server chose to do without.
        :param parameters: a JSON parameter block (PT 3.0, section 1.4), its length
            in front, instead of credentials; never left out.
        :raises ConfigurationError: if the target or the credentials cannot be
            sent.
        """
        super().__init__()
        address = NOWHERE if target is None else requireTarget(target)
        self._request = bytes([VERSION, CONNECT, 0]) + encodeAddress(address)
        self._credentials = b"" if credentials is None else _encodeCredentials(*credentials)
        self._parameters = parameters or b""
        self._offered = bytes([Method.JSON]) if parameters else _offer(bool(credentials), insist)
        self.state = self._method

    def begin(self) -> None:
        self.transmit(bytes([VERSION, len(self._offered)]) + self._offered)

    def endOfInput(self) -> None:
        self.finish(None if self.isReady else UpstreamProxyError("the SOCKS5 proxy closed"))

    def _method(self) -> bool:
        self._checkVersion(VERSION)
        if len(self.buffer) < 2:
            return False
        method = self.take(2)[1]
        if method not in self._offered:
            raise UpstreamProxyError(
                "the SOCKS5 proxy accepts no authentication that we have"
                if method == NO_METHOD
                else "the SOCKS5 proxy chose an authentication that was not offered"
            )
        if method == Method.PASSWORD:
            self.transmit(self._credentials)
            self.state = self._status
        else:
            # Nobody answers to a block: what is wrong with it shows in the reply.
            self.transmit(self._parameters)
            self._sendRequest()
        return True

    def _status(self) -> bool:
        self._checkVersion(PASSWORD_VERSION)
        if len(self.buffer) < 2:
            return False
        if self.take(2)[1]:
            raise UpstreamProxyError("the SOCKS5 proxy refused the user name and password")
        self._sendRequest()
        return True

    def _sendRequest(self) -> None:
        self.transmit(self._request)
        self.state = self._reply

    def _reply(self) -> bool:
        self._checkVersion(VERSION)
        buffer = self.buffer
        if len(buffer) > 1 and buffer[1] != ReplyCode.SUCCEEDED:
            # Some servers send no address with a refusal.
            raise Socks5Refused(buffer[1])
        if len(buffer) > 2 and buffer[2]:
            raise _malformed()
        if len(buffer) < 4:
            return False
        try:
            length = addressLength(buffer[3:5])
        except ValueError:
            raise _malformed() from None
        if length is None or len(buffer) < 3 + length:
            return False
        self.take(3 + length)
        self.established()
        return False

    def _checkVersion(self, version: int) -> None:
        if self.buffer and self.buffer[0] != version:
            raise UpstreamProxyError("the upstream proxy does not speak SOCKS5")


def _offer(credentials: bool, insist: bool) -> bytes:
    if not credentials:
        return bytes([Method.NONE])
    return bytes([Method.PASSWORD]) if insist else bytes([Method.NONE, Method.PASSWORD])


def _encodeCredentials(username: bytes, password: bytes) -> bytes:
    if not (1 <= len(username) <= 255 and 1 <= len(password) <= 255):
        raise ConfigurationError("SOCKS5 takes a user name and a password of 1 to 255 bytes each")
    return b"".join(
        [bytes([PASSWORD_VERSION, len(username)]), username, bytes([len(password)]), password]
    )


def _malformed() -> UpstreamProxyError:
    return UpstreamProxyError("the SOCKS5 proxy sent a malformed reply")
