"""
Starbridge: Replicant with the toneburst Starburst and the polish DarkStar, and nothing
else to choose.

``pyptwist.transports.replicant.starburst``, ``pyptwist.transports.shadow.handshake`` and
``pyptwist.transports.shadow.chunks`` have the wire format.
"""

from __future__ import annotations

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.interfaces import Context
from pyptwist.transports.replicant.method import Replicant

_PARTS = Arguments(toneburst="Starburst", polish="DarkStar")


class Starbridge(Replicant):
    """
    The method ``Starbridge``, both sides.
    """

    name = "Starbridge"
    stateName = "starbridge"

    def clientCodecAt(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        """
        :param arguments: ``serverPublicKey``; and ``confirmation``.
        """
        return super().clientCodecAt(context, address, arguments.updated(_PARTS))

    def needsAddress(self, arguments: Arguments) -> bool:
        return True

    def serverCodecAt(
        self, context: Context, address: HostPort, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: ``serverPrivateKey``, without which the state directory has one.
        """
        codecFactory, needed = super().serverCodecAt(context, address, arguments.updated(_PARTS))
        return codecFactory, needed.without(*_PARTS)


class LowerStarbridge(Starbridge):
    """
    The same as ``starbridge``: shapeshifter-dispatcher takes both, and more spellings.
    """

    name = "starbridge"
