"""
Tests for ``pyptwist.inspection.subjects``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.subjects import Subject, ofKind, unit
from tests.inspection.subjects import datagrams, subject


class KindTests(SynchronousTestCase):
    """
    Tests for ``ofKind`` and ``unit``.
    """

    def test_ofKind(self) -> None:
        """
        Each kind has its flows, and subjects without any are left out.
        """
        tcp, udp = subject("tcp", 2), datagrams("udp", 3)
        both = Subject("both", [*tcp.flows, *udp.flows])
        for isDatagrams, name, flows in ((False, "tcp", tcp.flows), (True, "udp", udp.flows)):
            found = ofKind([tcp, udp, both], isDatagrams)
            self.assertEqual({each.name for each in found}, {name, "both"})
            for each in found:
                self.assertEqual(each.flows, flows)

    def test_unit(self) -> None:
        """
        Both kinds together consist of packets.
        """
        tcp, udp = subject("tcp", 1), datagrams("udp", 1)
        for subjects, word in (
            ([tcp], "packet"),
            ([udp], "datagram"),
            ([udp, udp], "datagram"),
            ([tcp, udp], "packet"),
            ([], "packet"),
        ):
            self.assertEqual(unit(subjects), word)
