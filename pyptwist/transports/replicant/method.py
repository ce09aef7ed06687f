"""
Replicant as a transport method: from arguments to codecs.

Two forms of them are understood.  In files of JSON or TOML, as shapeshifter-dispatcher
has it::

    {"toneburst": {"type": "Starburst", "mode": "SMTPServer"},
     "polish": {"type": "DarkStar", "serverPrivateKey": "..."}}

and in bridge lines and the like, which cannot hold objects::

    toneburst=Starburst polish=DarkStar serverPublicKey=...
"""

from __future__ import annotations

from typing import Final

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import JSON, Arguments
from pyptwist.caution import warnOnce
from pyptwist.codec import CodecFactory
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.transports.dummy import DummyCodec
from pyptwist.transports.replicant.codec import ReplicantCodec
from pyptwist.transports.replicant.interfaces import IPolish, ITonebursts
from pyptwist.transports.replicant.kinds import polishNamed, toneburstNamed
from pyptwist.transports.replicant.starburst import Starburst
from pyptwist.transports.shadow.addressed import (
    HANDSHAKE_ADDRESS,
    SERVER_ADDRESS,
    AddressedTransport,
    addressIn,
    checkTransport,
)

_TONEBURST: Final = "toneburst"
_POLISH: Final = "polish"
_DEFAULT_TONEBURST: Final = Starburst.name
_DEFAULT_POLISH: Final = "DarkStar"

_KNOWN: Final = frozenset(
    (_TONEBURST, _POLISH, SERVER_ADDRESS, HANDSHAKE_ADDRESS, "transport", "bindAddress")
)
_PLAIN: Final = "without a polish, everybody reads everything; give the option polish=DarkStar"


class Replicant(AddressedTransport):
    """
    The method ``Replicant``, both sides.

    :cvar stateName: what the names of state files begin with.
    """

    name = "Replicant"
    stateName = "replicant"
    # A toneburst's server says the first word; and then its peer is no stranger.
    serverSpeaksFirst = True
    serverHandshakeTimeout = limits.TONEBURST_SERVER_HANDSHAKE

    def readToneburst(self, arguments: Arguments, isClient: bool) -> ITonebursts | None:
        """
        :returns: the kind of toneburst that is wanted.
        :raises ConfigurationError: if there is no such, or it is the other side's.
        """
        options = _part(arguments, _TONEBURST)
        if options is None:
            return None
        kind = toneburstNamed(options.get("type") or _DEFAULT_TONEBURST)
        mode = kind.clientMode if isClient else kind.serverMode
        if options.get("mode", mode) != mode:
            raise ConfigurationError(f"the mode of the option 'toneburst' must be {mode} here")
        return kind

    def readPolish(self, arguments: Arguments) -> tuple[IPolish, Arguments] | None:
        """
        :returns: the kind of polish that is wanted, and its options.
        :raises ConfigurationError: if there is no such.
        """
        options = _part(arguments, _POLISH)
        if options is None:
            if not {"serverPublicKey", "serverPrivateKey"} & set(arguments):
                return None
            options = Arguments()
        kind = polishNamed(options.get("type") or _DEFAULT_POLISH)
        return kind, arguments.without(_TONEBURST, _POLISH).updated(options.without("type"))

    def clientCodecAt(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        """
        :param arguments: ``toneburst``, ``polish``, and what that needs.
        """
        checkTransport(arguments, self.name)
        toneburst, wanted = self.readToneburst(arguments, True), self.readPolish(arguments)
        following: CodecFactory = DummyCodec
        if wanted is not None:
            polish, options = wanted
            # The outer address counts, where there is one.
            address = address or addressIn(options, SERVER_ADDRESS)
            following = polish.client(context, address, options)
        else:
            self._goPlain(arguments)
        if toneburst is None:
            return following
        make = toneburst.client(context)
        return lambda: ReplicantCodec(make(), following())

    def _goPlain(self, arguments: Arguments) -> None:
        """
        There is no polish.  Let that be what the user wanted, and no slip of his pen.

        :raises ConfigurationError: if an option is none that there is.
        """
        for key in arguments:
            if key not in _KNOWN:
                raise ConfigurationError(f"there is no option {key!r}; {_PLAIN}")
        warnOnce(self.name, _PLAIN)

    def needsAddress(self, arguments: Arguments) -> bool:
        return self.readPolish(arguments) is not None

    def serverCodecAt(
        self, context: Context, address: HostPort, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: ``toneburst``, ``polish``, and what that takes.
        """
        checkTransport(arguments, self.name)
        toneburst, wanted = self.readToneburst(arguments, False), self.readPolish(arguments)
        following: CodecFactory = DummyCodec
        needed = Arguments()
        if toneburst is not None:
            needed = needed.updated(Arguments({_TONEBURST: toneburst.name}))
        if wanted is not None:
            polish, options = wanted
            following, polishNeeds = polish.server(context, address, options, self.stateName)
            needed = needed.updated(Arguments({_POLISH: polish.name})).updated(polishNeeds)
        else:
            self._goPlain(arguments)
        if toneburst is None:
            return following, needed
        make = toneburst.server(context)
        return lambda: ReplicantCodec(make(), following()), needed


class LowerReplicant(Replicant):
    """
    The same as ``replicant``: shapeshifter-dispatcher takes both, and more spellings.
    """

    name = "replicant"


def _part(arguments: Arguments, key: str) -> Arguments | None:
    """
    :returns: the options of a part, of which its name may be all; None without it.
    """
    arguments.protects(key)
    values: tuple[JSON, ...] = arguments.all(key)
    match values[0] if values else None:
        case None:
            return None
        case dict(options):
            return arguments.inside(key, options.items())
        case str(name) if name:
            return Arguments(type=name)
    raise ConfigurationError(f"the option {key!r} must be an object, or a name")
