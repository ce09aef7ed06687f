"""
Toneburst and polish, one after the other, against what Starbridge's programs in Go said
to them.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.transports.replicant.codec import ReplicantCodec
from pyptwist.transports.replicant.starburst import SmtpClient, SmtpServer
from tests.transports.shadow.captured import (
    GO_ANSWERS,
    GO_ASKS,
    STARBRIDGE_CLIENT,
    STARBRIDGE_SERVER,
    WE_ANSWER,
    WE_ASK,
    replay,
)
from tests.transports.shadow.vectors import darkStarClient, darkStarServer


class StarbridgeTests(SynchronousTestCase):
    def test_server(self) -> None:
        codec = ReplicantCodec(SmtpServer(lambda: 7), darkStarServer())
        self.assertEqual(replay(self, codec, STARBRIDGE_CLIENT, WE_ANSWER), GO_ASKS)

    def test_client(self) -> None:
        codec = ReplicantCodec(SmtpClient(), darkStarClient())
        self.assertEqual(replay(self, codec, STARBRIDGE_SERVER, WE_ASK), GO_ANSWERS)
