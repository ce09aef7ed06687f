"""
What can go wrong, and whose fault it is.

Callers need two distinctions only: did the operator, our caller or the peer
err, and which of the fixed causes is it.  The cause is the same word in the
SOCKS reply, the ``LOG`` line to the parent, the log file and the failed
Deferred.

``str(error)`` never holds a key, a MAC or an address: it may be logged.
"""

from __future__ import annotations

from enum import Enum
from errno import ECONNRESET

from twisted.internet import error
from twisted.python.failure import Failure


class Cause(Enum):
    """
    The fixed set of reasons for which a connection can fail.
    """

    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UPSTREAM_PROXY = "upstream-proxy"
    ARGUMENTS = "arguments"
    HANDSHAKE = "handshake"
    AUTHENTICATION = "authentication"
    VERSION = "version"
    CLOSED_BY_PEER = "closed-by-peer"
    PROCESS = "process"
    INTERNAL = "internal"


class PTError(Exception):
    """
    The base of every error that this package raises on purpose.
    """

    cause: Cause = Cause.INTERNAL
    osError = None  # Twisted's connect errors have it, and are initialised by hand below.

    def __str__(self) -> str:
        # Twisted's connect errors would put their docstring in front.
        return str(self.args[0]) if self.args else type(self).__name__


class ConfigurationError(PTError, ValueError):
    """
    The operator's or user's fault.  The text names the option and the fix, and
    is fit for a ``CMETHOD-ERROR`` line.
    """

    cause = Cause.ARGUMENTS


class LocalProtocolError(PTError):
    """
    The calling code broke a contract, such as sending before ``Ready``.
    """


class PeerError(PTError):
    """
    The peer sent what no correct peer sends.
    """

    cause = Cause.HANDSHAKE


class HandshakeFailed(PeerError, error.ConnectError):
    """
    The peer does not speak this protocol, or broke it before ``Ready``.
    """

    def __init__(self, message: str = "the handshake failed") -> None:
        Exception.__init__(self, message)


class AuthenticationFailed(HandshakeFailed):
    """
    The peer does not know the secret that it should.
    """

    cause = Cause.AUTHENTICATION

    def __init__(self, message: str = "the peer failed to authenticate") -> None:
        super().__init__(message)


class ReplayDetected(HandshakeFailed):
    """
    The peer sent a handshake that was seen before.
    """

    cause = Cause.AUTHENTICATION

    def __init__(self, message: str = "a handshake was replayed") -> None:
        super().__init__(message)


class FramingError(PeerError, error.ConnectionLost):
    """
    The peer broke the protocol, or was tampered with, after ``Ready``.
    """

    def __init__(self, message: str = "the peer sent a bad frame") -> None:
        Exception.__init__(self, message)


class Unresponsive(PTError, error.ConnectionLost):
    """
    Somebody did nothing for too long, after ``Ready``.
    """

    cause = Cause.TIMEOUT

    def __init__(self, message: str = "nothing happened for too long") -> None:
        Exception.__init__(self, message)


class HandshakeTimeout(PTError, error.TimeoutError):
    """
    The handshake did not end within its bound.
    """

    cause = Cause.TIMEOUT

    def __init__(self, message: str = "the handshake took too long") -> None:
        Exception.__init__(self, message)


class NoneConnected(PTError, error.ConnectError):
    """
    Several transports were tried, and none connected.

    :ivar cause: that of most of the failures.
    """

    cause = Cause.TIMEOUT

    def __init__(self, message: str = "no transport connected") -> None:
        Exception.__init__(self, message)


class ClosedByPeer(PTError, error.ConnectError):
    """
    The peer closed the network connection before ``Ready``.
    """

    cause = Cause.CLOSED_BY_PEER

    def __init__(self, message: str = "the peer closed the connection") -> None:
        Exception.__init__(self, message)


class PeerReset(PTError, error.ConnectionLost):
    """
    The peer said that it is over, in the middle of things.
    """

    cause = Cause.CLOSED_BY_PEER

    def __init__(self, message: str = "the peer dropped the connection") -> None:
        Exception.__init__(self, message)


class UpstreamProxyError(PTError, error.ConnectError):
    """
    The upstream proxy could not be reached, refused, or broke its protocol.
    """

    cause = Cause.UPSTREAM_PROXY

    def __init__(self, message: str = "the upstream proxy failed") -> None:
        Exception.__init__(self, message)


class DatagramsForbidden(PTError):
    """
    UDP was asked for where it would go around the upstream proxy.
    """

    cause = Cause.UPSTREAM_PROXY


class ManagedProcessError(PTError, error.ConnectError):
    """
    A pluggable transport process that we launched failed.
    """

    cause = Cause.PROCESS

    def __init__(self, message: str = "the transport's process failed") -> None:
        Exception.__init__(self, message)


class ManagedProcessLost(ManagedProcessError, error.ConnectionLost):
    """
    A pluggable transport process ended, and its connections with it.
    """

    def __init__(self, message: str = "the transport's process ended") -> None:
        super().__init__(message)


def causeOf(exception: BaseException) -> Cause:
    """
    Name the fixed cause of a failure, whoever raised it.

    :param exception: what an endpoint's Deferred failed with.
    :returns: the cause; ``INTERNAL`` for what nobody foresaw.
    """
    if isinstance(exception, PTError):
        return exception.cause
    if isinstance(exception, error.ConnectError) and exception.osError == ECONNRESET:
        # It was accepted, and closed before we came to look.
        return Cause.CLOSED_BY_PEER
    for kind, cause in _FOREIGN:
        if isinstance(exception, kind):
            return cause
    return Cause.INTERNAL


def causeOfFailure(failure: Failure) -> Cause:
    """
    The same, for what a Deferred hands on.
    """
    return Cause.INTERNAL if failure.value is None else causeOf(failure.value)


def describe(failure: Failure) -> str:
    """
    :returns: the cause, for a log; and what is wrong in words if it is the operator
        who can mend it, such as a file that may not be read.
    """
    cause = causeOfFailure(failure).value
    return f"{cause}: {failure.value}" if failure.check(ConfigurationError) else cause


# Order matters: the kinds of Twisted's connect errors are subclasses of one
# another.
_FOREIGN: tuple[tuple[type[BaseException], Cause], ...] = (
    (error.DNSLookupError, Cause.DNS),
    (error.UnknownHostError, Cause.DNS),
    (error.TimeoutError, Cause.TIMEOUT),
    (error.TCPTimedOutError, Cause.TIMEOUT),
    (error.ConnectionRefusedError, Cause.REFUSED),
    (error.NoRouteError, Cause.UNREACHABLE),
    (error.ConnectionDone, Cause.CLOSED_BY_PEER),
    (error.ConnectionLost, Cause.CLOSED_BY_PEER),
    (error.ConnectionAborted, Cause.CLOSED_BY_PEER),
    (error.ConnectError, Cause.UNREACHABLE),
)
