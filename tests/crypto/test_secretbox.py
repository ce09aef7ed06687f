"""
Secret boxes in place: both implementations, which have to be alike.
"""

from __future__ import annotations

from typing import Any

from nacl.bindings import crypto_secretbox
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.crypto import secretbox
from pyptwist.testing import fixedEntropy

ENTROPY = fixedEntropy("secretbox")
KEY, NONCE = ENTROPY(32), ENTROPY(24)


class NativeTests(SynchronousTestCase):
    """
    C's functions, where PyNaCl has them.
    """

    pointer: Any = staticmethod(secretbox.pointer)
    seal: Any = staticmethod(secretbox.seal)
    unseal: Any = staticmethod(secretbox.unseal)

    def test_seal(self) -> None:
        """
        A box lands where it should, and nowhere else.
        """
        for length in (0, 1, 31, 32, 33, 1430):
            message = ENTROPY(length)
            buffer = bytearray(b"." * (length + 30))
            done = self.seal(self.pointer(buffer) + 7, message, length, NONCE, KEY)
            self.assertEqual(done, 0)
            box = crypto_secretbox(message, NONCE, KEY)
            self.assertEqual(bytes(buffer), b"." * 7 + box + b"." * 7)

    def test_unseal(self) -> None:
        """
        So does what was in a box, from any kind of buffer.
        """
        for kind in (bytes, bytearray, memoryview):
            for length in (0, 1, 31, 32, 33, 1430):
                message = ENTROPY(length)
                source = kind(b"abc" + crypto_secretbox(message, NONCE, KEY) + b"d")
                buffer = bytearray(b"." * (length + 5))
                target = self.pointer(buffer)
                box = self.pointer(source) + 3
                self.assertEqual(self.unseal(target, box, length + 16, NONCE, KEY), 0)
                self.assertEqual(bytes(buffer), message + b"." * 5)

    def test_tampered(self) -> None:
        """
        A box that is not whole is refused.
        """
        box = crypto_secretbox(b"message", NONCE, KEY)
        for at in range(len(box)):
            bad = bytearray(box)
            bad[at] ^= 1
            result = self.unseal(self.pointer(bytearray(7)), self.pointer(bad), 23, NONCE, KEY)
            self.assertNotEqual(result, 0)
        result = self.unseal(self.pointer(bytearray(7)), self.pointer(box), 22, NONCE, KEY)
        self.assertNotEqual(result, 0)


class PortableTests(NativeTests):
    """
    PyNaCl's public functions, where they have to stand in.
    """

    pointer = staticmethod(secretbox.cursor)
    seal = staticmethod(secretbox.sealAt)
    unseal = staticmethod(secretbox.openAt)
