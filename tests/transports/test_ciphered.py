"""
Tests for ``pyptwist.transports.ciphered``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Deliver, Finished, Transmit
from pyptwist.testing import fixedEntropy
from pyptwist.transports.ciphered import CipheredCodec, keystream

# NIST SP 800-38A, F.5.1.
KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CIPHER = bytes.fromhex(
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
)


class KeystreamTests(SynchronousTestCase):
    def test_vector(self) -> None:
        self.assertEqual(keystream(KEY + COUNTER)(PLAIN), CIPHER)

    def test_continues(self) -> None:
        """
        However the stream is cut.
        """
        stream = keystream(KEY + COUNTER)
        self.assertEqual(
            stream(PLAIN[:1]) + stream(PLAIN[1:40]) + stream(b"") + stream(PLAIN[40:]), CIPHER
        )

    def test_counterWrapsAround(self) -> None:
        """
        All 128 bits of it count.
        """
        over = keystream(KEY + b"\xff" * 16)(bytes(32))
        self.assertEqual(over[16:], keystream(KEY + bytes(16))(bytes(16)))


class _Shaken(CipheredCodec):
    """
    A codec that wants to hear one byte.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encrypt = keystream(KEY + COUNTER)
        self.decrypt = keystream(KEY + COUNTER)
        self.state = self._shaking

    def _shaking(self) -> bool:
        if not self.buffer:
            return False
        self.take(1)
        self.state = self.flowing
        self.ready()
        return True


class CipheredCodecTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codec = _Shaken()
        self.assertEqual(self.codec.start(0.0), [])

    def test_behindTheHandshake(self) -> None:
        effects = self.codec.receive(b"!" + CIPHER[:5], 0.0)
        self.assertEqual(effects, [READY, Deliver(PLAIN[:5])])
        self.assertEqual(self.codec.receive(CIPHER[5:], 0.0), [Deliver(PLAIN[5:])])

    def test_nothing(self) -> None:
        self.assertEqual(self.codec.receive(b"!", 0.0), [READY])
        self.assertEqual(self.codec.receive(b"", 0.0), [])
        self.assertEqual(self.codec.send(b"", 0.0), [])

    def test_payloadIsNotKept(self) -> None:
        self.codec.receive(b"!" + CIPHER, 0.0)
        self.codec.receive(bytes(100_000), 0.0)
        self.assertEqual(len(self.codec.buffer), 0)

    def test_bursts(self) -> None:
        """
        A long write is several, as if a relay of the reference's had made it.
        """
        self.codec.receive(b"!", 0.0)
        data = fixedEntropy("bursts")(2 * limits.BURST + 5)
        effects = self.codec.send(data, 0.0)
        lengths = [len(effect.data) for effect in effects if isinstance(effect, Transmit)]
        self.assertEqual(lengths, [limits.BURST, limits.BURST, 5])
        sent = b"".join(bytes(effect.data) for effect in effects if isinstance(effect, Transmit))
        self.assertEqual(sent, keystream(KEY + COUNTER)(data))

    def test_afterTheEnd(self) -> None:
        self.codec.receive(b"!", 0.0)
        self.assertEqual(self.codec.receiveEnd(0.0), [Finished()])
        self.assertEqual(self.codec.receive(CIPHER, 0.0), [])
        self.assertEqual(self.codec.send(PLAIN, 0.0), [])
