"""
Tests for ``pyptwist.transports.b64``.
"""

from __future__ import annotations

import base64
import subprocess

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import caution
from pyptwist.arguments import Arguments
from pyptwist.codec import READY, Deliver, Effect, Finished, Transmit
from pyptwist.errors import ClosedByPeer, FramingError
from pyptwist.interfaces import IClientTransport, ICodec, IServerTransport
from pyptwist.testing import CodecConformance, EndpointConformance, memoryContext
from pyptwist.testing.codecs import oneByOne
from pyptwist.transports.b64 import B64, B64Codec, B64ServerCodec, decode
from tests.peers import requirePeer

_DRAIN = 42.5

_PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=12)

# Each is wrong, and would be right but for one thing.
_WRONG = (
    b"QUJ DRA==", b"QUJD\nREVG", b"QU-D", b"QU_D", b"QUJDRA=A", b"Q===", b"====", b"=QUI",
    b"QQ=A", b"\0UJD", b"QUJ\xff", b"QUJDGET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01",
)  # fmt: skip


def started(codec: B64Codec) -> B64Codec:
    """
    :returns: the codec, after its start.
    """
    assert codec.start(1000.0) == [READY]
    return codec


def delivered(effects: list[Effect]) -> bytes:
    """
    :returns: what was delivered, joined.
    """
    return b"".join(effect.data for effect in effects if isinstance(effect, Deliver))


def inGroups(wire: bytes) -> bytes:
    """
    :returns: the payload of all whole groups of four, each taken by itself.
    """
    return b"".join(base64.b64decode(wire[at : at + 4]) for at in range(0, len(wire) - 3, 4))


class TestConformance(CodecConformance, SynchronousTestCase):
    method = B64
    plain = True


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = B64

    def test_wire(self) -> None:
        """
        The wire carries each write as base64, at once.
        """
        client, server = self.connected()
        client.transport.write(b"there")
        client.transport.writeSequence([b"and", b" there"])
        server.transport.write(b"back")
        self.network.pump()
        [ends] = self.network.connections
        self.assertEqual([bytes(end.sent) for end in ends], [b"dGhlcmU=YW5kIHRoZXJl", b"YmFjaw=="])

    def test_stranger(self) -> None:
        """
        A server that hears what is no base64 stays silent, whatever its application
        does, and ends the connection with a FIN at its time.
        """
        client, server = self.connected()
        [(clientEnd, serverEnd)] = self.network.connections
        clientEnd.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.pump()
        server.transport.write(b"a page")
        server.transport.loseConnection()
        server.transport.abortConnection()
        self.network.pump(29.0)
        self.assertEqual(bytes(serverEnd.sent), b"")
        self.assertEqual([client.lost, server.lost], [[], []])
        self.network.pump(62.0)
        self.assertEqual([len(client.lost), len(server.lost)], [1, 1])
        self.assertTrue(server.lost[0].check(FramingError))
        self.assertFalse(serverEnd.aborted)
        self.assertAtRest()


class TestCodec(SynchronousTestCase):
    def codecs(self) -> tuple[B64Codec, B64ServerCodec]:
        """
        :returns: a client's and a server's.
        """
        server = B64ServerCodec(_DRAIN)
        started(server)
        return started(B64Codec()), server

    def test_interface(self) -> None:
        verifyObject(ICodec, B64Codec())
        verifyObject(ICodec, B64ServerCodec(_DRAIN))

    def test_readyAtOnce(self) -> None:
        for codec in self.codecs():
            self.assertIsNone(codec.nextTimer)

    @given(_PIECES)
    def test_send(self, pieces: list[bytes]) -> None:
        """
        Each write is one object, with its own padding: the reference's wire.
        """
        for codec in self.codecs():
            for piece in pieces:
                self.assertEqual(codec.send(piece, 1.0), [Transmit(base64.b64encode(piece))])
            self.assertEqual(codec.backlog, 0)

    @given(_PIECES, st.data())
    def test_receive(self, pieces: list[bytes], data: st.DataObject) -> None:
        """
        Wherever the network cuts, what is whole is delivered at once.
        """
        wire = b"".join(map(base64.b64encode, pieces))
        cut = data.draw(st.integers(0, len(wire)))
        for codec in self.codecs():
            early = delivered(codec.receive(wire[:cut], 1.0))
            self.assertEqual(early, inGroups(wire[:cut]))
            late = delivered(codec.receive(wire[cut:], 1.0))
            self.assertEqual(early + late, b"".join(pieces))

    def test_oneDelivery(self) -> None:
        """
        What one read brings is delivered in one piece.
        """
        for codec in self.codecs():
            wire = base64.b64encode(b"on") * 1000
            self.assertEqual(codec.receive(wire, 1.0), [Deliver(b"on" * 1000)])

    def test_reference(self) -> None:
        """
        The texts with which the reference tests its splitter (obfsproxy 0.2.12,
        test_b64.py), such of them as its encoder could have written.
        """
        for text, objects in (
            (b"on==", [b"on=="]),
            (b"on==left", [b"on==", b"left"]),
            (b"on==lefthan=side", [b"on==", b"lefthan=", b"side"]),
            (b"onthelefthan", [b"onthelefthan"]),
        ):
            payload = b"".join(map(base64.b64decode, objects))
            for pieces in ([text], oneByOne(text)):
                codec = started(B64Codec())
                got = b"".join(delivered(codec.receive(piece, 1.0)) for piece in pieces)
                self.assertEqual(got, payload)

    def test_large(self) -> None:
        """
        There is no longest piece, and no more than a part of a group is kept.
        """
        piece = bytes(1 << 20)
        for codec in self.codecs():
            [effect] = codec.send(piece, 1.0)
            assert isinstance(effect, Transmit)
            wire = bytes(effect.data)
            self.assertEqual(codec.receive(wire + b"QUJ", 1.0), [Deliver(piece)])
            self.assertEqual(bytes(codec.buffer), b"QUJ")

    def test_wrong(self) -> None:
        """
        A client ends at the first group that is wrong; all before it is delivered,
        however it was cut.
        """
        for text in _WRONG:
            results = []
            for pieces in ([b"c28g" + text], oneByOne(b"c28g" + text)):
                codec = started(B64Codec())
                effects = [each for piece in pieces for each in codec.receive(piece, 1.0)]
                end = effects[-1]
                assert isinstance(end, Finished), text
                self.assertIsInstance(end.error, FramingError)
                results.append(delivered(effects))
            self.assertEqual(*results)
            self.assertTrue(results[0].startswith(b"so "))

    def test_wrongToServer(self) -> None:
        """
        A server delivers nothing more then, says nothing, and ends when it ends
        others.
        """
        for text in _WRONG:
            codec = started(B64ServerCodec(_DRAIN))
            codec.receive(text, 1003.0)
            self.assertIsInstance(codec.refusal, FramingError)
            self.assertEqual(codec.receive(b"QUJD", 1003.0), [])
            self.assertEqual(codec.send(b"data", 1004.0), [])
            self.assertEqual(codec.sendEnd(1004.0), [])
            self.assertEqual(codec.nextTimer, 1000.0 + _DRAIN)
            [end] = codec.timerFired(1000.0 + _DRAIN)
            assert isinstance(end, Finished)
            self.assertIsInstance(end.error, FramingError)

    def test_ends(self) -> None:
        """
        Either side's end is an orderly one, but within a group.
        """
        for codec in self.codecs():
            self.assertEqual(codec.sendEnd(1.0), [Finished()])
        for codec in self.codecs():
            self.assertEqual(codec.receiveEnd(1.0), [Finished()])
        for codec in self.codecs():
            codec.receive(b"QUJDQ", 1.0)
            [end] = codec.receiveEnd(1.0)
            assert isinstance(end, Finished)
            self.assertIsInstance(end.error, FramingError)
            self.assertNotIsInstance(end.error, ClosedByPeer)

    @given(st.binary(max_size=64).map(lambda data: data[: len(data) & ~3]))
    def test_decodeAnything(self, data: bytes) -> None:
        """
        What is right ends where the strict decoder of the library says so.
        """
        groups = [data[at : at + 4] for at in range(0, len(data), 4)]
        payload = b""
        for group in groups:
            try:
                payload += base64.b64decode(group, validate=True)
            except ValueError:
                self.assertEqual(decode(data), (payload, False))
                break
        else:
            self.assertEqual(decode(data), (payload, True))


class TestMethod(SynchronousTestCase):
    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, B64())
        verifyObject(IServerTransport, B64())
        self.assertEqual(B64().name, "b64")

    def test_warns(self) -> None:
        """
        Whoever uses it, on either side, is told what it is worth, once.
        """
        context = memoryContext(self.mktemp())
        for use in (B64().clientCodec, B64().serverCodec):
            self.patch(caution, "_warned", set())
            with capturedLogs() as events:
                use(context, Arguments())
                use(context, Arguments())
            [event] = events
            self.assertEqual((event["log_level"], event["name"]), (LogLevel.warn, "b64"))

    def test_drain(self) -> None:
        """
        Each server draws its time, for all of its connections.
        """
        context = memoryContext(self.mktemp())
        times = []
        for _ in range(2):
            make, _arguments = B64().serverCodec(context, Arguments())
            mine = {codec.drain for codec in (make(), make()) if isinstance(codec, B64ServerCodec)}
            times.append(mine)
        self.assertEqual([len(mine) for mine in times], [1, 1])
        self.assertNotEqual(*times)


class TestTools(SynchronousTestCase):
    """
    Programs of others: to them an object is a file of base64.
    """

    def run_(self, command: list[str], data: bytes) -> bytes:
        """
        :returns: what a program makes of its input.
        """
        program = [requirePeer(command[0]), *command[1:]]
        return subprocess.run(program, input=data, capture_output=True, check=True).stdout

    def _exchange(self, encoder: list[str], decoder: list[str]) -> None:
        codec = started(B64Codec())
        for size in (1, 2, 3, 1000, 65536):
            payload = bytes(range(256)) * 257
            [effect] = codec.send(payload[:size], 1.0)
            assert isinstance(effect, Transmit)
            self.assertEqual(self.run_(decoder, bytes(effect.data)), payload[:size])
            theirs = self.run_(encoder, payload[:size]).rstrip(b"\n")
            self.assertEqual(codec.receive(theirs, 1.0), [Deliver(payload[:size])])

    def test_coreutils(self) -> None:
        self._exchange(["base64", "-w0"], ["base64", "-d"])

    def test_openssl(self) -> None:
        self._exchange(["openssl", "base64", "-A"], ["openssl", "base64", "-d", "-A"])
