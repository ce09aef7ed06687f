"""
The bridge lines of a server, in a file that it writes when it starts.

The file holds a comment, and then one bridge line for each method::

    Bridge obfs4 <IP ADDRESS>:443 <FINGERPRINT> cert=... iat-mode=0

with placeholders for what the server did not know.  Logs are no place for this:
they are shown around, and who has the line has found the bridge.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError

#: Its name in the state directory.
FILE = "bridgelines.txt"

_COMMENT = """\
# For the torrc of those who are to use this bridge.  Hand it on with care.
# It is made anew at each start; changes to this file change nothing.
# To fill in placeholders: pyptwist bridge-line --help
"""

_LINE = re.compile(
    r"Bridge (?P<name>\w+) (?:<IP ADDRESS>|(?P<host>\S+)):(?:<PORT>|(?P<port>[0-9]+))"
    r" (?:<FINGERPRINT>|(?P<fingerprint>[0-9A-Fa-f]{40}))(?P<arguments>(?: \S+)*)"
)


@dataclass(frozen=True, repr=False)
class Entry:
    """
    A bridge line of which parts may be unknown, and are None.

    :ivar host: an IP address, without brackets.
    :ivar port: 1 to 65535.
    :ivar fingerprint: 40 hexadecimal digits.
    """

    name: str
    host: str | None
    port: int | None
    fingerprint: str | None
    arguments: Arguments

    @classmethod
    def listening(
        cls, name: str, address: HostPort, fingerprint: str | None, arguments: Arguments
    ) -> Self:
        """
        :param address: where the server listens.  If that is everywhere, then it
            cannot know under which address it is reached.
        """
        everywhere = address.ip is not None and address.ip.is_unspecified
        return cls(
            name, None if everywhere else address.host, address.port, fingerprint, arguments
        )

    @classmethod
    def parse(cls, line: str) -> Self:
        """
        Undo ``str(entry)``.

        :raises ConfigurationError: if it is no bridge line.
        """
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigurationError("it holds something else than bridge lines")
        pairs = [word.partition("=") for word in match["arguments"].split()]
        return cls(
            match["name"],
            match["host"] and match["host"].strip("[]"),
            int(match["port"]) if match["port"] else None,
            match["fingerprint"],
            Arguments([(key, value) for key, _, value in pairs]),
        )

    def at(self, address: str) -> Self:
        """
        :param address: under which it is reached, with or without a port.
        :raises ConfigurationError: if it is no IP address.
        """
        try:
            known = HostPort.parse(address, allowName=False)
        except ConfigurationError:
            known = HostPort(address.strip("[]"), self.port or 0)
            if known.ip is None:
                raise
        return replace(self, host=known.host, port=known.port or self.port)

    def identified(self, fingerprint: str) -> Self:
        """
        :param fingerprint: of the bridge's identity.
        """
        return replace(self, fingerprint=fingerprint)

    @property
    def isComplete(self) -> bool:
        """
        Is there nothing left to fill in?
        """
        return None not in (self.host, self.port, self.fingerprint)

    def __str__(self) -> str:
        return BridgeLine.template(
            self.name,
            self.arguments,
            host=self.host,
            port=self.port,
            fingerprint=self.fingerprint,
        )


def compose(entries: Iterable[Entry]) -> bytes:
    """
    :returns: the file's contents.
    """
    text = "".join(f"{entry}\n" for entry in entries)
    return f"{_COMMENT}\n{text}".encode("ascii")


def parse(data: bytes) -> list[Entry]:
    """
    Read what ``compose`` wrote.

    :raises ConfigurationError: if it holds something else.
    """
    lines = data.decode("ascii", "replace").splitlines()
    return [Entry.parse(line) for line in lines if line and not line.startswith("#")]


def torsFingerprint(stateLocation: str) -> str | None:
    """
    The fingerprint that tor wrote down.  tor's state location for transports is
    a directory inside its own, where the file ``fingerprint`` holds a nickname
    and the fingerprint.

    :param stateLocation: what the parent named.
    :returns: 40 hexadecimal digits; None if this is not known there.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(stateLocation)), "fingerprint")
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            words = file.readline(1024).split()
    except OSError:
        return None
    known = re.fullmatch("[0-9A-F]{40}", words[1]) if len(words) == 2 else None
    return known and known[0]
