"""
Known answers, and codecs made of them.

DarkStar's were made by running go-shadowsocks2 1.2.9's functions with fixed keys; those
of Shadowsocks were checked with shadowsocks-libev 3.3.5.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from pyptwist.addresses import HostPort
from pyptwist.codec import Deliver, Effect, Finished, Transmit
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import PTError
from pyptwist.ledger import Ledger
from pyptwist.testing import fixedEntropy
from pyptwist.transports.shadow.classic import (
    ClassicClientCodec,
    ClassicServerCodec,
    Secret,
    cipherNamed,
)
from pyptwist.transports.shadow.darkstar import (
    DarkStarClientCodec,
    DarkStarServerCodec,
    ServerShared,
)
from pyptwist.transports.shadow.handshake import ServerIdentity
from pyptwist.transports.shadow.keys import PrivateKey, PublicKey, serverId

SERVER = HostPort("127.0.0.1", 1234)
SERVER_ID = bytes.fromhex("7f00000104d2")

SERVER_PRIVATE = bytes(range(0x21, 0x41))
SERVER_PRIVATE_33 = "AiEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9A"
SERVER_PUBLIC = (
    "AgQfFAFGv7GyUfhPTdvg1M3P13r9mEqVIONXlAIfgxK7nuyZWgix+ncE3z3MC1CpZlJj+3cR+V+fikScUJbkfIkr"
)
CLIENT_PRIVATE = bytes(range(0x01, 0x21))
CLIENT_X = bytes.fromhex("515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f")
EPHEMERAL_PRIVATE = bytes(range(0x62, 0x82))
EPHEMERAL_X = bytes.fromhex("d50825359e4707f9fd7362350d2dc7f8a8fd88501469bfd0b6fb38c9b7facd9a")

STATIC = bytes.fromhex("4fe243908f378aa1c2a69538822e6ed908c3225d8692575507c649901245150a")
CC_KEYCHAIN = bytes.fromhex("12348577f529a66ed1d6d4a3e255949fac28b3f97a8707be411c44b6b47f1648")
CC_COMPACT = bytes.fromhex("75aec4142bb064b1996630c52acab45c27c8f935e0c3e8bc7f1fa52fb9843d84")
SC_KEYCHAIN = bytes.fromhex("832213fba5378a1cb0182a3be33e84f198f778fff194322bdc4afa319ad8e933")
TO_SERVER = bytes.fromhex("6a489fa006c37dce0cab1c16d7c0a6d919540e0ec7fd014a1caaf72c29ed0659")
TO_CLIENT = bytes.fromhex("b7495cf3e915c047fdf1d21c2de80c80ebca81d80af3bbcdc7ab69711fa26305")
CHUNKS = bytes.fromhex(
    "ba2a41ba3c3ed8e814041030eef3001e9e04b29fbc59c8b4e23ca75f3def84210c08c9c27064b1"
    "23c72c0b9bf67274aecdf9f9c5133d4a7ab882b2febaeaa7a0cd55b7cfc8db6894f9c5"
)

#: With the same private key: the test pairs of go-shadowsocks2, before 1.2.0 and after.
OLD_PRIVATE = "RaHouPFVOazVSqInoMm8BSO9o/7J493y4cUVofmwXAU="
OLD_PUBLIC = "6LukZ8KqZLQ7eOdaTVFkBVqMA8NS1AUxwqG17L/kHnQ="
NEW_PRIVATE = "huNfx28f8TOiY7XtpR71eHQbK5mB6AWx9WujA51UxSs="
NEW_PUBLIC = (
    "AgSTYvjq/4FbVgjkD5B3hfeQ4aYwZ07llfZPo9XN5gtAYiCqKyrCHELiqQjQmwT8qfNHqyTJj0KwzS7b2htQ86xA"
)

PASSWORD = "pw-x"
SALT = bytes(range(32))
MASTER_KEY = bytes.fromhex("2706123ff8d365dc1b7f4abf669f3831e75506d3e468ea090730dfab8065b391")
SUBKEY = bytes.fromhex("7771f25784f3456f1f0497eb2a7659ae3f5bd70705bb537787d32cfd97c46de8")
FIRST_CHUNK = {
    "aes-256-gcm": bytes.fromhex(
        "ead33b142fc2bd7d7a9797b56c7efba819442a943f1f4570fbf54ba78d0cc482b2da1291fdb943"
    ),
    "chacha20-ietf-poly1305": bytes.fromhex(
        "4aba559b5d2b4af3b6cb0a1a93e8dc67dd769a43525be6c97b346ae500a3c624bf34152aafd57f"
    ),
}

DRAIN = 47.5


def secret(cipher: str = "aes-256-gcm", password: str = PASSWORD) -> Secret:
    found = cipherNamed(cipher)
    assert found is not None
    return Secret.ofPassword(found, password)


def classicClient(
    known: Secret | None = None, memory: Ledger | None = None, seed: str = "client"
) -> ClassicClientCodec:
    return ClassicClientCodec(
        known or secret(), ledger() if memory is None else memory, fixedEntropy(seed)
    )


def classicServer(
    known: Secret | None = None, memory: Ledger | None = None, seed: str = "server"
) -> ClassicServerCodec:
    return ClassicServerCodec(
        known or secret(), ledger() if memory is None else memory, fixedEntropy(seed), DRAIN
    )


def ledger() -> Ledger:
    return Ledger(None, "test")


def publicKey(text: str = SERVER_PUBLIC) -> PublicKey:
    return PublicKey.parse(base64.b64decode(text))


def darkStarClient(isCompact: bool = False, seed: str = "client") -> DarkStarClientCodec:
    identity = ServerIdentity(publicKey(), SERVER_ID, isCompact)
    return DarkStarClientCodec(identity, fixedEntropy(seed))


def serverShared(memory: Ledger | None = None) -> ServerShared:
    return ServerShared(
        PrivateKey(SERVER_PRIVATE), ledger() if memory is None else memory, serverId(SERVER)
    )


def darkStarServer(
    shared: ServerShared | None = None, seed: str = "server"
) -> DarkStarServerCodec:
    return DarkStarServerCodec(shared or serverShared(), fixedEntropy(seed))


def making(private: bytes) -> Entropy:
    """
    :returns: entropy of which this key is made.
    """
    return lambda count: bytes(8) + (int.from_bytes(private, "big") - 1).to_bytes(32, "big")


def sent(effects: Sequence[Effect]) -> bytes:
    return b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))


def delivered(effects: Sequence[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Deliver))


def errors(effects: Sequence[Effect]) -> list[PTError | None]:
    return [effect.error for effect in effects if isinstance(effect, Finished)]
