"""
Servers of transports, as clients within a program name them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError
from pyptwist.expressions import isExpression
from pyptwist.ipc.options import located
from pyptwist.stacks import Stack

#: Stands in a bridge line for an address that is not there (RFC 5737).
_ANY: Final = "192.0.2.1:1"


@dataclass(frozen=True, repr=False)
class Remote:
    """
    One server, and how to talk to it.

    :ivar method: the transport method's name, or a stack's expression.
    :ivar target: where it is, with an IP address or a host name; None if the
        arguments say it.
    :ivar arguments: for the method.
    """

    method: str
    target: HostPort | None
    arguments: Arguments = field(default_factory=Arguments)

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a bridge line; without an address, if the arguments name the server.

        torrc knows a stack by the name that a command line gave to it.  That is
        not known here, so that the expression, in one word, may stand in its place.

        :param text: with or without the leading ``Bridge``.
        :raises ConfigurationError: naming what is wrong and how it should be.
        """
        words = text.split()
        if words and words[0].lower() == "bridge":
            del words[0]
        hasTarget = len(words) < 2 or "=" not in words[1]
        if not hasTarget:
            words.insert(1, _ANY)
        expressions = [word for word in words[:1] if isExpression(word)]
        for expression in expressions[:1]:
            words[words.index(expression)] = Stack(expression).name
        line = BridgeLine.parse(" ".join(words))
        name = (*expressions, line.methodName)[0]
        if hasTarget:
            return cls(name, line.address, line.arguments)
        return cls(name, *located(line.arguments, None))

    @classmethod
    def of(cls, server: Remote | str) -> Remote:
        """
        :param server: a bridge line, or what was made of one.
        :raises ConfigurationError: if it is a text, and not a bridge line.
        """
        return server if isinstance(server, Remote) else cls.parse(server)

    @classmethod
    def at(cls, address: HostPort, host: str | None, method: str, arguments: Arguments) -> Self:
        """
        :param address: that a server listens on.
        :param host: under which clients reach it; that of the address, if None.
        :raises ConfigurationError: if it listens on all addresses, and no host is
            given.
        """
        if host is None and (address.ip is None or address.ip.is_unspecified):
            raise ConfigurationError("it listens on all addresses: say which one clients use")
        return cls(method, HostPort(host or address.host, address.port), arguments)

    def bridgeLine(self) -> BridgeLine:
        """
        :returns: the server, as torrc and people name it.
        :raises ConfigurationError: if it has no IP address, or what a bridge line
            cannot hold.
        """
        if self.target is None:
            raise ConfigurationError("a bridge line needs an IP address, and a port from 1 on")
        name = Stack(self.method).name if isExpression(self.method) else self.method
        return BridgeLine(name, self.target, None, self.arguments)

    def __repr__(self) -> str:
        """
        :returns: no address and no secret.
        """
        return f"<Remote {self.method}>"
