"""
Tests for ``pyptwist.testing.payloads``: payload that is lost, kept, changed or shown.
"""

from __future__ import annotations

import os
import struct

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Effect
from pyptwist.interfaces import Context
from tests.memory import HelloCodec, SlowCodec
from tests.testing.broken import BrokenCase, Masked, MaskedClient, MaskedServer


class BrokenPayloadTests(BrokenCase):
    def test_losesPayload(self) -> None:
        class Broken(HelloCodec):
            def deliver(self, data: bytes) -> None:
                super().deliver(data[:5000])

        self.assertBroken(Broken, "test_payloadPasses", "test_payload", "test_lastWords")

    def test_negativeBacklog(self) -> None:
        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                self.backlog -= len(data)

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("the backlog is negative", why)

    def test_forgottenBacklog(self) -> None:
        """
        Counts what it holds back, and never what it sent.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                self.backlog += len(data)

        self.assertBroken(Broken, "test_payloadPasses", "test_endFlushes")

    def test_wantsWholeFrames(self) -> None:
        """
        Reads a header only if the whole frame came with it.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.transmit(struct.pack("!I", len(data)) + data)

            def _stream(self) -> bool:
                if len(self.buffer) < 4:
                    return False
                size = int.from_bytes(self.take(4))
                self.deliver(self.take(min(size, len(self.buffer))))
                return True

        self.assertBroken(Broken, "test_everyTwoWaySplitOfPayload")

    def test_endsOnNothing(self) -> None:
        """
        Takes nothing for the end.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                if not data:
                    self.finish()

        self.assertBroken(Broken, "test_nothing")

    def test_keepsPayload(self) -> None:
        """
        Keeps all that it sent, or got.
        """

        class Sender(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                self.kept = getattr(self, "kept", b"") + data

        class Receiver(HelloCodec):
            def deliver(self, data: bytes) -> None:
                super().deliver(data)
                self.kept = getattr(self, "kept", b"") + data

        for broken in (Sender, Receiver):
            [why] = self.assertBroken(broken, "test_boundedStream")
            self.assertIn("memory grows", why)

    def test_earlyTimer(self) -> None:
        """
        Takes any call for the time to act.
        """

        class Broken(HelloCodec):
            def timerFired(self, now: float) -> list[Effect]:
                self.transmit(b"padding")
                return self._effects()

        self.assertBroken(Broken, "test_earlyTimer")

    def test_timerForEver(self) -> None:
        """
        Wants to be called again at once, always.
        """

        class Broken(SlowCodec):
            def timer(self) -> None:
                self.nextTimer = self.now

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("a timer fires for ever", why)

    def test_endlessTalk(self) -> None:
        """
        Answers each answer.
        """

        class Broken(HelloCodec):
            def _stream(self) -> bool:
                if self.buffer:
                    self.transmit(self.take(len(self.buffer)))
                return False

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("the codecs never come to rest", why)

    def test_losesLastWords(self) -> None:
        """
        Ends without sending what it held back.
        """

        class Broken(SlowCodec):
            def sendEnd(self, now: float) -> list[Effect]:
                self.finish()
                return super().sendEnd(now)

        self.assertBroken(Broken, "test_endFlushes", "test_lastWords")

    def test_neverEnds(self) -> None:
        """
        Sends all, and stays.
        """

        class Broken(HelloCodec):
            def isFlushed(self) -> bool:
                return False

        [why] = self.assertBroken(Broken, "test_endFlushes")
        self.assertIn("Finished must follow", why)

    def test_ownRandomness(self) -> None:
        """
        Takes its padding from the system.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.transmit(data + os.urandom(8).hex().encode())

            def deliver(self, data: bytes) -> None:
                super().deliver(data[:-16])

        self.assertBroken(Broken, "test_deterministic")

    def test_knownBytes(self) -> None:
        """
        Needs no randomness for what it says.
        """

        class Broken(Masked):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                return lambda: MaskedClient(b"always this one.")

        self.assertFails(Broken, "test_deterministic", "the same bytes from the client", False)

    def test_inClear(self) -> None:
        """
        Hides the handshake, and not what comes then.
        """

        class Open(MaskedClient):
            def encode(self, data: bytes) -> None:
                self.transmit(data)

        class Reading(MaskedServer):
            def _stream(self) -> bool:
                self.deliver(self.take(len(self.buffer)))
                return False

        class Broken(Masked):
            client = Open
            server = Reading

        self.assertEqual(self.failures(Broken, "test_payloadPasses", isPlain=False), [])
        self.assertFails(Broken, "test_deterministic", "crosses the wire as it is", False)
