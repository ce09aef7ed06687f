"""
The bridge lines that are to be checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError
from pyptwist.expressions import isExpression
from pyptwist.stacks import Stack

_STANDIN = "192.0.2.1"  # RFC 5737: nobody's


@dataclass(frozen=True, repr=False)
class Bridge:
    """
    One bridge to check.

    :ivar number: its place among those that are checked, from 1 on.
    :ivar methodName: of the transport method, or a stack's expression.
    :ivar address: may have a host name, unlike torrc's.
    :ivar arguments: for the method.
    """

    number: int
    methodName: str
    address: HostPort
    arguments: Arguments

    @property
    def family(self) -> str:
        """
        What kind of address it is: that, unlike the address, can be shown around.
        """
        ip = self.address.ip
        return "name" if ip is None else f"IPv{ip.version}"

    @classmethod
    def parse(cls, number: int, text: str) -> Bridge:
        """
        :param text: a bridge line as torrc has it; a host name may stand for the IP
            address, and a stack's expression, in one word, for the method.
        :raises ConfigurationError: naming what is wrong, without the text.
        """
        words = text.split()
        if words and words[0].lower() == "bridge":
            del words[0]
        name = words[0] if words else ""
        if isExpression(name):
            words[0] = _stackName(name)
        named = _named(words[1]) if len(words) > 1 else None
        if named is not None:
            words[1] = f"{_STANDIN}:{named.port}"
        line = BridgeLine.parse(" ".join(words))
        return cls(number, name, named or line.address, line.arguments)


def _stackName(expression: str) -> str:
    try:
        return Stack(expression).name
    except ConfigurationError:
        # Its text shows what cannot be a method: somebody's address, if a blank is missing.
        raise ConfigurationError(
            "a stack is written in one word, with a blank behind it, as in: "
            "obfs4|b64 192.0.2.1:443"
        ) from None


def _named(text: str) -> HostPort | None:
    """
    :returns: the address, if it has a host name; if it is none at all, that is for
        who parses the line.
    """
    try:
        address = HostPort.parse(text)
    except ConfigurationError:
        return None
    return address if address.ip is None and not text.startswith("<") else None


def pick(lines: Iterable[str]) -> list[str]:
    """
    Find the bridge lines in a file.

    :param lines: of a list of bridge lines, or of a torrc: if one begins with
        ``Bridge``, all do that count.
    :returns: them, without empty lines and comments.
    """
    texts = [line.strip() for line in lines]
    texts = [text for text in texts if text and not text.startswith("#")]
    marked = [text for text in texts if text.split()[0].lower() == "bridge"]
    return marked or texts
