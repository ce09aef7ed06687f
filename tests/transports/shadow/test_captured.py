"""
shadow's codecs against what programs in Go said to them.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.transports.shadow.captured import (
    CLASSIC_CLIENT,
    CLASSIC_SERVER,
    DARKSTAR_CLIENT_121,
    DARKSTAR_CLIENT_128,
    DARKSTAR_SERVER_121,
    DARKSTAR_SERVER_128,
    GO_ANSWERS,
    GO_ASKS,
    WE_ANSWER,
    WE_ASK,
    replay,
)
from tests.transports.shadow.vectors import (
    classicClient,
    classicServer,
    darkStarClient,
    darkStarServer,
    secret,
)


class DarkStarTests(SynchronousTestCase):
    def test_server(self) -> None:
        """
        All clients of go-shadowsocks2 have the keychain confirmation.
        """
        for conversation in (DARKSTAR_CLIENT_121, DARKSTAR_CLIENT_128):
            heard = replay(self, darkStarServer(), conversation, WE_ANSWER)
            self.assertEqual(heard, GO_ASKS)

    def test_client(self) -> None:
        """
        A server of go-shadowsocks2 1.2.8 wants the compact one, and sends the other.
        """
        for conversation, isCompact in ((DARKSTAR_SERVER_121, False), (DARKSTAR_SERVER_128, True)):
            heard = replay(self, darkStarClient(isCompact), conversation, WE_ASK)
            self.assertEqual(heard, GO_ANSWERS)


class ClassicTests(SynchronousTestCase):
    def test_server(self) -> None:
        for cipher, conversation in CLASSIC_CLIENT.items():
            heard = replay(self, classicServer(secret(cipher)), conversation, WE_ANSWER)
            self.assertEqual(heard, GO_ASKS)

    def test_client(self) -> None:
        for cipher, conversation in CLASSIC_SERVER.items():
            heard = replay(self, classicClient(secret(cipher)), conversation, WE_ASK)
            self.assertEqual(heard, GO_ANSWERS)
