"""
Tests for ``pyptwist.testing.carrying``: connections that do not keep their contract.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.connection import CodecConnection
from pyptwist.interfaces import Context
from pyptwist.transports.dummy import Dummy
from tests.memory import Hello, SlowCodec
from tests.testing.broken import BrokenCase


class BrokenConnectionTests(BrokenCase):
    """
    The connection itself is broken, for the time of the test.
    """

    def assertFailsWith(self, name: str, attribute: str, value: object, why: str = "") -> None:
        """
        A connection with an attribute of ours fails a test, which a good one
        passes.
        """
        self.assertEqual(self.failures(Hello, name), [])
        patch = self.patch(CodecConnection, attribute, value)
        self.assertFails(Hello, name, why)
        patch.restore()

    def test_delivers(self) -> None:
        """
        Delivers to an application that has paused.
        """
        for name in ("test_slowClient", "test_slowServer"):
            self.assertFailsWith(name, "pauseProducing", lambda _: None, "a paused application")

    def test_staysPaused(self) -> None:
        """
        Never goes on.
        """
        why = "resumed with the reader"
        self.assertFailsWith("test_slowClient", "resumeProducing", lambda _: None, why)

    def test_asksNobody(self) -> None:
        """
        Knows producers that write by themselves only.
        """
        register = CodecConnection.registerProducer

        def registerProducer(self: CodecConnection, producer: Any, streaming: bool) -> None:
            if streaming:
                register(self, producer, streaming)

        self.assertFailsWith(
            "test_pullProducer", "registerProducer", registerProducer, "must be asked"
        )

    def test_flushes(self) -> None:
        """
        Sends what is left, when it was to end at once.
        """
        self.assertFailsWith(
            "test_abort", "abortConnection", CodecConnection.loseConnection, "must not flush"
        )

    def test_wrongBottom(self) -> None:
        """
        Says that it is the network connection itself.
        """
        self.assertFailsWith("test_networkConnection", "networkConnection", property(lambda c: c))

    def test_deafAtFirst(self) -> None:
        """
        Does not hear what applications do as they are connected.
        """
        for name, attribute in (
            ("test_writeAtOnce", "write"),
            ("test_closeAtOnce", "loseConnection"),
        ):
            real = getattr(CodecConnection, attribute)

            def later(self: Any, *arguments: Any, real: Any = real) -> None:
                if not self._applying:
                    real(self, *arguments)

            self.assertFailsWith(name, attribute, later)


class BrokenMethodTests(BrokenCase):
    def test_bareEndpoint(self) -> None:
        """
        Hands out the network connection instead of a transport connection.
        """

        class Bare(Dummy):
            def clientEndpoint(
                self, context: Context, target: HostPort | None, arguments: Arguments
            ) -> IStreamClientEndpoint:
                assert target is not None
                endpoint: IStreamClientEndpoint = context.network.clientEndpoint(
                    target.host, target.port
                )
                return endpoint

        self.assertEqual(len(self.failures(Bare, "test_transportConnection")), 1)

    def test_ignoresBackpressure(self) -> None:
        """
        Holds back whatever it gets, without saying so.
        """

        class Broken(SlowCodec):
            @property
            def backlog(self) -> int:
                return 0

            @backlog.setter
            def backlog(self, size: int) -> None:
                self.nextTimer = self.now + 1 if size else None

        for why in self.assertBroken(Broken, "test_slowClient", "test_slowServer"):
            self.assertIn("a slow reader must pause the writer", why)

    def test_wrongName(self) -> None:
        """
        Has another name on its connections.
        """

        class Misnamed(Hello):
            names = iter("abcdefgh")

            @property
            def name(self) -> str:  # type: ignore[override]
                return next(self.names)

        self.assertEqual(len(self.failures(Misnamed, "test_transportConnection")), 1)
