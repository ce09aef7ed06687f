"""
Key pairs that look like random bytes.
"""

from __future__ import annotations

from collections import Counter

from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto import elligator2
from pyptwist.testing import fixedEntropy

# Made with obfs4proxy 0.0.14's internal/x25519ell2: public key, representative.
VECTORS = [
    "2db933e81381ae7523d35d56c7711fc42e7a8475aff67070af43241baed00f2e",
    "9de874ea6a42886281ed05f32753fe56bd2677e0121ca826dae3415fe8036302",
    "79f10a52ec9fcdc400fc81e901bcf46126efc6bbeda18c30d2546a7180f9252e",
    "1120b4721efe66b00af66691714e0c90bde7221509357b513e80804b05af3e89",
    "ab59627da762d75b7588f0288366e7aff1aab69175c1b4e0f6e9e36373d8aa6f",
    "764b94df9b0047c5e90823080b33508a29b22ab7fd75bb23f0476ded93580b19",
    "715a50e37657a0b69e6955a0602c754e9e11e8560551c89a99ebc99dc9a6fb3f",
    "5e91144ecccaedabbdae546fa2ebe3590003e8cc348d331b6548bc88fe09179f",
    "46d0a30b52176cfd3b53c8d0d9a390a99ed93c48327e5921c43e8aff9c756d71",
    "da288e6d3f0e51782a3d98bd0ae215f2b3fe1c33982ab41141b6e4e2d4ea0261",
    "2b05d62a975ac0d2cf06f197520017af36aab173afd50448b634d7fa92aa4a54",
    "ea8edb6d9b69f1245cf08f2978082b29188b3d87705996be9e9a7e7bff9e344c",
    "6b72acb321d54a07987a89f462a103863f56fa7dcf93ff56579f4a0a5a414603",
    "a10cb30013cd5c2f1d2fe4b484d756d4c22e89046bd7fc34254d1f338120a428",
    "99d043621366bf1adb7cdb0b8bda883c73da3d34b50b8b1816032f233684e50d",
    "d86ee358ad76799aa597cdbdd06e845bd25aa2dd0ad0c5439406861d29950e14",
]

# The private keys that belong to them.
PRIVATE_KEYS = [
    "ab318190addab718ae4662f1a9b99d08d5fc9374d71907ffad6f56ae726968f8",
    "1d1bcf7426f2ed9fb6438e0dd4ac93aff5a0ef4495c90328c6d1b2ebb2e1076f",
    "8fd3e9644df44c05062339ee45b4aa6c37626db14cf019c039e852922a0eeba2",
    "baba8a5897dfc489145e64127576dc8930d0ea8d9cec2dbfd08c69762837f5d1",
    "9e2c1d2395c8c871f0d3ca5c0895f3551e23deda579fcf20b20f5c66670e3473",
    "76086503acc3895e32bfb1a18f0922cd50fc886b3b825cd637d6593b6f113ef3",
    "7cd57aa8535b381fcbbdb4705db3a26b108af98ba349bb8e07cc6571def68759",
    "16481193c06a8b3fe41bda649ef516e0d5fde82e4782782c3414c18c42ac7350",
]

FIELD = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def multiply(u: int, scalar: int) -> tuple[int, int]:
    """
    The Montgomery ladder of RFC 7748, without clamping.

    :returns: the product's projective u-coordinate; z is 0 at infinity.
    """
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in f"{scalar:b}":
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a, c * b
        x3, z3 = (da + cb) ** 2 % FIELD, u * (da - cb) ** 2 % FIELD
        aa, bb = a * a % FIELD, b * b % FIELD
        x2, z2 = aa * bb % FIELD, (aa - bb) * (aa + 121665 * (aa - bb)) % FIELD
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
    return x2, z2


def lowOrderPart(publicKey: bytes) -> int | None:
    """
    :returns: the u-coordinate of what is left of a point outside the prime-order
        subgroup; None if it is inside.
    """
    x, z = multiply(int.from_bytes(publicKey, "little"), GROUP_ORDER)
    return x * pow(z, -1, FIELD) % FIELD if z else None


class MapTests(SynchronousTestCase):
    """
    ``elligator2.toPublicKey``
    """

    def test_vectors(self) -> None:
        """
        The reference's representatives are understood.
        """
        for publicKey, representative in zip(VECTORS[::2], VECTORS[1::2], strict=True):
            result = elligator2.toPublicKey(bytes.fromhex(representative))
            self.assertEqual(result.hex(), publicKey)

    def test_agreement(self) -> None:
        """
        The point of low order in its public keys makes no difference to X25519.
        """
        scalar = bytes(range(32))
        dirty = 0
        for publicKey, private in zip(VECTORS[::2], PRIVATE_KEYS, strict=True):
            clean = crypto_scalarmult_base(bytes.fromhex(private))
            dirty += clean.hex() != publicKey
            self.assertEqual(
                crypto_scalarmult(scalar, bytes.fromhex(publicKey)),
                crypto_scalarmult(scalar, clean),
            )
        self.assertGreater(dirty, 0)

    def test_edges(self) -> None:
        """
        Every string has a public key, and its top two bits do not matter.
        """
        high = "80e5132b658f7f451b2b658f7f451b2b658f7f451b2b658f7f451b2b658f7f45"
        edges = {
            bytes(32): bytes(32).hex(),
            b"\xff" * 32: high,
            b"\xff" * 31 + b"\x3f": high,
            b"\x01" + bytes(31): "9cdb52" + "55" * 29,
        }
        for representative, publicKey in edges.items():
            self.assertEqual(elligator2.toPublicKey(representative).hex(), publicKey)


class GenerateTests(SynchronousTestCase):
    """
    ``elligator2.generate``
    """

    def test_vector(self) -> None:
        """
        One seed, one key pair.
        """
        keys = elligator2.generate(lambda count: bytes(range(count)))
        self.assertEqual(
            keys.representative.hex(),
            "f7e4a52e7996ca06d6d6cb8f4d11f2a89e30ca7df2a30cdadce51e5c84cb009d",
        )
        self.assertEqual(
            keys.privateKey.hex(),
            "9cacebfbb286731920ea82342050641ed065ea6431e85e1f3926028214e52507",
        )
        self.assertEqual(keys.publicKey, elligator2.toPublicKey(keys.representative))

    def test_agreement(self) -> None:
        """
        Two key pairs agree on a secret.
        """
        entropy = fixedEntropy("agreement")
        for _ in range(20):
            one, two = elligator2.generate(entropy), elligator2.generate(entropy)
            self.assertEqual(
                crypto_scalarmult(one.privateKey, two.publicKey),
                crypto_scalarmult(two.privateKey, one.publicKey),
            )

    def test_wholeCurve(self) -> None:
        """
        Public keys come from the whole curve, as random strings do: one in
        eight from the prime-order subgroup, and each other class occurs.
        """
        entropy = fixedEntropy("subgroup")
        parts = Counter(lowOrderPart(elligator2.generate(entropy).publicKey) for _ in range(120))
        self.assertEqual(len(parts), 5)
        # 15 are expected, with a standard deviation of 3.6.
        self.assertTrue(1 <= parts[None] <= 30, parts)

    def test_topBits(self) -> None:
        """
        The two bits that Elligator leaves free are filled.
        """
        entropy = fixedEntropy("top bits")
        tops = Counter(elligator2.generate(entropy).representative[31] >> 6 for _ in range(200))
        self.assertEqual(set(tops), {0, 1, 2, 3})
        self.assertTrue(all(25 <= count <= 75 for count in tops.values()), tops)

    def test_secretsHidden(self) -> None:
        """
        A key pair that ends up in a log says nothing.
        """
        keys = elligator2.generate(fixedEntropy("repr"))
        self.assertNotIn(repr(keys.privateKey), repr(keys))
