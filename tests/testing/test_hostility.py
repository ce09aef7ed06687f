"""
Tests for ``pyptwist.testing.hostility``: codecs that a peer can break.
"""

from __future__ import annotations

import struct

from pyptwist.codec import Deliver, Effect, Finished, Transmit
from pyptwist.errors import PTError
from tests.memory import HelloCodec
from tests.testing.broken import BrokenCase


class BrokenByPeerTests(BrokenCase):
    def test_raisesOnGarbage(self) -> None:
        """
        Answers garbage with an exception of Python's.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                if len(self.buffer) >= 5:
                    bytes(self.buffer[:5]).decode("ascii")
                return super()._hello()

        for why in self.assertBroken(Broken, "test_garbage"):
            self.assertIn("UnicodeDecodeError", why)

    def test_raisesOnTamperedFrame(self) -> None:
        """
        The same, but only for garbage that looks like the real thing.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.transmit(struct.pack("!I", len(data)) + data)

            def _stream(self) -> bool:
                if len(self.buffer) < 4:
                    return False
                [size] = struct.unpack_from("!I", self.buffer)
                if size > 1 << 16:
                    raise OverflowError
                if len(self.buffer) < 4 + size:
                    return False
                self.take(4)
                self.deliver(self.take(size))
                return True

        [why] = self.assertBroken(Broken, "test_tampering")
        self.assertIn("OverflowError", why)

    def test_keepsGarbage(self) -> None:
        """
        Reads on, in the hope that a greeting comes, and keeps it all.
        """

        class Broken(HelloCodec):
            maximumBuffer = 1 << 30

            def _hello(self) -> bool:
                place = self.buffer.find(b"hello")
                return place >= 0 and bool(self.take(place) + b"x") and super()._hello()

        self.assertBroken(Broken, "test_boundedBuffer")

    def test_keepsFrames(self) -> None:
        """
        Believes any length, and waits for the rest.
        """

        class Broken(HelloCodec):
            maximumBuffer = 1 << 30

            def encode(self, data: bytes) -> None:
                self.transmit(struct.pack("!I", len(data)) + data)

            def _stream(self) -> bool:
                if len(self.buffer) < 4:
                    return False
                [size] = struct.unpack_from("!I", self.buffer)
                if len(self.buffer) < 4 + size:
                    return False
                self.take(4)
                self.deliver(self.take(size))
                return True

        self.assertBroken(Broken, "test_boundedBuffer")


class BrokenEndTests(BrokenCase):
    def test_talksAfterFinished(self) -> None:
        """
        Has something to say when it is over.
        """

        class Broken(HelloCodec):
            def finish(self, error: PTError | None = None) -> None:
                super().finish(error)
                self.out.append(Transmit(b"bye"))

        for why in self.assertBroken(Broken, "test_garbage", "test_endFlushes"):
            self.assertIn("an effect came after Finished", why)

    def test_answersAfterFinished(self) -> None:
        """
        Ends quietly, but can be woken.
        """

        class Broken(HelloCodec):
            def receive(self, data: bytes, now: float) -> list[Effect]:
                return [Deliver(data)] if self.isFinished else super().receive(data, now)

        self.assertBroken(Broken, "test_silentAfterFinished")

    def test_timerAfterFinished(self) -> None:
        class Broken(HelloCodec):
            def finish(self, error: PTError | None = None) -> None:
                super().finish(error)
                self.nextTimer = self.now + 1

        self.assertBroken(Broken, "test_silentAfterFinished")

    def test_strangeError(self) -> None:
        """
        Finishes with an error that has no cause.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.isFinished = True
                self.out.append(Finished(ValueError("wrong")))  # type: ignore[arg-type]

        self.assertBroken(Broken, "test_garbage")

    def test_neverFinishes(self) -> None:
        """
        Does not care that the peer is gone.
        """

        class Broken(HelloCodec):
            def endOfInput(self) -> None:
                pass

        self.assertBroken(Broken, "test_silentAfterFinished")
        [why] = self.assertBroken(Broken, "test_tampering")
        self.assertIn("the end of input must finish a codec", why)
