"""
A memory of what was seen before that outlives the process.

For handshakes that bear no date: a recording of one stays good for as long as the
server's key does, so that the server must remember as many as it can.

The files NAME_0, NAME_1 … are pages of a ring, each with::

    number  8  of the page, counted from 1, big-endian
    tags    8  each: the beginning of what was seen

The page with the highest number is being written.  When it is full, the one that
was begun first is begun anew.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from pyptwist import limits
from pyptwist.crypto.dice import Entropy
from pyptwist.crypto.recenttags import RecentTags
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory

#: Bytes that are kept of each.
TAG_LENGTH: Final = 8

_NUMBER: Final = struct.Struct(">Q")
_PAGE: Final = limits.STATE_FILE - limits.STATE_FILE % TAG_LENGTH
_NO_NUMBER: Final = 1 << 63
_TAGS: Final = (_PAGE - _NUMBER.size) // TAG_LENGTH


class Ledger:
    """
    Remembers random strings, up to a number of them; the oldest go first.

    Nothing that is wrong with its files stops anybody from connecting: what was
    seen since the start is in memory besides.  Several processes, and several
    listeners of one, may share the files.
    """

    _log = Logger()

    def __init__(
        self,
        state: StateDirectory | None,
        name: str,
        pages: int = limits.LEDGER_PAGES,
        entropy: Entropy = os.urandom,
    ) -> None:
        """
        :param state: where the files are; None to remember in memory only.
        :param name: of the files, without their number.
        :param pages: how many files, 2 or more, of 8191 tags each.
        :param entropy: makes a key for what is in memory.
        """
        self._state = state
        self._name = name
        self._pages = pages
        self._seen = RecentTags(entropy, pages * _TAGS)
        self._page = 0
        self._hasFailed = False
        self._guarded(self._load)

    def __len__(self) -> int:
        return len(self._seen)

    def seenBefore(self, token: bytes) -> bool:
        """
        Was this seen?  From now on it was.

        :param token: 8 bytes or more, of which the first 8 must be random for
            whoever is honest.
        """
        tag = token[:TAG_LENGTH]
        if tag in self._seen:
            return True
        isKnown = self._guarded(lambda: self._note(tag))
        self._seen.add(tag)
        return isKnown

    # --- inside -------------------------------------------------------------

    def _guarded(self, work: Callable[[], bool]) -> bool:
        try:
            return self._state is not None and work()
        except ConfigurationError as error:
            self._warn(error)
            return False

    def _warn(self, error: ConfigurationError) -> None:
        if not self._hasFailed:
            self._hasFailed = True
            self._log.warn("A restart will forget handshakes: {error}", error=error)

    def _load(self) -> bool:
        found = (self._read(slot) for slot in range(self._pages))
        for number, tags in sorted(page for page in found if page is not None):
            self._page = number
            self._absorb(tags)
        return False

    def _absorb(self, tags: bytes) -> None:
        for at in range(0, len(tags) - TAG_LENGTH + 1, TAG_LENGTH):
            self._seen.add(tags[at : at + TAG_LENGTH])

    def _note(self, tag: bytes) -> bool:
        """
        :returns: whether another listener saw it; else it is written down.
        """
        tags = self._current()
        if tag in self._seen or _holds(tags, tag):
            return True
        assert self._state is not None
        if _hasRoom(tags):
            self._state.append(self._file(self._page), tag)
        else:
            # Only what is written is begun: a disk that is full for long must not have
            # us go round the ring, and over what is newest.
            following = self._page + 1
            self._state.write(self._file(following), _NUMBER.pack(following) + tag)
            self._absorb(tags)
            self._page = following
        return False

    def _current(self) -> bytes:
        """
        :returns: the tags of the page that is being written, which others may have
            begun.
        """
        tags = self._tags(self._page)
        if not tags and self._isOvertaken():
            self._load()
            tags = self._tags(self._page)
        while not _hasRoom(tags) and (following := self._tags(self._page + 1)):
            self._absorb(tags)
            self._page += 1
            tags = following
        return tags

    def _isOvertaken(self) -> bool:
        """
        Did others go round the whole ring, and past us?
        """
        page = self._read(self._page)
        return page is not None and page[0] > self._page

    def _tags(self, number: int) -> bytes:
        """
        :returns: those of a page; nothing if there is no such page, or no more.
        """
        page = self._read(number)
        return page[1] if page is not None and page[0] == number else b""

    def _read(self, number: int) -> tuple[int, bytes] | None:
        """
        :returns: the page in whose place one has, or would have, its own.
        """
        assert self._state is not None
        try:
            data = self._state.read(self._file(number))
        except ConfigurationError as error:
            # The other pages are good still, and this one's place will come.
            self._warn(error)
            return None
        if data is None or len(data) < _NUMBER.size:
            return None
        (found,) = _NUMBER.unpack_from(data)
        # What is no page of ours is as good as none, and is written over.
        isOurs = 0 < found < _NO_NUMBER and found % self._pages == number % self._pages
        return (found, data[_NUMBER.size :]) if isOurs else None

    def _file(self, number: int) -> str:
        return f"{self._name}_{number % self._pages}"


def _holds(tags: bytes, tag: bytes) -> bool:
    at = tags.find(tag)
    while at >= 0 and at % TAG_LENGTH:
        at = tags.find(tag, at + 1)
    return at >= 0


def _hasRoom(tags: bytes) -> bool:
    # A disk that was full may have taken a part of a tag: behind it, nothing would
    # be found any more.
    return 0 < len(tags) < _TAGS * TAG_LENGTH and len(tags) % TAG_LENGTH == 0
