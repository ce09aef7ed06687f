"""
What a server remembers of its handshakes when it starts again, or has several
listeners.

scramblesuit_handshakes, records without anything between them::

    time  4  seconds since 1970, big-endian
    tag   8  the beginning of the handshake's MAC

A handshake that is taken twice is answered twice, which shows a censor what the
server is; and with a ticket, both answers are encrypted with one stream.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory

JOURNAL_FILE: Final = "scramblesuit_handshakes"

_RECORD: Final = struct.Struct(">I8s")
_TAG_LENGTH: Final = 8


class Journal:
    """
    The good handshakes of late, in a file.

    Nothing that is wrong with the file stops anybody from connecting: the
    handshakes of this listener since its start are in its memory besides.
    """

    _log = Logger()

    def __init__(self, state: StateDirectory, wallClock: Callable[[], float]) -> None:
        """
        :param state: where the file is.
        :param wallClock: seconds since 1970.
        """
        self._state = state
        self._wallClock = wallClock
        self._hasFailed = False

    def seenBefore(self, mac: bytes) -> bool:
        """
        Was this seen for as long as its date is accepted?  From now on it was.

        :param mac: of a good handshake, 16 bytes.
        """
        try:
            return self._look(mac[:_TAG_LENGTH], int(self._wallClock()))
        except ConfigurationError as error:
            if not self._hasFailed:
                self._hasFailed = True
                self._log.warn("A restart will forget handshakes: {error}", error=error)
            return False

    def _look(self, tag: bytes, now: int) -> bool:
        data = self._state.read(JOURNAL_FILE) or b""
        # A disk that was full may have taken a part of the last record.
        whole = len(data) - len(data) % _RECORD.size
        recent = [
            (made, each)
            for made, each in _RECORD.iter_unpack(data[:whole])
            if abs(now - made) < limits.REPLAY_LIFETIME
        ]
        if any(each == tag for _, each in recent):
            return True
        record = _RECORD.pack(now & 0xFFFFFFFF, tag)
        if whole == len(data) and len(data) + len(record) <= limits.HANDSHAKE_JOURNAL:
            self._state.append(JOURNAL_FILE, record)
            return False
        # So many go that the next one does not write the file anew.
        most = limits.HANDSHAKE_JOURNAL // _RECORD.size // 2
        kept = b"".join(_RECORD.pack(*each) for each in recent[-most:])
        self._state.write(JOURNAL_FILE, kept + record)
        return False
