"""
Diffie-Hellman with public keys that look like random bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis.strategies import binary
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto import uniformdh
from pyptwist.errors import HandshakeFailed
from pyptwist.testing import fixedEntropy

# The known answers of obfsproxy (obfsproxy/test/test_obfs3_dh.py) and of obfs4
# (common/uniformdh/uniformdh_test.go).
X_PRIVATE = bytes.fromhex(
    "6f592d676f536874746f20686e6b776f20736874206561676574202e6f592d67"
    "6f536874746f20687369742065686720"
    "74612e655920676f532d746f6f6868746920207368742065656b20796e612064"
    "7567726169646e616f20206668742065"
    "61676574202e61507473202c727073656e652c746620747572752c6561206c6c"
    "612065726f20656e6920206e6f592d67"
    "6f536874746f2e68482020656e6b776f2073687772652065687420656c4f2064"
    "6e4f736562206f72656b74207268756f"
)
X_PUBLIC = bytes.fromhex(
    "76a3d17d5c55b03e865fa3e8267990a724baa24b0bdd0cc4af93be8de30be120"
    "d5533c91bf63ef923b02edcb84b74438"
    "3f7de232cca6eb46d07cad83dcaa317fbecbc68ca13e2c4019e6a36531067450"
    "04aecc0be1dff0a78733fb0e7d5cb7c4"
    "97cab77b1331bf347e5f3a7847aa0bc0f4bc64146b48407fed7b931d16972d25"
    "fb4da5e6dc074ce2a58daa8de7624247"
    "cdf2ebe4e4dfec6d5989aac778c87559d3213d6040d4111ce3a2acae19f9ee15"
    "32509e037f69b252fdc30243cbbce9d0"
)
Y_PRIVATE = bytes.fromhex(
    "736562206f72656b74207268756f68676f2020666c6f2c646120646e77206568"
    "657254206568207968736c61206c7262"
    "6165206b68746f7267752068676169612e6e482020656e6b776f207368777265"
    "2065685479656820766120657274646f"
    "652072616874732766206569646c2c736120646e772065686572542065682079"
    "74736c69206c72746165206468746d65"
    "202c6e612064687720796f6e6f20656e63206e61622068656c6f206468546d65"
    "61202073685479657420657264610a2e"
)
Y_PUBLIC = bytes.fromhex(
    "d04e156e554c37ffd7aba749df6623501e4ff4466cb12be055617c1a36872237"
    "36d2c3fdce9ee0f9b27774350849112a"
    "a5aeb1f126811c9c2f3a9cb13d2f0c3a7e6fa2d3bf71baf50d839171534f227e"
    "fbb2ce4227a38c25abdc5ba7fc430111"
    "3a2cb2069c9b305faac4b72bf21fec71578a9c369bcac84e1a7dcf0754e342f5"
    "bc8fe4917441b88254435e2abaf297e9"
    "3e1e57968672d45bd7d4c8ba1bc3d314889b5bc3d3e4ea33d4f2dfdd34e5e5a7"
    "2ff24ee46316d4757dad09366a0b66b3"
)
SHARED = bytes.fromhex(
    "78afaf5f457f1fdb832bebc397644a33038be9dba10ca2ce4a076f327f3a0ce3"
    "151d477b869ee7ac467755292ad8a77d"
    "b9bd87ffbbc39955bcfb03b1583888c8fd037834ff3f401d463c10f899aa6378"
    "445140b7f8386a7d509e7b9db19b677f"
    "062a7a1a4e1509604d7a0839ccd5da6173e10afd9eab6dda74539d60493ca37f"
    "a5c98cd9640b409cd8bb3be2bc5136fd"
    "42e764fc3f3c0ddb8db3d87abcf2e6598d2b101bef7a56f50ebc658f9df1287d"
    "a81359543e77e4a4cfa7598a4152e4c0"
)

#: 2**1536 - 2**1472 + 2**64 * (floor(2**1406 * pi) + 741804) - 1: RFC 3526 has
#: it in this form, too.  Pi times 2**1406 is summed by Machin's formula.
BITS = 1406


def _arctanOfInverse(divisor: int, one: int) -> int:
    term = total = one // divisor
    sign, odd = -1, 3
    while term:
        term //= divisor * divisor
        total += sign * (term // odd)
        sign, odd = -sign, odd + 2
    return total


def _modulus() -> int:
    spare = 64
    one = 1 << BITS + spare
    pi = 4 * (4 * _arctanOfInverse(5, one) - _arctanOfInverse(239, one)) >> spare
    return int(2**1536 - 2**1472 + 2**64 * (pi + 741804) - 1)


P = _modulus()


def number(encoded: bytes) -> int:
    return int.from_bytes(encoded, "big")


def encoded(value: int) -> bytes:
    return value.to_bytes(192, "big")


class KnownAnswerTests(SynchronousTestCase):
    """
    The vectors of both references.
    """

    def test_publicKeyWithTheCoinSet(self) -> None:
        self.assertEqual(uniformdh.KeyPair(X_PRIVATE).public, X_PUBLIC)

    def test_publicKeyWithTheCoinClear(self) -> None:
        self.assertEqual(uniformdh.KeyPair(Y_PRIVATE).public, Y_PUBLIC)

    def test_sharedSecret(self) -> None:
        self.assertEqual(uniformdh.KeyPair(X_PRIVATE).exchange(Y_PUBLIC), SHARED)
        self.assertEqual(uniformdh.KeyPair(Y_PRIVATE).exchange(X_PUBLIC), SHARED)

    def test_bothFormsOfAKeyGiveTheSameSecret(self) -> None:
        pair = uniformdh.KeyPair(X_PRIVATE)
        self.assertEqual(pair.exchange(encoded(P - number(Y_PUBLIC))), SHARED)


class GenerateTests(SynchronousTestCase):
    """
    Fresh pairs, compared with Python's arithmetic.
    """

    def test_takesItsPrivateKeyFromTheSource(self) -> None:
        asked = []

        def entropy(count: int) -> bytes:
            asked.append(count)
            return X_PRIVATE

        self.assertEqual(uniformdh.generate(entropy).public, X_PUBLIC)
        self.assertEqual(asked, [192])

    def test_coinChoosesTheForm(self) -> None:
        clear = uniformdh.KeyPair(X_PRIVATE[:-1] + b"\x6e")
        self.assertEqual(number(clear.public), P - number(X_PUBLIC))
        self.assertEqual(clear.exchange(Y_PUBLIC), SHARED)

    def test_publicKeyIsPaddedOnTheLeft(self) -> None:
        # 2**10, and p less that.
        self.assertEqual(uniformdh.KeyPair(encoded(10)).public, encoded(1024))
        self.assertEqual(uniformdh.KeyPair(encoded(11)).public, encoded(P - 1024))

    def test_sharedSecretIsPaddedOnTheLeft(self) -> None:
        self.assertEqual(uniformdh.KeyPair(encoded(2)).exchange(encoded(12)), encoded(144))

    def test_privateKeysAboveTheModulus(self) -> None:
        private = b"\xff" * 192
        self.assertEqual(
            number(uniformdh.KeyPair(private).public),
            P - pow(2, number(private) - 1, P),
        )

    @given(private=binary(min_size=192, max_size=192).filter(lambda key: number(key) > 1))
    @settings(max_examples=20, deadline=None)
    def test_agreesWithArithmetic(self, private: bytes) -> None:
        coin = number(private) & 1
        power = pow(2, number(private) - coin, P)
        pair = uniformdh.KeyPair(private)
        self.assertEqual(number(pair.public), P - power if coin else power)
        self.assertEqual(
            number(pair.exchange(X_PUBLIC)), pow(number(X_PUBLIC), number(private) - coin, P)
        )

    def test_pairsAgree(self) -> None:
        entropy = fixedEntropy("uniformdh")
        for _ in range(8):
            one, other = uniformdh.generate(entropy), uniformdh.generate(entropy)
            self.assertEqual(one.exchange(other.public), other.exchange(one.public))

    def test_reprTellsNoKey(self) -> None:
        self.assertEqual(repr(uniformdh.KeyPair(X_PRIVATE)), "<KeyPair>")


class PeerTests(SynchronousTestCase):
    """
    What peers may send.
    """

    def setUp(self) -> None:
        self.pair = uniformdh.KeyPair(X_PRIVATE)

    def test_keysThatMakeNoSecret(self) -> None:
        for value in (0, 1, P - 1, P, P + 1):
            with self.assertRaises(HandshakeFailed):
                self.pair.exchange(encoded(value))

    def test_keysAboveTheModulusAreReduced(self) -> None:
        # 2 and 3 are a square and none.
        for value in (2, 3):
            self.assertEqual(
                self.pair.exchange(encoded(P + value)), self.pair.exchange(encoded(value))
            )
        self.assertEqual(
            number(self.pair.exchange(b"\xff" * 192)),
            pow(2**1536 - 1 - P, number(X_PRIVATE) - 1, P),
        )

    def test_anOpensslThatRefusesWhatIsNoSquare(self) -> None:
        # Until 3.3 it did, and half of all peers send such keys.
        class Strict(uniformdh.KeyPair):
            __slots__ = ()

            def _power(self, base: int) -> bytes:
                if pow(base, (P - 1) // 2, P) != 1:
                    raise ValueError("Error computing shared key.")
                return super()._power(base)

        pair = Strict(Y_PRIVATE)
        self.assertEqual(pair.exchange(X_PUBLIC), SHARED)
        self.assertEqual(pair.exchange(encoded(P - number(X_PUBLIC))), SHARED)
        for value in (0, 1, P - 1):
            with self.assertRaises(HandshakeFailed):
                pair.exchange(encoded(value))


class ImportTests(SynchronousTestCase):
    def test_operatorsSeeNoDeprecation(self) -> None:
        # They could do nothing about it.
        program = "import pyptwist.crypto.uniformdh as dh, os; dh.generate(os.urandom)"
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
