"""
Tests for ``pyptwist.errors``.
"""

from __future__ import annotations

import errno

from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    ConfigurationError,
    DatagramsForbidden,
    FramingError,
    HandshakeFailed,
    HandshakeTimeout,
    LocalProtocolError,
    ManagedProcessError,
    ManagedProcessLost,
    NoneConnected,
    PeerError,
    PeerReset,
    PTError,
    ReplayDetected,
    Unresponsive,
    UpstreamProxyError,
    causeOf,
    causeOfFailure,
)

#: Each error, its cause, and what other code may catch it as.
ERRORS: tuple[tuple[type[PTError], Cause, tuple[type[BaseException], ...]], ...] = (
    (PTError, Cause.INTERNAL, ()),
    (ConfigurationError, Cause.ARGUMENTS, (ValueError,)),
    (LocalProtocolError, Cause.INTERNAL, ()),
    (PeerError, Cause.HANDSHAKE, ()),
    (HandshakeFailed, Cause.HANDSHAKE, (PeerError, error.ConnectError)),
    (AuthenticationFailed, Cause.AUTHENTICATION, (HandshakeFailed, error.ConnectError)),
    (ReplayDetected, Cause.AUTHENTICATION, (HandshakeFailed, error.ConnectError)),
    (FramingError, Cause.HANDSHAKE, (PeerError, error.ConnectionLost)),
    (Unresponsive, Cause.TIMEOUT, (error.ConnectionLost,)),
    (PeerReset, Cause.CLOSED_BY_PEER, (error.ConnectionLost,)),
    (HandshakeTimeout, Cause.TIMEOUT, (error.TimeoutError, error.ConnectError)),
    (NoneConnected, Cause.TIMEOUT, (error.ConnectError,)),
    (ClosedByPeer, Cause.CLOSED_BY_PEER, (error.ConnectError,)),
    (UpstreamProxyError, Cause.UPSTREAM_PROXY, (error.ConnectError,)),
    (DatagramsForbidden, Cause.UPSTREAM_PROXY, ()),
    (ManagedProcessError, Cause.PROCESS, (error.ConnectError,)),
    (ManagedProcessLost, Cause.PROCESS, (ManagedProcessError, error.ConnectionLost)),
)

FOREIGN: tuple[tuple[BaseException, Cause], ...] = (
    (error.DNSLookupError("no such name"), Cause.DNS),
    (error.UnknownHostError(), Cause.DNS),
    (error.TimeoutError(), Cause.TIMEOUT),
    (error.TCPTimedOutError(), Cause.TIMEOUT),
    (error.ConnectionRefusedError(), Cause.REFUSED),
    (error.NoRouteError(), Cause.UNREACHABLE),
    (error.ConnectBindError(), Cause.UNREACHABLE),
    (error.ConnectError(), Cause.UNREACHABLE),
    (error.getConnectError((errno.ENETDOWN, "down")), Cause.UNREACHABLE),
    (error.getConnectError((errno.ECONNRESET, "reset")), Cause.CLOSED_BY_PEER),
    (error.ConnectionDone(), Cause.CLOSED_BY_PEER),
    (error.ConnectionLost(), Cause.CLOSED_BY_PEER),
    (error.ConnectionAborted(), Cause.CLOSED_BY_PEER),
    (error.NoProtocol(), Cause.INTERNAL),
    (CancelledError(), Cause.INTERNAL),
    (ValueError("a bug"), Cause.INTERNAL),
)


class ErrorTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        The table above misses none.
        """

        def below(kind: type[PTError]) -> set[type[PTError]]:
            return {kind}.union(*map(below, kind.__subclasses__()))

        ours = {kind for kind in below(PTError) if kind.__module__ == PTError.__module__}
        self.assertEqual(ours, {kind for kind, _, _ in ERRORS})

    def test_kinds(self) -> None:
        """
        Each is of the kinds that callers catch.
        """
        for kind, _, bases in ERRORS:
            self.assertTrue(issubclass(kind, PTError))
            for base in bases:
                self.assertTrue(issubclass(kind, base), (kind, base))

    def test_message(self) -> None:
        """
        The text is the message, whatever Twisted would make of it; it is the
        same in a Failure.
        """
        for kind, _, _ in ERRORS:
            self.assertEqual(str(kind("what happened")), "what happened")
            self.assertEqual(Failure(kind("what happened")).getErrorMessage(), "what happened")

    def test_noMessage(self) -> None:
        """
        There is always a text, in one short line.
        """
        for kind, _, _ in ERRORS:
            text = str(kind())
            self.assertTrue(0 < len(text) < 60 and text.isprintable(), (kind, text))

    def test_osError(self) -> None:
        """
        What reads Twisted's connect errors finds what it looks for.
        """
        for kind, _, bases in ERRORS:
            if error.ConnectError in bases:
                self.assertIs(kind("message").osError, None)


class CauseTests(SynchronousTestCase):
    def test_words(self) -> None:
        """
        The words appear in replies, lines to the parent and logs: they stay.
        """
        expected = """arguments authentication closed-by-peer dns handshake internal
            process refused timeout unreachable upstream-proxy version"""
        self.assertEqual(sorted(cause.value for cause in Cause), expected.split())

    def test_ours(self) -> None:
        for kind, cause, _ in ERRORS:
            self.assertIs(causeOf(kind()), cause, kind)

    def test_foreign(self) -> None:
        for exception, cause in FOREIGN:
            self.assertIs(causeOf(exception), cause, exception)

    def test_ownCause(self) -> None:
        """
        Who raises an error may know a closer cause than its kind tells.
        """
        raised = UpstreamProxyError("the target did not answer")
        raised.cause = Cause.TIMEOUT
        self.assertIs(causeOf(raised), Cause.TIMEOUT)
        self.assertIs(causeOf(UpstreamProxyError()), Cause.UPSTREAM_PROXY)

    def test_failure(self) -> None:
        for exception, cause in FOREIGN:
            self.assertIs(causeOfFailure(Failure(exception)), cause, exception)
