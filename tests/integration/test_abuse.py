"""
Our children among peers and applications that mean ill, or do not care.
"""

from __future__ import annotations

from typing import Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from pyptwist import limits
from pyptwist.testing.destinations import listen, sink
from pyptwist.testing.socksclient import SocksRefused, socksConnect, socksGreet, socksRequest
from pyptwist.testing.streams import Stream, connect, payload, together
from pyptwist.testing.wiretap import Tap
from tests.integration.abuse import AbuseCase
from tests.integration.inspection import cpuSeconds, until
from tests.integration.pour import Pour

_KIB: Final = 1 << 10
_MIB: Final = 1 << 20

#: Connections of the same kind at the same time.
_MANY: Final = 200

#: Bytes of memory for each connection that is not ready.  It keeps what was sent
#: until that is known to be garbage, 8 KiB at the most.
_EACH: Final = 32 * _KIB

#: Bytes by which a process may grow while it waits for a reader.
_UNREAD: Final = 8 * _MIB

#: Seconds of processor time that waiting may cost, the good client included.
_WAITING: Final = 0.5

_GENERAL_FAILURE: Final = 1

#: All that an application says, to a client that refuses it for its arguments.
_DIALOGUE: Final = (
    b"\x05\x02\x00\x02" + b"\x01\x03a=b\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x09"
)

_REFUSAL: Final = b"\x05%c\x00\x01" + bytes(6)


class PeerTests(AbuseCase):
    """
    What the server's port has to bear.
    """

    async def hold(self, data: bytes) -> list[Stream]:
        """
        :param data: what each of many peers sends.
        :returns: their connections.
        """
        peers = await together(*(connect(self, self.bridge.address) for _ in range(_MANY)))
        for peer in peers:
            peer.write(data)
        return peers

    async def test_garbage(self) -> None:
        """
        Many that send garbage, and stay, and as many whose garbage could still
        become a handshake; then all send more.  None hears a word, and good
        clients are served.
        """
        await self.start()
        peers = await self.hold(payload(10 * _KIB))
        await self.assertServes()
        peers += await self.hold(payload(4 * _KIB))
        await self.assertServes()
        for peer in peers:
            peer.write(payload(10 * _KIB))
        await self.assertServes()
        await self.assertDescriptors(ofServer=len(peers))
        self.assertGrown(_EACH * len(peers))
        self.assertEqual({(peer.received, peer.reason) for peer in peers}, {(0, None)})
        for peer in peers[::2]:
            peer.close()
        await together(*(peer.drop() for peer in peers[1::2]))
        await self.assertUnharmed()

    async def test_tooMany(self) -> None:
        """
        More than there are descriptors for: once they are gone, all is well.
        """
        await self.start("/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
        peers = await self.hold(b"x")
        await until(lambda: any(peer.reason for peer in peers), "that some are let go")
        await together(*(peer.drop() for peer in peers))
        await self.assertUnharmed()

    async def test_resets(self) -> None:
        """
        Resets in the middle of a handshake.
        """
        await self.start()
        for size in (1, 31, 32, 100, 1000, 8000, 9000):
            peer = await connect(self, self.bridge.address)
            await peer.send(payload(size))
            await peer.drop()
        await self.assertUnharmed()


class SlownessTests(AbuseCase):
    """
    Those who take their time.
    """

    async def drip(self, stream: Stream, data: bytes) -> None:
        """
        Send a byte a second, unless the other side closes.
        """
        for byte in data:
            if stream.reason is None:
                stream.write(bytes([byte]))
                await deferLater(reactor, 1.0)

    async def application(self, says: bytes) -> None:
        """
        One that does not come to the point is let go in time.
        """
        begun = reactor.seconds()
        stream = await connect(self, self.proxy)
        await together(self.drip(stream, says), stream.lost())
        self.assertEqual(stream.received, 0)
        lasted = reactor.seconds() - begun
        self.assertLess(abs(lasted - limits.SOCKS_NEGOTIATION), 2.0)

    async def peer(self) -> None:
        """
        One that leaves before it has said much was not answered.
        """
        stream = await connect(self, self.bridge.address)
        await self.drip(stream, payload(5))
        self.assertEqual((stream.received, stream.reason), (0, None))
        stream.close()
        await stream.lost()

    async def test_slow(self) -> None:
        """
        A silent application, one that sends its greeting byte by byte, and a
        peer that does likewise; meanwhile others are served.
        """
        await self.start()
        greeting = b"\x05\xff" + bytes(10)
        await together(
            self.application(b""), self.application(greeting), self.peer(), self.assertServes()
        )
        await self.assertUnharmed()


class UnreadTests(AbuseCase):
    """
    Data that nobody reads for a while.
    """

    async def check(self, *directions: str) -> None:
        """
        Pour until everything is full, then read all of it, and more.
        """
        await self.start()
        near, far = await self.connect()
        ends = {"up": (near, far), "down": (far, near)}
        pours = [(Pour(ends[name][0], len(name)), ends[name][1]) for name in directions]
        await together(*(pour.stalled() for pour, _ in pours))
        await self.assertWaits()
        self.assertGrown(_UNREAD)
        digests = await together(
            *(reader.digest(pour.stopAfter(16 * _MIB)) for pour, reader in pours)
        )
        self.assertEqual(digests, [pour.hexdigest() for pour, _ in pours])
        self.assertGrown(_UNREAD)
        for pour, _ in pours:
            await pour.done
        await near.drop()
        await self.assertUnharmed()

    async def assertWaits(self) -> None:
        """
        Waiting costs hardly anything, and others are served.
        """
        before = [cpuSeconds(child.pid) for child in self.children]
        await self.assertServes()
        await deferLater(reactor, 0.5)
        for child, seconds in zip(self.children, before, strict=True):
            self.assertLess(cpuSeconds(child.pid) - seconds, _WAITING)

    async def test_down(self) -> None:
        """
        The application does not read.
        """
        await self.check("down")

    async def test_up(self) -> None:
        """
        The destination does not read.
        """
        await self.check("up")

    async def test_both(self) -> None:
        """
        Neither does.
        """
        await self.check("up", "down")


class ResetTests(AbuseCase):
    """
    Connections that end at any moment, most of them by a reset.
    """

    async def test_negotiation(self) -> None:
        """
        An application that goes before it has said all, or that says something
        wrong anywhere.
        """
        await self.start()
        for place in range(len(_DIALOGUE) + 1):
            wrong = _DIALOGUE[:place] + b"\xff" + _DIALOGUE[place + 1 :]
            for says in (_DIALOGUE[:place], wrong):
                for isOrderly in (False, True):
                    stream = await connect(self, self.proxy)
                    stream.write(says)
                    if isOrderly:
                        stream.close()
                        await stream.lost()
                    else:
                        await deferLater(reactor, 0)
                        await stream.drop()
        await self.assertUnharmed()

    async def test_handshake(self) -> None:
        """
        An application that goes while the bridge is silent takes the
        connection to the bridge with it.  A bridge that goes before it has
        answered is a failure.
        """
        await self.start()
        await self.applicationGoes()
        for size in (0, 1, 100):
            await self.bridgeGoes(size)
        await self.assertUnharmed()

    async def applicationGoes(self) -> None:
        silent = listen(self)
        near = await connect(self, self.proxy)
        await socksGreet(near, self.bridge.arguments)
        asking = Deferred.fromCoroutine(socksRequest(near, silent.address))
        far = await silent.accept()
        await far.read(1)
        await near.drop()
        await self.assertFailure(asking, EOFError)
        await far.readToEnd()

    async def bridgeGoes(self, size: int) -> None:
        async def handler(stream: Stream) -> None:
            await stream.read(size)
            await stream.drop()

        bridge = listen(self, handler).address
        with self.assertRaises(SocksRefused) as refused:
            await socksConnect(self, self.proxy, bridge, self.bridge.arguments)
        self.assertEqual(refused.exception.code, _GENERAL_FAILURE)

    async def test_transfer(self) -> None:
        """
        Whichever of the three connections is reset while data flow both ways,
        the others end.
        """
        await self.start()
        tap = Tap(self, self.bridge.address)
        for number in range(9):
            near, far = await self.connect(tap.address)
            pours = [Pour(near, 1), Pour(far, 2)]
            for end in (near, far):
                await end.digest(_MIB)
            await (near, tap.streams[-1], far)[number % 3].drop()
            await together(sink(near), sink(far))
            for pour in pours:
                await pour.done
        await self.assertUnharmed()

    async def test_reader(self) -> None:
        """
        A reader that does not read, and goes, takes the writer with it.
        """
        await self.start()
        for isFar in (False, True):
            near, far = await self.connect()
            reader, writer = (far, near) if isFar else (near, far)
            pour = Pour(writer, 1)
            await pour.stalled()
            await reader.drop()
            await writer.lost()
            await pour.done
        await self.assertUnharmed()


class MalformedTests(AbuseCase):
    """
    An application that does not speak SOCKS5 as it should.
    """

    async def refused(self, says: bytes, chunk: int) -> bytes:
        """
        :returns: all that the client answers, until it closes.
        """
        stream = await connect(self, self.proxy)
        await stream.send(says, chunk)
        return await stream.readToEnd()

    async def test_malformed(self) -> None:
        """
        The first wrong byte is answered as the RFCs say, where they say it,
        and is the last, however the bytes are cut up.
        """
        await self.start()
        choice, trust = b"\x05\x02", b"\x01\x00"
        greeting, password = _DIALOGUE[:4], _DIALOGUE[:11]
        for says, answer in (
            (b"\x04", b""),
            (b"GET / HTTP/1.1\r\n"[:1], b""),
            (b"\x05\x00", b"\x05\xff"),
            (b"\x05\x02\x01\x03", b"\x05\xff"),
            (greeting + b"\x05", choice + b"\x01\x01"),
            (greeting + b"\x01\x01=\x01\x00", choice + b"\x01\x01"),
            (greeting + b"\x01\x03abc\x01\x00", choice + b"\x01\x01"),
            (greeting + b"\x01\x04a=b\\\x01\x00", choice + b"\x01\x01"),
            (password + b"\x04", choice + trust + _REFUSAL % 1),
            (password + b"\x05\x02", choice + trust + _REFUSAL % 7),
            (password + b"\x05\x03", choice + trust + _REFUSAL % 7),
            (password + b"\x05\x01\x01", choice + trust + _REFUSAL % 1),
            (password + b"\x05\x01\x00\x02", choice + trust + _REFUSAL % 8),
            (password + b"\x05\x01\x00\x03\x00\x00\x09", choice + trust + _REFUSAL % 1),
            (password + b"\x05\x01\x00\x03\x01\xff\x00\x09", choice + trust + _REFUSAL % 1),
            (_DIALOGUE[:-2] + b"\x00\x00", choice + trust + _REFUSAL % 1),
            (_DIALOGUE, choice + trust + _REFUSAL % 1),
        ):
            for chunk in (len(says), 1):
                self.assertEqual(await self.refused(says, chunk), answer, says)
        await self.assertUnharmed()
