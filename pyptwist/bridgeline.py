"""
Bridge lines, as torrc and people pass them around::

    Bridge METHOD ADDRESS:PORT [FINGERPRINT] [KEY=VALUE ...]

Words are parted by blanks and nothing is escaped.  What torrc could not carry is
refused: blanks, ``#`` (the rest of the line is a comment) and a backslash at the
end of the line (the line goes on).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.quoting import isMethodName, requireWord

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}")


@dataclass(frozen=True, repr=False)
class BridgeLine:
    """
    One bridge, as its clients know it.

    :ivar methodName: of the transport method.
    :ivar address: an IP address and a port from 1 on.  Some methods never connect
        to it.
    :ivar fingerprint: of the bridge's identity, 40 capital hexadecimal digits;
        None if unknown.
    :ivar arguments: for the method.
    """

    methodName: str
    address: HostPort
    fingerprint: str | None
    arguments: Arguments

    def __post_init__(self) -> None:
        if self.address.ip is None or self.address.port == 0:
            raise ConfigurationError("a bridge line needs an IP address, and a port from 1 on")
        if self.fingerprint is not None:
            object.__setattr__(self, "fingerprint", _fingerprint(self.fingerprint))
        str(self)  # Whatever could not be written is refused now.

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a bridge line.

        :param text: with or without the leading ``Bridge``, with any white space.
        :raises ConfigurationError: naming what is wrong and how it should be.
        """
        words = text.split()
        if words and words[0].lower() == "bridge":
            del words[0]
        if len(words) < 2 or not isMethodName(words[0]):
            raise ConfigurationError(
                "a bridge line must begin with a transport method's name and an address, "
                "as in: Bridge obfs4 192.0.2.1:443"
            )
        if words[1].startswith("<"):
            raise ConfigurationError("fill in what a bridge line has in angle brackets")
        name, address, *rest = words
        fingerprint = rest.pop(0) if rest and "=" not in rest[0] else None
        arguments = Arguments([_pair(word) for word in rest])
        return cls(name, HostPort.parse(address, allowName=False), fingerprint, arguments)

    @staticmethod
    def template(
        methodName: str,
        arguments: Arguments,
        *,
        host: str | None = None,
        port: int | None = None,
        fingerprint: str | None = None,
    ) -> str:
        """
        Write a bridge line in which something may be unknown; a placeholder in
        angle brackets stands for that.

        :param methodName: of the transport method.
        :param arguments: that clients need.
        :param host: the bridge's public IP address.
        :param port: its public port.
        :param fingerprint: of its identity.
        :raises ConfigurationError: for what a bridge line cannot hold.
        """
        known = HostPort(host or "::", port or 0)
        if known.ip is None:
            raise ConfigurationError("a bridge line needs an IP address, not a host name")
        shown = str(known).rpartition(":")[0] if host else "<IP ADDRESS>"
        address = f"{shown}:{port or '<PORT>'}"
        identity = _fingerprint(fingerprint) if fingerprint else "<FINGERPRINT>"
        return _format(methodName, address, identity, arguments)

    def __str__(self) -> str:
        """
        :returns: the line, ready for torrc.
        """
        return _format(self.methodName, str(self.address), self.fingerprint, self.arguments)

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return f"<BridgeLine {self.methodName}>"


def _format(name: str, address: str, fingerprint: str | None, arguments: Arguments) -> str:
    if not isMethodName(name):
        raise ConfigurationError("a bridge line needs a transport method's name")
    words = ["Bridge", name, address]
    if fingerprint is not None:
        words.append(fingerprint)
    words += [_word(key, value) for key, value in arguments.texts()]
    if words[-1].endswith("\\"):
        raise ConfigurationError("a bridge line must not end in a backslash")
    return " ".join(words)


def _word(key: str, value: str) -> str:
    if not key or "=" in key:
        raise ConfigurationError("a bridge line's arguments need a key without '='")
    word = f"{key}={value}"
    requireWord(word, "a bridge line's arguments")
    if "#" in word:
        raise ConfigurationError("a bridge line must not hold '#': torrc takes it for a comment")
    return word


def _pair(word: str) -> tuple[str, str]:
    key, mark, value = word.partition("=")
    if not mark or not key:
        raise ConfigurationError("what follows a bridge line's fingerprint must be KEY=VALUE")
    return key, value


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise ConfigurationError(
            "a bridge's fingerprint must be 40 hexadecimal digits; leave it out if unknown"
        )
    return text.upper()
