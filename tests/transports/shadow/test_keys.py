"""
Tests for ``pyptwist.transports.shadow.keys``.
"""

from __future__ import annotations

import base64
import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.testing import fixedEntropy
from pyptwist.transports.shadow.keys import (
    PrivateKey,
    PublicKey,
    encode,
    readPrivateKey,
    readPublicKey,
    serverId,
)
from tests.transports.shadow.vectors import (
    CLIENT_PRIVATE,
    CLIENT_X,
    EPHEMERAL_PRIVATE,
    EPHEMERAL_X,
    NEW_PRIVATE,
    NEW_PUBLIC,
    OLD_PRIVATE,
    OLD_PUBLIC,
    SERVER_PRIVATE,
    SERVER_PRIVATE_33,
    SERVER_PUBLIC,
    STATIC,
)

KEYCHAIN = base64.b64decode(SERVER_PUBLIC)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class VectorTests(SynchronousTestCase):
    def test_public(self) -> None:
        public = PrivateKey(SERVER_PRIVATE).public
        self.assertEqual(public.keychain, KEYCHAIN)
        self.assertEqual(public.x, KEYCHAIN[2:34])
        self.assertEqual(PrivateKey(CLIENT_PRIVATE).public.x, CLIENT_X)
        self.assertEqual(PrivateKey(EPHEMERAL_PRIVATE).public.x, EPHEMERAL_X)

    def test_pairs(self) -> None:
        """
        Of the reference's own tests, in its older form and the newer.
        """
        old = PrivateKey(base64.b64decode(OLD_PRIVATE)).public
        self.assertEqual(old.x, base64.b64decode(OLD_PUBLIC))
        new = PrivateKey(base64.b64decode(NEW_PRIVATE)).public
        self.assertEqual(new.keychain, base64.b64decode(NEW_PUBLIC))

    def test_shared(self) -> None:
        """
        Either of the two points with one x gives the same secret.
        """
        client, server = PrivateKey(CLIENT_PRIVATE), PrivateKey(SERVER_PRIVATE)
        self.assertEqual(client.shared(server.public), STATIC)
        self.assertEqual(server.shared(client.public), STATIC)
        self.assertEqual(client.shared(PublicKey.ofX(server.public.x)), STATIC)

    def test_leadingZero(self) -> None:
        """
        Go's numbers have none.
        """
        five, other = (PrivateKey(number.to_bytes(32, "big")) for number in (5, 492))
        self.assertEqual(
            five.shared(other.public).hex(),
            "d0b4383727610a0c652f3974ad06b97902137b5f00477c05cd4c61c61a0250",
        )

    def test_serverId(self) -> None:
        self.assertEqual(serverId(HostPort("127.0.0.1", 1234)).hex(), "7f00000104d2")
        self.assertEqual(serverId(HostPort("2001:db8::1234:5678", 443)).hex(), "1234567801bb")
        with self.assertRaises(ConfigurationError):
            serverId(HostPort("example.org", 443))


class FormTests(SynchronousTestCase):
    """
    Whatever a file may hold.
    """

    def test_public(self) -> None:
        for raw in (KEYCHAIN, KEYCHAIN[1:], b"\x02" + KEYCHAIN, b"\xff" + KEYCHAIN):
            key = PublicKey.parse(raw)
            self.assertEqual(key.keychain, KEYCHAIN)
            self.assertEqual(key.x, KEYCHAIN[2:34])

    def test_publicX(self) -> None:
        """
        Which of two points it is, nobody knows.
        """
        key = PublicKey.parse(KEYCHAIN[2:34])
        self.assertEqual(key.x, KEYCHAIN[2:34])
        self.assertIsNone(key.keychain)

    def test_noPublic(self) -> None:
        for raw in (b"", KEYCHAIN[:-1], bytes(66), bytes(65), b"\xff" * 32, KEYCHAIN[:-1] + b"x"):
            with self.assertRaises(ValueError):
                PublicKey.parse(raw)

    def test_private(self) -> None:
        for raw in (SERVER_PRIVATE, base64.b64decode(SERVER_PRIVATE_33), b"\0" + SERVER_PRIVATE):
            self.assertEqual(PrivateKey.parse(raw).raw, SERVER_PRIVATE)

    def test_noPrivate(self) -> None:
        for raw in (b"", bytes(32), bytes(31), bytes(34), ORDER.to_bytes(32, "big")):
            with self.assertRaises(ValueError):
                PrivateKey.parse(raw)

    @given(st.binary(max_size=70))
    def test_garbage(self, raw: bytes) -> None:
        for parse in (PublicKey.parse, PrivateKey.parse):
            with contextlib.suppress(ValueError):
                parse(raw)

    def test_fresh(self) -> None:
        entropy = fixedEntropy("keys")
        keys = {PrivateKey.fresh(entropy).raw for _ in range(20)}
        self.assertEqual(len(keys), 20)
        self.assertEqual(PrivateKey.fresh(bytes).raw, (1).to_bytes(32, "big"))


class ArgumentTests(SynchronousTestCase):
    def test_padding(self) -> None:
        """
        With or without, which bridge lines cannot hold.
        """
        for text in (SERVER_PUBLIC, encode(KEYCHAIN)):
            self.assertEqual(readPublicKey(Arguments(serverPublicKey=text)).keychain, KEYCHAIN)
        for text in (NEW_PRIVATE, NEW_PRIVATE.rstrip("=")):
            key = readPrivateKey(Arguments(serverPrivateKey=text))
            self.assertEqual(key.public.keychain, base64.b64decode(NEW_PUBLIC))

    def test_wrong(self) -> None:
        """
        Errors name the key, and no value.
        """
        for read, name in (
            (readPublicKey, "serverPublicKey"),
            (readPrivateKey, "serverPrivateKey"),
        ):
            for text in (None, "", "AAAA", "\N{SNOWMAN}", SERVER_PUBLIC[:-4], "?" * 44):
                arguments = Arguments({} if text is None else {name: text})
                with self.assertRaises(ConfigurationError) as caught:
                    read(arguments)
                self.assertIn(repr(name), str(caught.exception))
                self.assertFalse(text and text in str(caught.exception))

    def test_hidden(self) -> None:
        key = PrivateKey(SERVER_PRIVATE)
        self.assertEqual(repr(key), "<PrivateKey>")
        self.assertEqual(repr(key.public), "<PublicKey>")
