"""
Tests for ``pyptwist.ipc.endpoints``, with a child that is none; those with real ones
are in tests/interop/test_parent.py.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, ManagedProcessError, ManagedProcessLost, causeOf
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.endpoints import ManagedClientEndpoint
from pyptwist.ipc.parent import ManagedTransport
from pyptwist.proxies.socks5wire import ReplyCode
from tests.ipc.managed import GOOD, Reactor


class ClientTests(SynchronousTestCase):
    """
    Tests for ``ManagedClientEndpoint``.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()
        assignment = Assignment((sys.executable,), Role.CLIENT, ("x",), "/state")
        self.transport = ManagedTransport(self.reactor, assignment)
        self.endpoint = ManagedClientEndpoint(
            self.reactor, self.transport, "x", HostPort("192.0.2.7", 443), Arguments()
        )
        self.connecting = self.endpoint.connect(Factory.forProtocol(Protocol))

    def dial(self) -> Any:
        """
        :returns: the factory that waits for the child's SOCKS port.
        """
        self.reactor.processes[-1].say(GOOD)
        [(host, port, factory, *_)] = self.reactor.tcpClients
        self.assertEqual((host, port), ("127.0.0.1", 7))
        return factory

    def socks(self, answer: bytes) -> StringTransport:
        """
        The child answers.
        """
        protocol = self.dial().buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.below = protocol
        protocol.dataReceived(answer)
        return transport

    def failed(self, kind: type[Exception] = ManagedProcessError) -> Any:
        return self.failureResultOf(self.connecting, kind).value

    def test_connects(self) -> None:
        """
        The application is there when the child has reached the server.
        """
        transport = self.socks(b"\5\0")
        self.assertNoResult(self.connecting)
        self.below.dataReceived(b"\5\0\0\1\0\0\0\0\0\0")
        application: Any = self.successResultOf(self.connecting)
        self.assertEqual(application.transport.methodName, "x")
        self.assertIs(application.transport.networkConnection, transport)

    def test_cause(self) -> None:
        """
        What the child replies is the cause, if it says anything.
        """
        for code, cause in (
            (ReplyCode.CONNECTION_REFUSED, Cause.REFUSED),
            (ReplyCode.TTL_EXPIRED, Cause.TIMEOUT),
            (ReplyCode.SETTINGS_INVALID, Cause.ARGUMENTS),
            (ReplyCode.GENERAL_FAILURE, Cause.PROCESS),
        ):
            self.setUp()
            self.socks(b"\5\0\5" + bytes([code]))
            error = self.failed()
            self.assertIs(causeOf(error), cause)
            self.assertIsInstance(error, ConnectError)
            self.assertIn("the child could not connect: it replied: ", str(error))

    def test_noSocks(self) -> None:
        """
        A child is not called a proxy.
        """
        self.socks(b"HTTP/1.1 400\r\n")
        self.assertEqual(
            str(self.failed()), "the child could not connect: it does not speak SOCKS5"
        )

    def test_diesEarly(self) -> None:
        """
        The child is gone before it has answered, or before it was asked.
        """
        self.socks(b"\5\0")
        self.reactor.processes[-1].end(1)
        self.below.connectionLost(connectionDone)
        self.failed(ManagedProcessLost)

        self.setUp()
        factory = self.dial()
        self.reactor.processes[-1].end(1)
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.failed(ManagedProcessLost)

    def test_deafChild(self) -> None:
        """
        A child that lives, and does not listen where it says.
        """
        self.dial().clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.failed(ConnectionRefusedError)

    def test_tooLong(self) -> None:
        """
        No answer is an answer in the end.
        """
        self.socks(b"\5\0")
        self.reactor.advance(limits.CHILD_SOCKS)
        self.failed(Exception)

    def test_cancelled(self) -> None:
        """
        At any time.
        """
        self.connecting.cancel()
        self.failureResultOf(self.connecting, CancelledError)
        self.assertEqual(self.reactor.processes[-1].calls, [])

        self.setUp()
        transport = self.socks(b"\5\0")
        self.connecting.cancel()
        self.failureResultOf(self.connecting, ConnectingCancelledError)
        self.assertTrue(transport.disconnecting)
