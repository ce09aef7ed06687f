"""
Tests for ``pyptwist.inspection.plot``.
"""

from __future__ import annotations

import os
import struct
import zlib

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import ConfigurationError
from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.plot import plot, requirePlotting
from pyptwist.inspection.subjects import Subject
from tests.inspection.subjects import datagrams, subject, without


def pixels(png: bytes) -> set[bytes]:
    """
    :returns: the lines of an image, as they are packed, without those repeated.
    """
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    data, place = b"", 8
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    raw = zlib.decompress(data)
    stride = len(raw) // height
    assert stride > width
    return {raw[start : start + stride] for start in range(0, len(raw), stride)}


class PlotTests(SynchronousTestCase):
    """
    Tests for ``plot``.
    """

    def plotted(self, *subjects: Subject) -> bytes:
        path = self.mktemp()
        plot(path, "a title", subjects)
        with open(path, "rb") as file:
            return file.read()

    def test_one(self) -> None:
        """
        It is a PNG file, and not an empty one.
        """
        self.assertGreater(len(pixels(self.plotted(subject("mine")))), 50)

    def test_two(self) -> None:
        """
        Two are both to be seen.
        """
        one = self.plotted(subject("mine"))
        two = self.plotted(subject("mine"), subject("theirs", seed=9))
        self.assertNotEqual(pixels(one), pixels(two))

    def test_extremes(self) -> None:
        """
        A side that is silent, no gaps, and gaps of a day can be drawn.
        """
        flow = Flow()
        flow.add(Side.CLIENT, b"x", 0.0)
        silent = Subject("silent", [flow])
        self.assertTrue(pixels(self.plotted(silent)))
        late = Flow()
        for now in (0.0, 0.0, 1e-9, 86400.0):
            late.add(Side.SERVER, b"x", now)
        self.assertTrue(pixels(self.plotted(silent, Subject("late", [late]))))

    def test_datagrams(self) -> None:
        """
        Datagrams are drawn, and called so; long ones are not left out.
        """
        one = self.plotted(datagrams("mine"))
        drawn, flow = [], Flow(isDatagrams=True)
        for size in (10, 40000, 60000):
            flow = Flow(isDatagrams=True)
            flow.add(Side.CLIENT, bytes(size), 0.0)
            drawn.append(pixels(self.plotted(Subject("x", [flow]))))
        self.assertTrue(pixels(one))
        self.assertNotEqual(drawn[1], drawn[2])
        words = self.plotted(Subject("x", [_packets(flow)]))
        self.assertNotEqual(pixels(words), drawn[2])

    def test_unwritable(self) -> None:
        """
        A path that cannot be written is told.
        """
        path = os.path.join(self.mktemp(), "x.png")
        error = self.assertRaises(ConfigurationError, plot, path, "x", [subject("mine")])
        self.assertIn(path, str(error))

    def test_notInstalled(self) -> None:
        """
        Without matplotlib it is said how to get it.
        """
        requirePlotting()
        without(self, "matplotlib")
        error = self.assertRaises(ConfigurationError, requirePlotting)
        self.assertIn("pip install 'pyptwist[plot]'", str(error))


def _packets(flow: Flow) -> Flow:
    """
    :returns: the same, of a connection.
    """
    found = Flow()
    found.packets = flow.packets
    return found
