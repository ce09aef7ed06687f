"""
Tests for ``pyptwist.aio.failures``.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.aio.failures import ConnectionFailed, asOSError
from pyptwist.errors import (
    AuthenticationFailed,
    Cause,
    ClosedByPeer,
    ConfigurationError,
    HandshakeTimeout,
    UpstreamProxyError,
    causeOf,
)


class FailureTests(SynchronousTestCase):
    """
    What asyncio programs catch.
    """

    def test_kinds(self) -> None:
        """
        Each cause has its kind, and keeps what was raised first.
        """
        taken = OSError(errno.EADDRINUSE, "taken")
        for first, kind, number in (
            (error.ConnectionRefusedError(), ConnectionRefusedError, errno.ECONNREFUSED),
            (error.DNSLookupError(), socket.gaierror, socket.EAI_NONAME),
            (error.TimeoutError(), TimeoutError, errno.ETIMEDOUT),
            (HandshakeTimeout(), TimeoutError, errno.ETIMEDOUT),
            (ClosedByPeer(), ConnectionResetError, errno.ECONNRESET),
            (error.ConnectError(errno.ENETUNREACH), OSError, errno.ENETUNREACH),
            (error.NoRouteError(), OSError, errno.EHOSTUNREACH),
            (error.CannotListenError("", 1, taken), OSError, errno.EADDRINUSE),
            (AuthenticationFailed(), ConnectionFailed, None),
            (UpstreamProxyError(), ConnectionFailed, None),
        ):
            expected: Any = asOSError(first)
            self.assertIs(type(expected), kind, first)
            self.assertIsInstance(expected, OSError)
            self.assertEqual(expected.errno, number)
            self.assertIs(expected.__cause__, first)

    def test_ours(self) -> None:
        """
        Ours say what is wrong, and their cause.
        """
        failed = asOSError(AuthenticationFailed())
        self.assertEqual(str(failed), "the peer failed to authenticate")
        self.assertIs(causeOf(failed), Cause.AUTHENTICATION)
        self.assertIsInstance(failed, ConnectionError)

    def test_same(self) -> None:
        """
        What the caller can mend, and what nobody foresaw, stays what it is.
        """
        for first in (ConfigurationError("no"), ZeroDivisionError()):
            self.assertIs(asOSError(first), first)
