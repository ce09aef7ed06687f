"""
What every method must do, for kcp, with both of its framings.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing.applications import Applications
from pyptwist.testing.carrying import CarryingTests
from pyptwist.testing.connecting import ConnectingTests
from tests.transports.kcp.case import KcpCase


class SessionTests(KcpCase, ConnectingTests, CarryingTests, SynchronousTestCase):
    """
    Our own framing.
    """

    def test_cancelledWithin(self) -> None:
        """
        An application that cancels its own attempt while it is connected has no
        connection.
        """
        attempts: list[Any] = []
        applications = Applications(lambda _: attempts[0].cancel())
        attempts.append(self.connecting(applications=applications)[0])
        self.network.pump()
        self.failureResultOf(attempts[0], CancelledError)
        self.assertEqual(len(applications.built[0].lost), 1)
        self.assertAtRest()

    def test_networkConnection(self) -> None:
        """
        There is none: a conversation has no connection beneath.
        """
        for application in self.connected():
            self.assertIsNone(application.transport.networkConnection)
