"""
The ntor computations, against those of Go's packages.
"""

from __future__ import annotations

from nacl.bindings import crypto_scalarmult_base
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto import elligator2, ntor
from pyptwist.crypto.elligator2 import KeyPair
from pyptwist.errors import HandshakeFailed
from pyptwist.testing import fixedEntropy

# Made with obfs4proxy 0.0.14's common/ntor.
NODE_ID = bytes(range(20))
X_PRIVATE, Y_PRIVATE, B_PRIVATE = (bytes(range(n, n + 32)) for n in (0x10, 0x40, 0x80))
X = "d89e3bad79437dbed9f843418304f460ff05c7fe81fe4a9577a804cb9367ff66"
Y = "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
B = "493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d"
KEY_SEED = "f29670a45275a20c2cfd4c2393c03f5f604b83cc40e8ddb38de8c05cc7ae67c9"
AUTH = "f67fd84d59648c2e914f75828d0697ae00335f117d7cf7927e4496b56d6ef917"
OKM = (
    "8882e494687764bb2f6d9ecbd507f42765f869d324229177a95d277b32d3a774"
    "ee27f2512aea4c85a4bb3e67fc1d733d4c1039556a71097786a25e1c211a4d24"
    "362b47f0c34fb1846bd4a68b35c5c0eaa74ba1da42533122754fac0d55934e8c"
    "9e4ccf447bb8dd557b71cf8e52ce380e2e68acab3e51059bc6d8f19aa26a38f9"
    "8756b04598fa0fcb264297470a77da76"
)

# Points of low order, as u-coordinates: RFC 7748's all-zero results.
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


def keyPair(private: bytes) -> KeyPair:
    return KeyPair(b"", crypto_scalarmult_base(private), private)


class NtorTests(SynchronousTestCase):
    """
    ``ntor``
    """

    def test_publicKeys(self) -> None:
        """
        The vectors' keys belong together.
        """
        for private, public in ((X_PRIVATE, X), (Y_PRIVATE, Y), (B_PRIVATE, B)):
            self.assertEqual(keyPair(private).publicKey.hex(), public)

    def test_vectors(self) -> None:
        """
        Both sides come to the reference's results.
        """
        identity, server = bytes.fromhex(B), bytes.fromhex(Y)
        results = (
            ntor.client(keyPair(X_PRIVATE), server, identity, NODE_ID),
            ntor.server(keyPair(Y_PRIVATE), bytes.fromhex(X), B_PRIVATE, identity, NODE_ID),
        )
        for result in results:
            self.assertEqual(result.keySeed.hex(), KEY_SEED)
            self.assertEqual(result.auth.hex(), AUTH)

    def test_expand(self) -> None:
        """
        So does the key derivation.
        """
        self.assertEqual(ntor.expand(bytes.fromhex(KEY_SEED), 144).hex(), OKM)
        self.assertEqual(ntor.expand(bytes.fromhex(KEY_SEED), 33).hex(), OKM[:66])

    def test_elligatorKeys(self) -> None:
        """
        Key pairs with representatives work as well.
        """
        entropy = fixedEntropy("ntor")
        x, y = elligator2.generate(entropy), elligator2.generate(entropy)
        identity = bytes.fromhex(B)
        self.assertEqual(
            ntor.client(x, y.publicKey, identity, NODE_ID),
            ntor.server(y, x.publicKey, B_PRIVATE, identity, NODE_ID),
        )

    def test_everythingCounts(self) -> None:
        """
        Another identity, node id or key gives another secret and proof.
        """
        identity, server, x = bytes.fromhex(B), bytes.fromhex(Y), keyPair(X_PRIVATE)
        results = [
            ntor.client(x, server, identity, NODE_ID),
            ntor.client(x, server, identity, bytes(20)),
            ntor.client(x, server, server, NODE_ID),
            ntor.client(x, identity, identity, NODE_ID),
            ntor.client(keyPair(Y_PRIVATE), server, identity, NODE_ID),
        ]
        self.assertEqual(len({result.auth for result in results}), len(results))
        self.assertEqual(len({result.keySeed for result in results}), len(results))

    def test_lowOrder(self) -> None:
        """
        A peer cannot force a secret that everybody knows.
        """
        identity, x, y = bytes.fromhex(B), keyPair(X_PRIVATE), keyPair(Y_PRIVATE)
        for point in LOW_ORDER:
            for attempt in (
                lambda point=point: ntor.client(x, point, identity, NODE_ID),
                lambda point=point: ntor.client(x, identity, point, NODE_ID),
                lambda point=point: ntor.server(y, point, B_PRIVATE, identity, NODE_ID),
            ):
                self.assertRaises(HandshakeFailed, attempt)

    def test_secretsHidden(self) -> None:
        """
        A result that ends up in a log says nothing.
        """
        result = ntor.client(keyPair(X_PRIVATE), bytes.fromhex(Y), bytes.fromhex(B), NODE_ID)
        self.assertNotIn(repr(result.keySeed), repr(result))
