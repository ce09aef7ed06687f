"""
Tests for ``pyptwist.testing.probing``: servers that show what they are.
"""

from __future__ import annotations

from pyptwist.errors import AuthenticationFailed, HandshakeTimeout, PTError
from tests.memory import Hello, HelloCodec
from tests.testing.broken import BrokenCase, Masked, MaskedServer, masked, masker


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

    def test_countsFromTheEndAlone(self) -> None:
        """
        The same, where all who err at once end alike.
        """

        class Server(MaskedServer):
            def begin(self) -> None:
                super().begin()
                self.nextTimer = self.now + self.drain

            def failed(self, error: PTError) -> None:
                if isinstance(error, HandshakeTimeout):
                    self.finish(error)
                else:
                    self.drainUntil(self.now + self.drain, error)

        class Broken(Masked):
            server = Server

        self.assertFails(Broken, "test_probersEndAlike", "SilentServerCodec", False)

    def test_understandsNearMisses(self) -> None:
        """
        Is silent about garbage, and ends at once when it is nearly right.
        """

        class Server(MaskedServer):
            def _greeting(self) -> bool:
                stream = masker(bytes(self.buffer[:16]))
                if masked(bytes(self.buffer[16:19]), stream) == b"hel":
                    try:
                        return super()._greeting()
                    except AuthenticationFailed as error:
                        self.finish(error)
                        return False
                return super()._greeting()

        class Broken(Masked):
            server = Server

        self.assertFails(Broken, "test_probersEndAlike", "SilentServerCodec", False)
