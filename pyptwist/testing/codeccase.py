"""
What the tests of codecs have in common: codecs to test, and ways to cut what they
say.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.interfaces import Context
from pyptwist.testing.codecs import CodecPair, Side, memoryContext

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

Cut = Callable[[bytes], list[bytes]]


def cutAt(place: int) -> Cut:
    """
    :returns: what cuts each piece in two.
    """
    return lambda data: [data[:place], data[place:]]


def places(lengths: Iterable[int], count: int) -> list[int]:
    """
    Where to cut pieces of some lengths.

    :param count: about how many places.
    :returns: all of them if they are so few, else all near the beginning, the
        last of each piece, and some between.
    """
    lengths = set(lengths)
    longest = max(lengths, default=1)
    dense = longest if longest <= count else count // 2
    between = range(dense, longest, max(1, 2 * longest // count))
    last = (length - 1 for length in lengths)
    return sorted(place for place in {*range(1, dense), *between, *last} if place > 0)


class CodecCase(_Case):
    """
    See ``CodecConformance``, which is this and the tests.
    """

    method: Any
    serverArguments = Arguments()
    flushSeconds = 60.0
    boundedBuffer = 1024 * 1024
    payload = bytes(range(256)) * 23
    plain = False
    splits = 150

    def factories(self, seed: str = "conformance") -> tuple[Context, CodecFactory, CodecFactory]:
        """
        :returns: fresh surroundings, and what makes codecs for a client and a
            server in them.
        """
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        context = memoryContext(directory.name, seed)
        make = type(self).method
        server, clientArguments = make().serverCodec(context, self.serverArguments)
        return context, make().clientCodec(context, clientArguments), server

    def pair(self, seed: str = "conformance") -> CodecPair:
        """
        :returns: fresh codecs that suit each other, with fixed entropy.
        """
        context, client, server = self.factories(seed)
        return CodecPair(client(), server(), context.reactor)

    def startedPair(self) -> CodecPair:
        """
        :returns: the same, connected, and nothing carried yet.
        """
        pair = self.pair()
        pair.start()
        return pair

    def readyPair(self, seed: str = "conformance") -> CodecPair:
        """
        :returns: the same, after the handshake.
        """
        pair = self.pair(seed)
        pair.start()
        self.shakeHands(pair)
        return pair

    def shakeHands(self, pair: CodecPair, cut: Cut | None = None, what: str = "") -> None:
        """
        Carry everything both ways, after which both must be ready.
        """
        pair.run(cut)
        if not (pair.client.isReady and pair.server.isReady):
            pair.runTimers(self.flushSeconds)
        for name, side in (("client", pair.client), ("server", pair.server)):
            if not side.isReady:
                why = f"it finished with {side.error!r}" if side.isFinished else "it waits"
                self.fail(
                    f"no handshake{what}: the {name} does not become ready; {why}"
                    " (call CodecBase.ready() when payload may flow)"
                )

    def exchange(self, pair: CodecPair, cut: Cut | None = None) -> None:
        """
        Send the payload each way, and see that it arrives.
        """
        for here, there in ((pair.client, pair.server), (pair.server, pair.client)):
            before = len(there.delivered)
            here.apply(here.codec.send(self.payload, pair.now))
            pair.run(cut)
            pair.runTimers(self.flushSeconds)
            self.assertArrived(there.delivered[before:], self.payload)
            self.assertEqual(
                here.codec.backlog,
                0,
                "the backlog must be 0 when all is transmitted (ICodec.backlog)",
            )

    def assertArrived(self, received: bytes | bytearray, sent: bytes, where: str = "") -> None:
        """
        The application got what the other side's sent, no more and no less.
        """
        if received == sent:
            return
        pairs = enumerate(zip(received, sent, strict=False))
        same = next((i for i, (a, b) in pairs if a != b), min(len(received), len(sent)))
        self.fail(
            f"payload is not what was sent{where}: {len(sent)} bytes were sent, {len(received)}"
            f" arrived, and the first {same} of them are right (if more of them were to"
            " come with time, see flushSeconds)"
        )

    def end(self, side: Side, now: float) -> None:
        """
        The network connection is gone, which is the end of every codec.
        """
        side.apply(side.codec.receiveEnd(now))
        self.assertTrue(
            side.isFinished, "the end of input must finish a codec (ICodec.receiveEnd)"
        )

    @contextlib.contextmanager
    def harmless(self, what: str) -> Iterator[None]:
        """
        Whatever the peer sends, nothing is raised.
        """
        try:
            yield
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"{what} raised {type(error).__name__}: {error}; raise a PTError in the codec's"
                " states, which CodecBase turns into failed() (ICodec.receive)"
            ) from error
