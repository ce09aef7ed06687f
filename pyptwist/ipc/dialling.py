"""
Codecs for connections to a child of ours: its SOCKS port, and what it opens to us.

The arguments of a connection travel as the version and the protocol have it::

    PT 1, socks5      user name and password (RFC 1929), 510 bytes of k=v;k=v
    PT 1, socks4      the user id, 255 bytes of the same
    PT 2 and 3        a JSON parameter block

When such a connection ends because the child did, that is what the application
hears.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.errors import ConfigurationError, ManagedProcessError, PTError
from pyptwist.extorport import ExtORPortServer
from pyptwist.ipc.dialects import Dialect, Parameters
from pyptwist.ipc.parameters import formatParameterBlock
from pyptwist.ipc.quoting import formatSocksArguments, splitSocksArguments
from pyptwist.proxies.socks4a import Socks4aClient
from pyptwist.proxies.socks5 import Socks5Client
from pyptwist.proxies.tunnel import TunnelCodec

#: Says what the child has to do with the end of a connection, if anything.
Blame: TypeAlias = Callable[[], "PTError | None"]


class _Blaming(TunnelCodec):
    """
    A codec whose connections may end with the child.

    :ivar blame: is asked at their end.
    """

    blame: Blame

    def endOfInput(self) -> None:
        if (error := self.blame()) is not None:
            self.finish(error)
        else:
            super().endOfInput()


class _Socks5(_Blaming, Socks5Client):
    pass


class _Socks4(_Blaming, Socks4aClient):
    pass


class ExtendedORPort(_Blaming, ExtORPortServer):
    """
    What the child opens to us, and says whose it is.
    """


class PlainORPort(_Blaming):
    """
    What the child opens to us, as it is.
    """

    def begin(self) -> None:
        self.established()


def blaming(make: Callable[[], _Blaming], blame: Blame) -> CodecFactory:
    """
    :returns: makes the same codecs, who know whom to blame.
    """

    def factory() -> _Blaming:
        codec = make()
        codec.blame = blame
        return codec

    return factory


def socksFactory(
    protocol: str, dialect: Dialect, target: HostPort | None, arguments: Arguments, blame: Blame
) -> CodecFactory:
    """
    How to ask the child for a connection.

    :param protocol: as its CMETHOD line names it.
    :param target: the server; None if the arguments name it.
    :param arguments: for the method.
    :raises ConfigurationError: if target or arguments cannot be sent.
    :raises ManagedProcessError: for a protocol other than SOCKS.
    """
    makers = {"socks5": _socks5, "socks4": _socks4}
    if protocol not in makers:
        raise ManagedProcessError("the child offers something else than SOCKS")
    make = makers[protocol](dialect, target, arguments)
    make()
    return blaming(make, blame)


def _socks5(
    dialect: Dialect, target: HostPort | None, arguments: Arguments
) -> Callable[[], _Blaming]:
    if not len(arguments):
        return partial(_Socks5, target)
    if dialect.parameters is Parameters.JSON:
        return partial(_Socks5, target, parameters=formatParameterBlock(arguments))
    credentials = splitSocksArguments(formatSocksArguments(arguments))
    return partial(_Socks5, target, credentials, insist=True)


def _socks4(
    dialect: Dialect, target: HostPort | None, arguments: Arguments
) -> Callable[[], _Blaming]:
    if target is None or target.ip is None or target.ip.version != 4:
        raise ConfigurationError("the child offers SOCKS4 only, which takes IPv4 addresses only")
    return partial(_Socks4, target, formatSocksArguments(arguments).encode("utf-8"))
