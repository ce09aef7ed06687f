"""
Conformance of codecs: the handshake, and what follows it at once.
"""

from __future__ import annotations

from pyptwist.errors import LocalProtocolError
from pyptwist.testing.codeccase import CodecCase, cutAt, places
from pyptwist.testing.codecs import CodecPair, oneByOne


class HandshakeTests(CodecCase):
    """
    From ``start`` to the first payload.
    """

    def test_byteByByte(self) -> None:
        """
        A network that delivers single bytes changes nothing.
        """
        pair = self.startedPair()
        self.shakeHands(pair, oneByOne, ", byte by byte")
        self.exchange(pair, oneByOne)

    def test_everyTwoWaySplit(self) -> None:
        """
        A handshake cut in two anywhere is a handshake.
        """
        whole = self.readyPair()
        flights = [*whole.client.transmitted, *whole.server.transmitted]
        for place in places(map(len, flights), self.splits):
            self.shakeHands(self.startedPair(), cutAt(place), f" with a cut behind byte {place}")

    def _writerReady(self, clientWrites: bool) -> CodecPair:
        """
        :returns: codecs of which one has just become ready, and its last words
            of the handshake are on their way.
        """
        pair = self.startedPair()
        writer, reader = (pair.client, pair.server)[:: 1 if clientWrites else -1]
        while not writer.isReady:
            moved = pair.carry(reader, writer)
            if not writer.isReady:
                moved = pair.carry(writer, reader) or moved
                self.assertTrue(moved or writer.isReady, "no handshake")
        return pair

    def test_payloadBehindHandshake(self) -> None:
        """
        Payload that arrives with the end of the handshake, in one piece or cut
        near where it begins, is not lost.
        """
        for clientWrites in (False, True):
            last = len(self._writerReady(clientWrites).side(clientWrites).outbox)
            for place in (0, last - 1, last, last + 1, last + 100):
                pair = self._writerReady(clientWrites)
                writer, reader = pair.side(clientWrites), pair.side(not clientWrites)
                writer.apply(writer.codec.send(self.payload, pair.now))
                pair.run(cutAt(max(0, place)))
                pair.runTimers(self.flushSeconds)
                self.assertArrived(
                    reader.delivered,
                    self.payload,
                    f" behind the {'client' if clientWrites else 'server'}'s handshake"
                    " (what is left in the buffer at ready() is payload)",
                )

    def test_sendBeforeReady(self) -> None:
        """
        Sending too early is the caller's bug, and said so.
        """
        for started in (False, True):
            pair = self.pair()
            if started:
                pair.start()
            for side in (pair.client, pair.server):
                if not side.isReady:
                    with self.assertRaises(LocalProtocolError):
                        side.codec.send(b"early", pair.now)

    def test_endDuringHandshake(self) -> None:
        """
        A peer that leaves before Ready is an error, or connect() would not fail
        with one.
        """
        for clientEnds in (False, True):
            side = self.startedPair().side(clientEnds)
            if not side.isReady:
                self.end(side, 0.0)
                self.assertIsNotNone(
                    side.error, "before Ready, receiveEnd must finish with an error (ClosedByPeer)"
                )

    def test_connectionsApart(self) -> None:
        """
        Connections of one client and one server, at the same time, do not know
        of each other; nor can a censor, for they look different.
        """
        context, client, server = self.factories()
        pairs = [CodecPair(client(), server(), context.reactor) for _ in range(2)]
        for pair in pairs:
            pair.start()
        for pair in reversed(pairs):
            self.shakeHands(pair, what=" of two connections at once")
        for pair in pairs:
            self.exchange(pair)
        one, other = pairs
        if not self.plain:
            for name, first, second in (
                ("client", one.client, other.client),
                ("server", one.server, other.server),
            ):
                self.assertNotEqual(
                    b"".join(first.transmitted),
                    b"".join(second.transmitted),
                    f"the {name} says the same in each connection: draw keys and padding in the"
                    " codec, not in clientCodec or serverCodec (or set plain)",
                )
