"""
Tests for ``pyptwist.transports.shadow.options``, ``addressed`` and ``method``: arguments
in all the forms in which they come, and what outlives a restart.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import OptionsForm
from pyptwist.ipc.options import located, parseOptions
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Application, Applications
from pyptwist.transports.shadow.method import Shadow, freshPassword, readCipher
from pyptwist.transports.shadow.options import darkStarClient
from tests.transports.shadow.vectors import (
    CC_COMPACT,
    CC_KEYCHAIN,
    CLIENT_PRIVATE,
    CLIENT_X,
    NEW_PRIVATE,
    NEW_PUBLIC,
    OLD_PRIVATE,
    OLD_PUBLIC,
    SERVER,
    SERVER_PRIVATE_33,
    SERVER_PUBLIC,
    making,
    sent,
)

BIND = HostPort("127.0.0.1", 1234)

#: Files as shapeshifter-dispatcher has them.
SERVER_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "serverPrivateKey": "%s",
    "cipherName": "DarkStar",
    "transport": "Shadow",
    "bindAddress": "0.0.0.0:1234"
}"""
CLIENT_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "serverPublicKey": "%s",
    "cipherName": "darkstar",
    "transport": "Shadow"
}"""


def fromFile(text: str) -> Arguments:
    return parseOptions(text, OptionsForm.JSON, ["shadow"])["shadow"]


class ShadowCase(SynchronousTestCase):
    """
    Servers and clients over a network in memory.
    """

    method: Any = Shadow

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.where = self.mktemp()
        self.context = memoryContext(self.where, network=self.network)
        self.servers = Applications()

    def serve(self, options: Arguments, bind: HostPort = BIND) -> Arguments:
        """
        :returns: what clients need.
        """
        endpoint = self.method().serverEndpoint(self.context, bind, options)
        self.port = self.successResultOf(endpoint.listen(self.servers))
        needed: Arguments = endpoint.clientArguments
        return needed

    def dial(self, target: HostPort | None, arguments: Arguments) -> Any:
        endpoint = self.method().clientEndpoint(self.context, target, arguments)
        attempt = endpoint.connect(Factory.forProtocol(Application))
        self.network.pump()
        return attempt

    def connects(self, target: HostPort | None, arguments: Arguments) -> None:
        """
        Payload passes.
        """
        client = self.successResultOf(self.dial(target, arguments))
        client.transport.write(b"hello")
        self.network.pump()
        self.assertEqual(bytes(self.servers.built[-1].received), b"hello")
        client.transport.loseConnection()
        self.network.pump()

    def fails(self, target: HostPort | None, arguments: Arguments) -> None:
        """
        The server keeps silent.
        """
        attempt = self.dial(target, arguments)
        self.network.pump(200)
        self.failureResultOf(attempt, ConnectError)
        self.assertEqual(self.servers.built, [])


class FileTests(ShadowCase):
    """
    Both sides from shapeshifter-dispatcher's files.
    """

    def check(self, private: str, public: str) -> None:
        self.serve(fromFile(SERVER_FILE % private))
        client = fromFile(CLIENT_FILE % public)
        target, rest = located(client, None)
        self.connects(target, rest)
        self.connects(None, client)

    def test_keychain(self) -> None:
        self.check(NEW_PRIVATE, NEW_PUBLIC)

    def test_33(self) -> None:
        self.check(SERVER_PRIVATE_33, SERVER_PUBLIC)

    def test_compact(self) -> None:
        """
        The keys of its sample files, which are those of before 2022.
        """
        self.check(OLD_PRIVATE, OLD_PUBLIC)

    def test_password(self) -> None:
        options = parseOptions(
            '{"shadow": {"password": "1234", "cipherName": "CHACHA20-IETF-POLY1305"}}',
            OptionsForm.JSON,
            ["shadow"],
        )["shadow"]
        self.assertEqual(
            self.serve(options),
            Arguments(cipherName="chacha20-ietf-poly1305", password="1234"),
        )
        self.connects(BIND, options)

    def test_otherTransport(self) -> None:
        for text in (SERVER_FILE % NEW_PRIVATE, CLIENT_FILE % NEW_PUBLIC):
            options = fromFile(text.replace('"Shadow"', '"Replicant"'))
            with self.assertRaisesRegex(ConfigurationError, "transport"):
                self.method().serverEndpoint(self.context, BIND, options)
            with self.assertRaisesRegex(ConfigurationError, "transport"):
                self.method().clientEndpoint(self.context, BIND, options)

    def test_noText(self) -> None:
        """
        A password in bytes that are no UTF-8, as Python has them from a command line.
        """
        options = Arguments(password="secret\udcff")
        for make in (self.method().serverEndpoint, self.method().clientEndpoint):
            with self.assertRaisesRegex(ConfigurationError, "'password' must be UTF-8"):
                make(self.context, BIND, options)


class AddressTests(ShadowCase):
    """
    Where the handshake says that the server is.
    """

    def test_bind(self) -> None:
        """
        Where it listens, unless told otherwise.
        """
        needed = self.serve(Arguments())
        self.assertEqual(needed.get("handshakeAddress"), "127.0.0.1:1234")
        self.assertNotIn("serverAddress", needed)
        self.connects(BIND, needed)
        self.connects(BIND, needed.without("handshakeAddress"))

    def test_told(self) -> None:
        """
        Whoever connects elsewhere says the server's address all the same.
        """
        needed = self.serve(Arguments(serverAddress="192.0.2.1:443"))
        self.assertEqual(needed.get("serverAddress"), "192.0.2.1:443")
        self.assertNotIn("handshakeAddress", needed)
        self.connects(BIND, needed)
        self.servers.built.clear()
        self.fails(BIND, needed.without("serverAddress"))

    def test_everywhere(self) -> None:
        """
        Who listens everywhere says so, and tells clients: whatever the port, which is
        not the same at tor's first start and at its second.
        """
        published = []
        for bind in ("0.0.0.0:0", "0.0.0.0:40001", "[::]:443"):
            endpoint = self.method().serverEndpoint(
                self.context, HostPort.parse(bind), Arguments()
            )
            published.append(endpoint.clientArguments.get("handshakeAddress"))
        self.assertEqual(published, ["0.0.0.0:0"] * 3)

    def test_handshakeAddress(self) -> None:
        needed = self.serve(Arguments(serverAddress="0.0.0.0:7"))
        self.connects(
            BIND, needed.without("serverAddress").updated(Arguments(handshakeAddress="0.0.0.0:7"))
        )

    def test_wrong(self) -> None:
        needed = self.serve(Arguments())
        for key in ("serverAddress", "handshakeAddress"):
            for text in ("example.org", "example.org:x", ""):
                with self.assertRaisesRegex(ConfigurationError, key):
                    self.dial(BIND, needed.updated(Arguments({key: text})))
        with self.assertRaisesRegex(ConfigurationError, "name"):
            self.dial(HostPort("example.org", 443), needed.without("handshakeAddress"))
        with self.assertRaisesRegex(ConfigurationError, "address"):
            self.dial(None, needed)


class CipherTests(SynchronousTestCase):
    def test_default(self) -> None:
        """
        A password speaks for a cipher that takes one.
        """
        self.assertIsNone(readCipher(Arguments()))
        found = readCipher(Arguments(password="x"))
        assert found is not None
        self.assertEqual(found.name, "chacha20-ietf-poly1305")
        self.assertIsNone(readCipher(Arguments(password="x", cipherName="DARKSTAR")))

    def test_unknown(self) -> None:
        with self.assertRaisesRegex(ConfigurationError, "darkstar, aes-128-gcm"):
            readCipher(Arguments(cipherName="rc4-md5"))


class ConfirmationTests(ShadowCase):
    def test_default(self) -> None:
        """
        The form that most servers take, go-shadowsocks2 1.2.8's among them.
        """
        for form, expected in ((None, CC_COMPACT), ("keychain", CC_KEYCHAIN)):
            arguments = Arguments(serverPublicKey=SERVER_PUBLIC)
            if form is not None:
                arguments = arguments.updated(Arguments(confirmation=form))
            context = replace(self.context, entropy=making(CLIENT_PRIVATE))
            codec = darkStarClient(context, SERVER, arguments)()
            self.assertEqual(sent(codec.start(0.0)), CLIENT_X + expected)

    def test_either(self) -> None:
        needed = self.serve(Arguments())
        for form in ("keychain", "compact"):
            self.connects(BIND, needed.updated(Arguments(confirmation=form)))

    def test_wrong(self) -> None:
        needed = self.serve(Arguments())
        with self.assertRaisesRegex(ConfigurationError, "compact, keychain"):
            self.dial(BIND, needed.updated(Arguments(confirmation="none")))
        old = Arguments(serverPublicKey=OLD_PUBLIC, confirmation="keychain")
        with self.assertRaisesRegex(ConfigurationError, "66 bytes"):
            self.dial(BIND, old)


class StateTests(ShadowCase):
    """
    What a restart must not change.
    """

    def files(self) -> list[str]:
        return sorted(os.listdir(self.where))

    def test_key(self) -> None:
        before = self.serve(Arguments())
        self.port.stopListening()
        self.assertEqual(self.serve(Arguments()), before)
        self.assertEqual(self.files(), ["shadow_key.json"])
        with open(os.path.join(self.where, "shadow_key.json"), encoding="ascii") as file:
            fields = json.load(file)
        self.assertEqual(fields["serverPublicKey"].rstrip("="), before.get("serverPublicKey"))
        given = Arguments(serverPrivateKey=fields["serverPrivateKey"])
        self.port.stopListening()
        self.assertEqual(self.serve(given), before)

    def test_password(self) -> None:
        options = Arguments(cipherName="aes-128-gcm")
        before = self.serve(options)
        self.port.stopListening()
        self.assertEqual(self.serve(options), before)
        self.assertEqual(self.files(), ["shadow_password.json"])
        self.assertEqual(len(before.require("password")), 32)

    def test_private(self) -> None:
        self.serve(Arguments())
        mode = os.stat(os.path.join(self.where, "shadow_key.json")).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_damaged(self) -> None:
        """
        It is never replaced.
        """
        for file, options in (
            ("shadow_key.json", Arguments()),
            ("shadow_password.json", Arguments(cipherName="aes-128-gcm")),
        ):
            for data in (b"", b"[]", b"{", b'{"password":7,"serverPrivateKey":"AAAA"}'):
                assert self.context.stateDirectory is not None
                self.context.stateDirectory.write(file, data)
                with self.assertRaisesRegex(ConfigurationError, f"{file} is damaged"):
                    self.method().serverEndpoint(self.context, BIND, options)
                self.assertEqual(self.context.stateDirectory.read(file), data)

    def test_replays(self) -> None:
        """
        A handshake that was good is good no more when the server has started again,
        of either kind.
        """
        for options in (Arguments(), Arguments(cipherName="aes-256-gcm")):
            needed = self.serve(options)
            self.connects(BIND, needed)
            said = bytes(self.network.connections[-1][0].sent)
            for _ in range(2):
                self.port.stopListening()
                self.assertEqual(self.serve(options), needed)
                self.servers.built.clear()
                self.assertEqual(self.replayed(said), b"")
                self.assertEqual(self.servers.built, [])
            self.port.stopListening()

    def test_reflection(self) -> None:
        """
        Nor are the server's own words, of before a restart.
        """
        options = Arguments(cipherName="aes-256-gcm")
        self.servers.begin = lambda transport: transport.write(b"welcome")
        needed = self.serve(options)
        self.connects(BIND, needed)
        said = bytes(self.network.connections[-1][1].sent)
        self.assertGreater(len(said), 50)
        self.port.stopListening()
        self.serve(options)
        self.servers.built.clear()
        self.assertEqual(self.replayed(said), b"")
        self.assertEqual(self.servers.built, [])

    def replayed(self, data: bytes) -> bytes:
        """
        :returns: what somebody hears who says this.
        """
        prober = Application()
        endpoint = self.network.clientEndpoint(BIND.host, BIND.port)
        endpoint.connect(Factory.forProtocol(lambda: prober))
        self.network.pump()
        assert prober.transport is not None
        prober.transport.write(data)
        self.network.pump(200)
        self.assertEqual(len(prober.lost), 1)
        return bytes(prober.received)


class PasswordTests(SynchronousTestCase):
    def test_fits(self) -> None:
        """
        Everywhere: bridge lines, SMETHOD ARGS, shells.
        """
        self.assertRegex(freshPassword(lambda count: b"\xff\xfe" * (count // 2)), r"^[\w-]{32}$")
