"""
Tests for ``pyptwist.testing.probing``: servers that show what they are.
"""

from __future__ import annotations

from pyptwist.errors import PTError
from tests.memory import Hello, HelloCodec
from tests.testing.broken import BrokenCase, Masked, MaskedServer


class TellingTests(BrokenCase):
    def test_answersProbers(self) -> None:
        """
        Tells whoever fails that he did.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.transmit(b"500 go away")
                super().failed(error)

        self.assertBroken(Broken, "test_prober")

    def test_keepsProbers(self) -> None:
        """
        Drains for ever.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.drainUntil(self.now + 1e9, error)

        patient = {"codec": Broken, "serverHandshakeTimeout": 1e9}
        self.assertEqual(len(self.failures(type("M", (Hello,), patient), "test_prober")), 1)

    def test_endsAtOnce(self) -> None:
        """
        Ends when it knows, and not when it would have anyway.
        """

        class Server(MaskedServer):
            def failed(self, error: PTError) -> None:
                self.finish(error)

        class Broken(Masked):
            server = Server

        self.assertEqual(self.failures(Broken, "test_prober", isPlain=False), [])
        self.assertFails(Broken, "test_probersEndAlike", "SilentServerCodec", False)

    def test_countsFromTheEnd(self) -> None:
        """
        Drains for a time that begins with the failure.
        """

        class Server(MaskedServer):
            def failed(self, error: PTError) -> None:
                self.drainUntil(self.now + self.drain, error)

        class Broken(Masked):
            server = Server

        self.assertFails(Broken, "test_probersEndAlike", "SilentServerCodec", False)
