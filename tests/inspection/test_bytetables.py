"""
Tests for ``pyptwist.inspection.bytetables``; those of connections are in ``test_report``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.bytetables import contents, fixedDatagrams
from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.subjects import Subject
from tests.inspection.subjects import datagrams


class FixedDatagramsTests(SynchronousTestCase):
    """
    Tests for ``fixedDatagrams``.
    """

    def lines(self, *subjects: Subject) -> dict[str, str]:
        found = (line.strip().partition(": ") for line in fixedDatagrams(subjects).splitlines())
        return {name: said for name, _, said in found}

    def test_each(self) -> None:
        """
        What the n-th datagram, all, and those of one connection share is told apart.
        """
        lines = self.lines(datagrams("mine"))
        for name, said in (
            ("client's datagram 1", "byte 2 is 00"),
            ("client's datagram 2", "byte 2 is 02"),
            ("client's datagram 3", "too few to tell, it takes 32 connections"),
            ("client's datagrams, all of them", "byte 2 is 000000.0 in binary"),
            ("client's datagrams, within a connection", "bytes 0 to 1"),
            ("server's datagram 1", "byte 2 is 01"),
            ("server's datagrams, within a connection", "bytes 0 to 1"),
        ):
            self.assertEqual(lines[name], said)

    def test_most(self) -> None:
        """
        One short datagram hides nothing of the others.
        """
        flows = [Flow(isDatagrams=True) for _ in range(40)]
        for number, flow in enumerate(flows):
            for time in range(9):
                data = bytes([number, time, number ^ time, (number * 7 + time) % 256, 0x55])
                flow.add(Side.CLIENT, data, 0.0)
        flows[3].add(Side.CLIENT, b"", 0.0)
        lines = self.lines(Subject("x", flows))
        self.assertIn("byte 4 is 55", lines["client's datagrams, all of them"])
        self.assertEqual(lines["client's datagrams, within a connection"], "byte 0")

    def test_few(self) -> None:
        """
        Nothing is said of too few; one long connection shows what it keeps.
        """
        lines = self.lines(datagrams("mine", 5))
        for kind in ("datagram 1", "datagrams, all of them"):
            self.assertEqual(lines[f"client's {kind}"], "too few to tell, it takes 32 connections")
        self.assertEqual(
            lines["client's datagrams, within a connection"],
            "too few to tell, it takes 32 datagrams",
        )
        flow = Flow(isDatagrams=True)
        for number in range(99):
            flow.add(Side.CLIENT, b"id" + bytes([number]) + b"!", 0.0)
        lines = self.lines(Subject("one", [flow]))
        self.assertEqual(lines["client's datagrams, within a connection"], "bytes 0 to 1, byte 3")

    def test_two(self) -> None:
        """
        Names tell two apart.
        """
        lines = self.lines(datagrams("ours"), datagrams("theirs", seed=1))
        for name in ("ours", "theirs"):
            self.assertEqual(lines[f"{name}, server's datagram 1"], "byte 2 is 01")


class ContentsTests(SynchronousTestCase):
    """
    Tests for ``contents`` of datagrams.
    """

    def test_each(self) -> None:
        """
        The first ones of each side are measured, one by one; what is not there has a dash.
        """
        flow = Flow(isDatagrams=True)
        flow.add(Side.CLIENT, b"aaaa", 0.0)
        flow.add(Side.CLIENT, bytes(9) + b"\xff", 0.0)
        rows = [line.split() for line in contents([Subject("x", [flow])], b"ab").splitlines()]
        said = {" ".join(row[:3]): row[3:] for row in rows}
        self.assertEqual(
            said["client's datagram 1"], ["0.00", "3.00", "100", "%", "61", "100", "%"]
        )
        self.assertEqual(said["client's datagram 2"], ["0.47", "0.80", "0", "%", "00", "90", "%"])
        self.assertEqual(said["server's datagram 1"], ["-"] * 4)
