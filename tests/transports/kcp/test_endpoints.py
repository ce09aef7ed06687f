"""
What every method must do, for kcp, with both of its framings.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing.carrying import CarryingTests
from pyptwist.testing.connecting import ConnectingTests
from tests.transports.kcp.case import KcpCase


class SessionTests(KcpCase, ConnectingTests, CarryingTests, SynchronousTestCase):
    """
    Our own framing.
    """

    def test_networkConnection(self) -> None:
        """
        There is none: a conversation has no connection beneath.
        """
        for application in self.connected():
            self.assertIsNone(application.transport.networkConnection)
