"""
Tests for ``pyptwist.testing.handshakes``: handshakes that are broken.
"""

from __future__ import annotations

from pyptwist.arguments import Arguments
from pyptwist.codec import READY, CodecFactory, Effect
from pyptwist.interfaces import Context
from tests.memory import Hello, HelloCodec
from tests.testing.broken import BrokenCase, Masked, MaskedClient


class BrokenHandshakeTests(BrokenCase):
    def test_losesTrailingData(self) -> None:
        """
        Forgets what came together with the end of the handshake.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                again = super()._hello()
                if self.isReady:
                    self.buffer.clear()
                return again

        self.assertBroken(Broken, "test_payloadBehindHandshake")
        # The other side's fault is found as well, whichever side it is.
        for side in ("clientCodec", "serverCodec"):
            arguments = (Broken, Arguments()) if side == "serverCodec" else Broken
            method = type("OneSide", (Hello,), {side: lambda *_, found=arguments: found})
            self.assertEqual(len(self.failures(method, "test_payloadBehindHandshake")), 1, side)

    def test_wantsOnePiece(self) -> None:
        """
        Takes a greeting in pieces for a wrong one.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                self.buffer += bytes(max(0, 5 - len(self.buffer)))
                return super()._hello()

        self.assertBroken(Broken, "test_everyTwoWaySplit", "test_byteByByte")

    def test_readyTwice(self) -> None:
        class Broken(HelloCodec):
            def ready(self) -> None:
                super().ready()
                self.out.append(READY)

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("Ready came twice", why)

    def test_deliversTooEarly(self) -> None:
        class Broken(HelloCodec):
            def begin(self) -> None:
                super().begin()
                self.deliver(b"welcome")

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("Deliver came before Ready", why)

    def test_neverReady(self) -> None:
        """
        Both wait for the other to begin.
        """

        class Broken(HelloCodec):
            def begin(self) -> None:
                self.state = self._hello

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("no handshake", why)

    def test_sendsTooEarly(self) -> None:
        """
        Takes payload before there is anybody to send it to.
        """

        class Broken(HelloCodec):
            def send(self, data: bytes, now: float) -> list[Effect]:
                return super().send(data, now) if self.isReady else []

        self.assertBroken(Broken, "test_sendBeforeReady")

    def test_leavesInOrder(self) -> None:
        """
        Takes a peer that leaves before the handshake is over for a good end.
        """

        class Broken(HelloCodec):
            def endOfInput(self) -> None:
                self.finish()

        [why] = self.assertBroken(Broken, "test_endDuringHandshake")
        self.assertIn("ClosedByPeer", why)

    def test_oneForAll(self) -> None:
        """
        Uses one codec for all connections.
        """

        class Broken(Hello):
            def serverCodec(
                self, context: Context, arguments: Arguments
            ) -> tuple[CodecFactory, Arguments]:
                codec = HelloCodec()
                return lambda: codec, Arguments()

        self.assertEqual(self.failures(Broken, "test_payloadPasses"), [])
        for name in ("test_connectionsApart", "test_severalConnections"):
            self.assertFails(Broken, name)

    def test_oneNonce(self) -> None:
        """
        Draws its nonce where the codec is chosen, and not where it is made.
        """

        class Broken(Masked):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                nonce = context.entropy(16)
                return lambda: MaskedClient(nonce)

        self.assertEqual(self.failures(Broken, "test_deterministic", isPlain=False), [])
        self.assertFails(Broken, "test_connectionsApart", "the client says the same", False)
