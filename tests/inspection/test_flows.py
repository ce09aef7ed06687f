"""
Tests for ``pyptwist.inspection.flows``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.contents import COMPARED
from pyptwist.inspection.flows import KEPT, SEGMENT, WHOLE, Flight, Flow, Packet, Side

CLIENT, SERVER = Side.CLIENT, Side.SERVER


class FlowTests(SynchronousTestCase):
    """
    Tests for ``Flow``.
    """

    def setUp(self) -> None:
        self.flow = Flow()
        self.flow.add(CLIENT, b"a" * (SEGMENT + 2), 10.0)
        self.flow.add(CLIENT, b"b" * 7, 10.5)
        self.flow.add(SERVER, b"c" * SEGMENT, 10.75)
        self.flow.add(CLIENT, b"d", 12.75)

    def test_packets(self) -> None:
        """
        What is written at once is cut; what was cut has no gap within.
        """
        self.assertEqual(
            self.flow.packets,
            [
                Packet(CLIENT, SEGMENT, None),
                Packet(CLIENT, 2, None),
                Packet(CLIENT, 7, 0.5),
                Packet(SERVER, SEGMENT, 0.25),
                Packet(CLIENT, 1, 2.0),
            ],
        )

    def test_nothing(self) -> None:
        """
        Nothing is no packet, and a clock that goes back is no negative gap.
        """
        self.flow.add(SERVER, b"", 13.0)
        self.assertEqual(len(self.flow.packets), 5)
        self.flow.add(SERVER, b"e", 0.0)
        self.assertEqual(self.flow.packets[-1].gap, 0.0)

    def test_ofSide(self) -> None:
        """
        Each side's numbers can be had.
        """
        self.assertEqual(self.flow.sizes(CLIENT), [SEGMENT, 2, 7, 1])
        self.assertEqual(self.flow.sizes(SERVER), [SEGMENT])
        self.assertEqual(self.flow.gaps(CLIENT), [0.5, 2.0])
        self.assertEqual(self.flow.gaps(SERVER), [0.25])

    def test_flights(self) -> None:
        """
        A flight is what one side sends until the other does.
        """
        flights = [
            Flight(CLIENT, SEGMENT + 9, 3),
            Flight(SERVER, SEGMENT, 1),
            Flight(CLIENT, 1, 1),
        ]
        self.assertEqual(self.flow.flights(), flights)
        self.assertEqual(self.flow.flight(CLIENT, 1), flights[2])
        self.assertIsNone(self.flow.flight(SERVER, 1))

    def test_first(self) -> None:
        """
        The first packet's bytes are known.
        """
        self.assertEqual(self.flow.first(CLIENT), b"a" * SEGMENT)
        self.assertEqual(Flow().first(CLIENT), b"")

    def test_beginnings(self) -> None:
        """
        Beginnings are kept, and no more.
        """
        self.assertEqual(self.flow.beginnings[CLIENT][-9:], b"aabbbbbbbd"[1:])
        self.flow.add(CLIENT, bytes(KEPT), 13.0)
        self.flow.add(CLIENT, bytes(KEPT), 13.0)
        self.assertEqual(len(self.flow.beginnings[CLIENT]), KEPT)

    def test_directions(self) -> None:
        """
        Directions are letters.
        """
        self.assertEqual(self.flow.directions(9), "CCCSC")
        self.assertEqual(self.flow.directions(4), "CCCS")


class DatagramFlowTests(SynchronousTestCase):
    """
    Tests for ``Flow`` with datagrams.
    """

    def setUp(self) -> None:
        self.flow = Flow(isDatagrams=True)
        self.flow.add(CLIENT, b"a" * 3000, 1.0)
        self.flow.add(CLIENT, b"", 1.5)
        self.flow.add(SERVER, b"b", 1.75)

    def test_packets(self) -> None:
        """
        None is cut, and an empty one is one, too.
        """
        self.assertEqual(
            self.flow.packets,
            [Packet(CLIENT, 3000, None), Packet(CLIENT, 0, 0.5), Packet(SERVER, 1, 0.25)],
        )
        self.assertEqual(self.flow.beginnings[CLIENT], b"a" * 3000)

    def test_whole(self) -> None:
        """
        The first of each side are kept whole, the others' beginnings only.
        """
        for number in range(WHOLE):
            self.flow.add(SERVER, bytes([number]) * 100, 2.0)
        self.assertEqual(self.flow.datagram(CLIENT, 0), b"a" * 3000)
        self.assertEqual(self.flow.datagram(CLIENT, 1), b"")
        self.assertIsNone(self.flow.datagram(CLIENT, 2))
        self.assertEqual(len(self.flow.datagrams[SERVER]), WHOLE)
        heads = [bytes([number]) * COMPARED for number in range(WHOLE)]
        self.assertEqual(self.flow.heads[SERVER], [b"b", *heads])

    def test_connection(self) -> None:
        """
        A connection has none.
        """
        flow = Flow()
        flow.add(CLIENT, b"a", 1.0)
        self.assertIsNone(flow.datagram(CLIENT, 0))
        self.assertEqual(flow.heads[CLIENT], [])
