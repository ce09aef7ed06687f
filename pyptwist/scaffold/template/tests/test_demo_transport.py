"""
Tests for demo_transport.
"""

from __future__ import annotations

from pyptwist.arguments import Arguments
from pyptwist.errors import AuthenticationFailed, ConfigurationError, HandshakeTimeout
from pyptwist.testing import (
    CodecConformance,
    CodecPair,
    EndpointConformance,
    ManagedConformance,
    fixedEntropy,
    memoryContext,
)
from twisted.trial.unittest import SynchronousTestCase, TestCase

from demo_transport.codec import SECRET, ClientCodec, ServerCodec
from demo_transport.method import DemoTransport


class ConformanceTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    """
    What every method must do.
    """

    method = DemoTransport


class ManagedTests(ManagedConformance, TestCase):
    """
    What every method must do in processes of its own, as tor starts them.  They
    find it by its plugin file: install the package, or set PYTHONPATH=src.
    """

    methodName = DemoTransport.name
    wrongArguments = ({"secret": "0123"},)
    wrongServerOptions = ({"secret": "0123"},)


class ProbeTests(SynchronousTestCase):
    """
    What somebody sees who does not know the secret: nothing, and an end that
    comes whenever this server's ends come.
    """

    drain = 45.0

    def setUp(self) -> None:
        entropy = fixedEntropy("probes")
        self.pair = CodecPair(
            ClientCodec(b"a guess".ljust(SECRET), entropy),
            ServerCodec(b"the secret".ljust(SECRET), entropy, self.drain),
        )
        self.pair.start()

    def assertSilentUntilDrained(self, error: type[Exception]) -> None:
        """
        Nothing was said; the end comes when it must, and not before.
        """
        server = self.pair.server
        self.pair.runTimers(self.drain - 1)
        self.assertFalse(server.isFinished)
        self.pair.runTimers(1)
        self.assertIsInstance(server.error, error)
        self.assertEqual(server.transmitted, [])

    def test_wrongSecret(self) -> None:
        """
        A client that guesses.
        """
        self.pair.run()
        self.assertSilentUntilDrained(AuthenticationFailed)

    def test_silentClient(self) -> None:
        """
        A client that connects and waits.
        """
        self.pair.client.forget()
        self.assertSilentUntilDrained(HandshakeTimeout)

    def test_wrongServer(self) -> None:
        """
        A client that hears a wrong answer ends at once, with the reason.
        """
        client = self.pair.client
        client.apply(client.codec.receive(bytes(32), self.pair.now))
        self.assertIsInstance(client.error, AuthenticationFailed)


class ArgumentTests(SynchronousTestCase):
    """
    What operators and bridge lines say.
    """

    def setUp(self) -> None:
        self.context = memoryContext(self.mktemp())
        self.method = DemoTransport()

    def published(self, arguments: Arguments) -> Arguments:
        """
        :returns: what a server with these options publishes for its clients.
        """
        _, published = self.method.serverCodec(self.context, arguments)
        return published

    def test_option(self) -> None:
        """
        The operator's secret is the one to use.
        """
        arguments = Arguments(secret="00112233445566778899aabbccddeeff")
        self.assertEqual(self.published(arguments), arguments)

    def test_keptSecret(self) -> None:
        """
        Without that option a secret is made, and outlives the server.
        """
        first = self.published(Arguments())
        self.assertEqual(len(first.hexadecimal("secret", SECRET)), SECRET)
        self.assertEqual(self.published(Arguments()), first)

    def test_damagedSecret(self) -> None:
        """
        A file that is no secret stops the server, which says what to do.
        """
        assert self.context.stateDirectory is not None
        self.context.stateDirectory.write(self.method.stateFile, b"short")
        with self.assertRaisesRegex(ConfigurationError, "remove that file"):
            self.published(Arguments())

    def test_clientWithoutSecret(self) -> None:
        """
        A bridge line that lacks the secret is refused before anything is dialled.
        """
        with self.assertRaisesRegex(ConfigurationError, "secret"):
            self.method.clientCodec(self.context, Arguments())
