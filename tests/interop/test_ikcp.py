"""
KCP against its inventor's own code, where somebody has installed it (the package
``kcp``).
"""

from __future__ import annotations

import importlib
import random
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pyptwist.multiplex.kcp import Conversation, Settings

NUMBER = 0x11223344
DATA = random.Random(3).randbytes(300_000)


class IkcpTests(SynchronousTestCase):
    """
    A conversation of which each side has other code.
    """

    def setUp(self) -> None:
        try:
            package: Any = importlib.import_module("kcp")
        except ImportError:
            raise SkipTest("the package kcp is not installed: nothing to compare with") from None
        self.sent: list[bytes] = []
        self.theirs = package.KCP(
            NUMBER,
            max_transmission=1350,
            no_delay=True,
            update_interval=10,
            resend_count=2,
            no_congestion_control=True,
            send_window_size=256,
            receive_window_size=256,
        )
        self.theirs.include_outbound_handler(lambda _, packet: self.sent.append(packet))
        self.ours = Conversation(NUMBER, Settings(packet=1350), 0.0)
        self.random = random.Random(4)

    def test_bothWays(self) -> None:
        """
        Everything arrives, over a path that loses every fiftieth packet, and one packet
        in ten comes late.
        """
        self.ours.send(DATA)
        for start in range(0, len(DATA), 1000):
            self.theirs.enqueue(DATA[start : start + 1000])
        here, there = bytearray(), bytearray()
        late: list[bytes] = []
        for tick in range(5000):
            now = tick / 200
            self.theirs.update(tick * 5)
            for packet in self._survivors(self.ours.transmit(now)):
                self.theirs.receive(packet)
            there += b"".join(self._takeTheirs())
            arriving, late = late + self._survivors(self.sent), []
            self.sent.clear()
            for packet in arriving:
                if self.random.random() < 0.1:
                    late.append(packet)
                else:
                    self.ours.receive(packet, now)
            here += self.ours.take()
            if len(here) == len(there) == len(DATA) and self.ours.isFlushed:
                break
        self.assertTrue(bytes(here) == DATA, f"{len(here)} bytes came")
        self.assertTrue(bytes(there) == DATA, f"{len(there)} bytes arrived")
        self.assertTrue(self.ours.isFlushed)
        self.assertEqual(self.theirs.get_outbound_packets(), 0)

    def _survivors(self, packets: list[bytes]) -> list[bytes]:
        return [packet for packet in packets if self.random.random() >= 0.02]

    def _takeTheirs(self) -> list[bytes]:
        taken = []
        while data := self.theirs.get_received():
            taken.append(bytes(data))
        return taken
