"""
NaCl's secretbox (XSalsa20 and Poly1305), into and out of memory that the caller
owns.

PyNaCl's public functions allocate, check and copy for each box, which costs a
stream as much as a third of the encryption itself.  So this module, and no
other, reaches for the C functions that PyNaCl wraps.  Where a release of PyNaCl
does not have them, its public functions stand in, with C's signatures.

Both functions take pointers, lengths, a nonce of 24 and a key of 32 bytes, and
check none of them: the caller must.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.exceptions import CryptoError

try:
    from nacl._sodium import ffi, lib
except ImportError:  # pragma: no cover - depends on PyNaCl
    ffi = lib = None

#: Bytes by which a box is longer than what is in it.  They come first.
OVERHEAD: Final = 16


class Cursor:
    """
    A place in a buffer, for where there are no C pointers.
    """

    __slots__ = ("_at", "_view")

    def __init__(self, view: memoryview, at: int = 0) -> None:
        self._view = view
        self._at = at

    def __add__(self, count: int) -> Cursor:
        return Cursor(self._view, self._at + count)

    def read(self, count: int) -> bytes:
        return bytes(self._view[self._at : self._at + count])

    def write(self, data: bytes) -> None:
        self._view[self._at : self._at + len(data)] = data


def cursor(buffer: bytes | bytearray | memoryview) -> Cursor:
    """
    ``pointer``, without C.
    """
    return Cursor(memoryview(buffer))


def sealAt(box: Cursor, message: bytes, length: int, nonce: bytes, key: bytes) -> int:
    """
    ``seal``, without C.
    """
    box.write(crypto_secretbox(message, nonce, key))
    return 0


def openAt(message: Cursor, box: Cursor, length: int, nonce: bytes, key: bytes) -> int:
    """
    ``unseal``, without C.
    """
    try:
        message.write(crypto_secretbox_open(box.read(length), nonce, key))
    except CryptoError:
        return -1
    return 0


#: Points to the first byte of a buffer; add an offset to point further in.  The
#: buffer cannot be resized while a pointer is kept.
pointer: Callable[[bytes | bytearray | memoryview], Any]

#: ``seal(box, message, length, nonce, key)`` encrypts ``length`` bytes of
#: ``message``, a bytes object, to length + 16 bytes at the pointer ``box``.
#: Returns 0.
seal: Callable[[Any, bytes, int, bytes, bytes], int]

#: ``unseal(message, box, length, nonce, key)`` decrypts the ``length`` bytes at
#: the pointer ``box``, 16 or more, to length - 16 bytes at the pointer
#: ``message``.  Returns 0, or something else if the box is not authentic.
unseal: Callable[[Any, Any, int, bytes, bytes], int]

if hasattr(lib, "crypto_secretbox_easy"):
    pointer = ffi.from_buffer
    seal, unseal = lib.crypto_secretbox_easy, lib.crypto_secretbox_open_easy
else:  # pragma: no cover - depends on PyNaCl
    pointer, seal, unseal = cursor, sealAt, openAt
