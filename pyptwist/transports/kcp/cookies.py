"""
Cookies: a server's proof that somebody receives what is sent to an address.

The server keeps nothing for whoever has not shown one, so that nobody can have it
keep, or send, much in somebody else's name.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

from pyptwist import limits
from pyptwist.transports.kcp.framing import COOKIE, Entropy

Address = tuple[str, int]


class Cookies:
    """
    Makes them and knows them again, for as long as this object lives.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._key = entropy(32)

    def make(self, session: bytes, address: Address, now: float) -> bytes:
        """
        :param now: seconds.
        :returns: ``COOKIE`` bytes that are good for the session at the address, for
            ``limits.KCP_COOKIE`` seconds at the least and twice as many at the most.
        """
        return self._cookie(session, address, int(now // limits.KCP_COOKIE))

    def isGood(self, cookie: bytes, session: bytes, address: Address, now: float) -> bool:
        """
        Is it one that we made?
        """
        period = int(now // limits.KCP_COOKIE)
        return any(
            compare_digest(cookie, self._cookie(session, address, each))
            for each in (period, period - 1)
        )

    def _cookie(self, session: bytes, address: Address, period: int) -> bytes:
        text = b"%b %d %b %d" % (session, period, address[0].encode(), address[1])
        return blake2b(text, key=self._key, digest_size=COOKIE).digest()
