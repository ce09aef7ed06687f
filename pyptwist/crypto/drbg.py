"""
The deterministic generator that obfs4 and scramblesuit servers share with
their clients, and the parts of Go's math/rand that sit on top of it.

A seed of 24 bytes is a SipHash-2-4 key (16) and a first input (8).  Each block
of output is the digest of all that was fed so far, and is itself fed before
the next one::

    block 1 = SipHash(key, IV)
    block 2 = SipHash(key, IV | block 1)
    block 3 = SipHash(key, IV | block 1 | block 2)

obfs4-spec.txt describes output
feedback, where only the previous block is hashed.  Every deployed peer does
the above instead, since its hash object is never reset; the two agree in
block 1 only.
"""

from __future__ import annotations

from typing import Any, Final

from siphash24 import siphash24

#: Bytes of a seed.
SEED_LENGTH: Final = 24

_KEY_LENGTH: Final = 16
_INT63: Final = (1 << 63) - 1
_INT31: Final = (1 << 31) - 1


def generatorHash(seed: bytes) -> Any:
    """
    The hash behind the blocks, for loops that cannot afford a method call for
    each: a block is ``digest()``, and goes back in with ``update(block)``.

    :param seed: 24 bytes.
    :raises ValueError: if it is of another length.
    """
    if len(seed) != SEED_LENGTH:
        raise ValueError("a seed has 24 bytes")
    return siphash24(seed[_KEY_LENGTH:], key=seed[:_KEY_LENGTH])


class Drbg:
    """
    A stream of blocks, and of numbers made of one block each.

    The numbers are those of Go's math/rand over a source whose Int63 is a
    block: tables made from one seed have to be the same at both ends.
    """

    __slots__ = ("_hash",)

    def __init__(self, seed: bytes) -> None:
        """
        :param seed: 24 bytes.
        :raises ValueError: if it is of another length.
        """
        self._hash = generatorHash(seed)

    def block(self) -> bytes:
        """
        :returns: the next 8 bytes.
        """
        block: bytes = self._hash.digest()
        self._hash.update(block)
        return block

    def int63(self) -> int:
        """
        :returns: the next block as a big-endian number without its top bit.
        """
        return int.from_bytes(self.block(), "big") & _INT63

    def intn(self, bound: int) -> int:
        """
        Go's Intn.

        :param bound: 1 to 2**31 - 1.
        :returns: 0 to bound - 1, each equally likely.
        """
        if bound & (bound - 1) == 0:
            return self.int63() >> 32 & (bound - 1)
        # Numbers beyond the last whole multiple of the bound would favour the
        # low results.
        limit = _INT31 - (_INT31 + 1) % bound
        while (number := self.int63() >> 32) > limit:
            pass
        return number % bound

    def float64(self) -> float:
        """
        Go's Float64.

        :returns: 0.0 or more, less than 1.0.
        """
        # The division rounds the largest numbers up to 1.
        while (number := self.int63() / (1 << 63)) == 1.0:
            pass
        return number

    def permutation(self, count: int) -> list[int]:
        """
        Go's Perm.

        :param count: how many; 0 or more.
        :returns: 0 to count - 1 in random order.
        """
        order = [0] * count
        for index in range(count):
            # Index 0 has nothing to exchange with, and still costs a block.
            other = self.intn(index + 1)
            order[index] = order[other]
            order[other] = index
        return order
