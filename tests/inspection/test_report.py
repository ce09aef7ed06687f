"""
Tests for ``pyptwist.inspection.report``.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.report import report
from pyptwist.inspection.subjects import Subject
from tests.inspection.subjects import datagrams, subject, without


class ReportTests(SynchronousTestCase):
    """
    Tests for ``report``.
    """

    def sections(self, *subjects: Subject) -> list[str]:
        return report(subjects, b"GET / HTTP/1.1\r\n").split("\n\n")

    def row(self, section: str, label: str) -> list[str]:
        """
        :returns: what stands behind a label, in words.
        """
        [line] = [line for line in section.splitlines() if line.strip().startswith(label)]
        return line.strip().removeprefix(label).split()

    def small(self) -> Subject:
        """
        :returns: one connection with known numbers.
        """
        flow = Flow()
        flow.add(Side.CLIENT, b"a" * 1450, 1.0)
        flow.add(Side.SERVER, b"b" * 7, 1.0125)
        return Subject("small", [flow])

    def test_packets(self) -> None:
        """
        The first packets are listed.
        """
        packets = self.sections(self.small())[0].splitlines()
        self.assertEqual(
            packets,
            [
                "The first packets of the first connection:",
                "     who     bytes  gap, ms",
                "  1  client   1448",
                "  2  client      2",
                "  3  server      7    12.50",
            ],
        )

    def test_directions(self) -> None:
        """
        The commonest orders are counted.
        """
        directions = self.sections(self.small())[1]
        self.assertEqual(self.row(directions, "CCS"), ["1", "of", "1"])

    def test_measured(self) -> None:
        """
        Flights, packets and gaps are summed up; what is not there has a dash.
        """
        measured = self.sections(self.small())[2]
        self.assertEqual(self.row(measured, "client's flight 1, bytes"), ["1450"] * 3 + ["1"])
        self.assertEqual(self.row(measured, "client's packets, bytes"), ["2", "725", "1448", "2"])
        self.assertEqual(self.row(measured, "server's gaps, ms"), ["12.50"] * 3)
        self.assertEqual(self.row(measured, "client's gaps, ms"), ["-"] * 4)
        self.assertEqual(self.row(measured, "client's flight 2, bytes"), ["-"] * 4)

    def test_contents(self) -> None:
        """
        Bytes are measured, and compared with random ones.
        """
        contents = self.sections(self.small())[3]
        self.assertEqual(
            self.row(contents, "client's first packet"),
            ["0.00", "3.00", "100", "%", "61", "100", "%"],
        )
        random = self.row(contents.partition("server")[0], "random bytes, as many")
        entropy, bits, *_ = random
        self.assertGreater(float(entropy), 7.5)
        self.assertLess(abs(float(bits) - 4), 0.5)
        self.assertEqual(self.row(contents, "the application's first bytes")[2:4], ["88", "%"])

    def test_rules(self) -> None:
        """
        How often each rule is met is counted.
        """
        rules = self.sections(subject("mine"))[4]
        for name in ("Ex1", "Ex2", "Ex3", "Ex4", "Ex5"):
            self.assertIn("0 of 40", " ".join(self.row(rules, name)))
        self.assertIn("40 of 40", " ".join(self.row(rules, "none of these")))
        rules = self.sections(subject("mine", prefix=b"GET / HTTP/1.1\r\n"))[4]
        self.assertIn("40 of 40", " ".join(self.row(rules, "Ex5")))
        self.assertIn(" 0 of 40", " ".join(self.row(rules, "none of these")))

    def test_silentClient(self) -> None:
        """
        A client that says nothing meets no rule.
        """
        flow = Flow()
        flow.add(Side.SERVER, b"hello", 0.0)
        sections = self.sections(Subject("mute", [flow]))
        self.assertIn("0 of 1", " ".join(self.row(sections[4], "none of these")))
        self.assertEqual(self.row(sections[3], "client's first packet"), ["-"] * 4)

    def test_fixed(self) -> None:
        """
        What never changes is shown, bytes in a row as one.
        """
        fixed = self.sections(subject("mine", prefix=b"\x16\x03\x01"))[5]
        self.assertEqual(
            fixed.splitlines()[1:],
            ["  client: bytes 0 to 2 are 160301", "  server: nothing"],
        )
        self.assertIn("it takes 32 connections", self.sections(self.small())[5])

    def test_fixedBits(self) -> None:
        """
        So are single bits.
        """
        flows = []
        for number in range(40):
            flow = Flow()
            flow.add(Side.CLIENT, bytes([number * 7 % 128, number * 5 % 128, 9, number * 3]), 0.0)
            flows.append(flow)
        fixed = self.sections(Subject("mine", flows))[5]
        self.assertIn(
            "client: bytes 0 to 1 are 0....... in binary, byte 2 is 09, byte 3 is 0", fixed
        )

    def test_two(self) -> None:
        """
        Two are compared, column by column, with a test.
        """
        sections = self.sections(subject("ours"), subject("theirs", seed=1))
        self.assertIn("ours and theirs", sections[0])
        self.assertRegex(sections[0].splitlines()[1], "(who +bytes +gap, ms *){2}")
        for section in (sections[1], sections[2], sections[4]):
            self.assertRegex(section, r" ours +theirs")
        d, p = self.row(sections[2], "client's flight 1, bytes")[-2:]
        self.assertLess(float(d), 0.3)
        self.assertGreater(float(p), 0.01)
        for name in ("ours", "theirs"):
            for side in ("client", "server"):
                self.assertIn(f"{name}, {side}'s first packet", sections[3])
                self.assertIn(f"  {name}, {side}: nothing", sections[5])

    def test_different(self) -> None:
        """
        What differs has a large D and a small p.
        """
        sections = self.sections(subject("ours"), subject("theirs", prefix=bytes(9000)))
        d, p = self.row(sections[2], "client's flight 1, bytes")[-2:]
        self.assertEqual(d, "1.000")
        self.assertLess(float(p), 1e-6)

    def test_withoutScipy(self) -> None:
        """
        Without scipy there is D alone.
        """
        without(self, "scipy")
        section = self.sections(subject("ours"), subject("theirs", seed=1))[2]
        self.assertTrue(re.search(r"bytes .* 0\.\d\d\d +-$", section, re.MULTILINE))

    def test_uneven(self) -> None:
        """
        One may have what the other has not.
        """
        sections = self.sections(self.small(), subject("theirs"))
        self.assertEqual(self.row(sections[2], "client's flight 2, bytes")[-2:], ["-", "-"])
        self.assertIn("  4  ", sections[0])

    def test_datagrams(self) -> None:
        """
        Of datagrams the same is told, and nothing of rules that are about TCP.
        """
        sections = self.sections(datagrams("mine"))
        self.assertEqual(len(sections), 5)
        self.assertIn("The first datagrams of the first connection", sections[0])
        self.assertEqual(self.row(sections[0], "2")[:2], ["server", "9"])
        self.assertEqual(self.row(sections[1], "CSCS"), ["40", "of", "40"])
        measured = sections[2]
        self.assertEqual(self.row(measured, "server's datagram 1, bytes"), ["9"] * 3 + ["1"])
        self.assertEqual(self.row(measured, "client's datagrams  "), ["2"] * 3 + ["1"])
        self.assertNotIn("packet", "".join(sections))
        self.assertTrue(sections[4].startswith("What never changes in the first 64 bytes of"))

    def test_bothKinds(self) -> None:
        """
        Of a method that uses TCP and UDP, both are told of, one after the other; what one
        implementation alone uses, by itself.
        """
        both = Subject("both", [*subject("x").flows, *datagrams("x").flows])
        sections = self.sections(both, datagrams("theirs"))
        self.assertEqual(len(sections), 11)
        self.assertNotIn("theirs", "".join(sections[:6]))
        self.assertIn("both and theirs", sections[6])
