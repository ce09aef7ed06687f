"""
The kinds of tonebursts and polishes that there are.

Others are added with ``addToneburst`` and ``addPolish``, by whoever is imported before
the method is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.transports.replicant.interfaces import IPolish, ITonebursts
from pyptwist.transports.replicant.starburst import Starburst
from pyptwist.transports.shadow.options import darkStarClient, darkStarServer


@implementer(IPolish)
class DarkStar:
    """
    The polish ``DarkStar``: see ``pyptwist.transports.shadow.handshake``.
    """

    name = "DarkStar"

    def client(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        return darkStarClient(context, address, arguments)

    def server(
        self, context: Context, address: HostPort, arguments: Arguments, stateName: str
    ) -> tuple[CodecFactory, Arguments]:
        return darkStarServer(context, address, arguments, stateName)


#: What shapeshifter-dispatcher's generator of files calls kinds, by mistake.
_ALIASES: Final = {"starbridge": Starburst.name.lower()}

_tonebursts: dict[str, ITonebursts] = {}
_polishes: dict[str, IPolish] = {}


def addToneburst(kind: ITonebursts) -> None:
    """
    :param kind: replaces one of the same name, in any case.
    """
    _tonebursts[kind.name.lower()] = kind


def addPolish(kind: IPolish) -> None:
    """
    :param kind: replaces one of the same name, in any case.
    """
    _polishes[kind.name.lower()] = kind


def toneburstNamed(name: str) -> ITonebursts:
    """
    :param name: in any case.
    :raises ConfigurationError: if there is no such kind; the text names those there are.
    """
    wanted = name.lower()
    if (kind := _tonebursts.get(_ALIASES.get(wanted, wanted))) is None:
        raise _unknown("toneburst", _tonebursts.values())
    return kind


def polishNamed(name: str) -> IPolish:
    """
    :param name: in any case.
    :raises ConfigurationError: if there is no such kind; the text names those there are.
    """
    if (kind := _polishes.get(name.lower())) is None:
        raise _unknown("polish", _polishes.values())
    return kind


def _unknown(what: str, kinds: Iterable[ITonebursts | IPolish]) -> ConfigurationError:
    known = ", ".join(sorted(kind.name for kind in kinds))
    return ConfigurationError(f"the option {what!r} must be one of {known}")


addToneburst(Starburst())
addPolish(DarkStar())
