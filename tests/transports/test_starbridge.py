"""
Tests for ``pyptwist.transports.starbridge``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import OptionsForm
from pyptwist.ipc.options import located, parseOptions
from pyptwist.registry import clientTransport, serverTransport
from pyptwist.testing import CodecConformance
from pyptwist.testing.applications import Applications
from pyptwist.transports.replicant.method import Replicant
from pyptwist.transports.starbridge import Starbridge
from tests.transports.replicant.test_method import SmtpCover
from tests.transports.shadow.test_options import BIND, ShadowCase
from tests.transports.shadow.vectors import NEW_PRIVATE, NEW_PUBLIC, OLD_PRIVATE, OLD_PUBLIC

ADDRESS = "127.0.0.1:443"

#: Files as shapeshifter-dispatcher has them.
SERVER_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "serverPrivateKey": "%s",
    "transport": "Starbridge",
    "bindAddress": "0.0.0.0:1234"
}"""
CLIENT_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "serverPublicKey": "%s",
    "transport": "Starbridge"
}"""


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Starbridge
    serverArguments = Arguments(serverAddress=ADDRESS)


class TestEndpoints(SmtpCover, SynchronousTestCase):
    method = Starbridge


class SpellingTests(ShadowCase):
    """
    Names are told apart by their case in the PT protocol, and not in
    shapeshifter-dispatcher.
    """

    def test_lower(self) -> None:
        for name in ("Replicant", "Starbridge"):
            served, dialled = serverTransport(name), clientTransport(name.lower())
            self.assertEqual(dialled.name, name.lower())
            self.method = lambda served=served: served
            needed = self.serve(Arguments(serverPrivateKey=NEW_PRIVATE))
            attempt = dialled.clientEndpoint(self.context, BIND, needed).connect(Applications())
            self.network.pump()
            self.assertEqual(self.successResultOf(attempt).transport.methodName, name.lower())
            self.port.stopListening()


class FileTests(ShadowCase):
    method = Starbridge

    def read(self, text: str) -> Arguments:
        return parseOptions(text, OptionsForm.JSON, ["Starbridge"])["Starbridge"]

    def check(self, private: str, public: str) -> None:
        needed = self.serve(self.read(SERVER_FILE % private))
        client = self.read(CLIENT_FILE % public)
        self.connects(None, client)
        self.connects(*located(client, None))
        self.connects(BIND, needed)

    def test_keychain(self) -> None:
        self.check(NEW_PRIVATE, NEW_PUBLIC)

    def test_compact(self) -> None:
        self.check(OLD_PRIVATE, OLD_PUBLIC)

    def test_isReplicant(self) -> None:
        """
        With both of its parts, and their fields.
        """
        needed = self.serve(self.read(SERVER_FILE % NEW_PRIVATE))
        self.assertEqual(set(needed), {"serverPublicKey", "serverAddress"})
        parts = Arguments(toneburst="Starburst", polish="DarkStar")
        endpoint = Replicant().clientEndpoint(self.context, BIND, needed.updated(parts))
        attempt = endpoint.connect(self.servers)
        self.network.pump()
        self.successResultOf(attempt)

    def test_wrong(self) -> None:
        with self.assertRaisesRegex(ConfigurationError, "serverPublicKey"):
            self.dial(BIND, Arguments())
        with self.assertRaisesRegex(ConfigurationError, "must be Starbridge"):
            self.dial(BIND, Arguments(serverPublicKey=NEW_PUBLIC, transport="Replicant"))
