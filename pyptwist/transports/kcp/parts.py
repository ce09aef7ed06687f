"""
What all connections of one endpoint share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IAddress

from pyptwist.interfaces import Context
from pyptwist.multiplex.kcp import Conversation
from pyptwist.transports.kcp.cookies import Address
from pyptwist.transports.kcp.framing import Framing
from pyptwist.transports.kcp.session import addressOf
from pyptwist.transports.kcp.stream import Stream, StreamOptions
from pyptwist.virtual import VirtualConnection


@dataclass(frozen=True)
class Parts:
    """
    :ivar context: the endpoint's surroundings.
    :ivar methodName: what connections say their method is.
    """

    context: Context
    methodName: str
    framing: Framing
    options: StreamOptions

    @property
    def now(self) -> float:
        """
        Seconds.
        """
        return float(self.context.reactor.seconds())

    def newStream(self, session: bytes) -> Stream:
        """
        :param session: its first 4 bytes are the conversation's number.
        """
        number = int.from_bytes(session[:4], "little")
        epoch = int.from_bytes(self.context.entropy(4), "little")
        conversation = Conversation(number, self.options.settings, self.now, epoch)
        return Stream(conversation, self.framing, session, self.options, self.now)

    def newConnection(self, session: Any, host: IAddress, peer: Address) -> VirtualConnection:
        """
        :param session: the ``IVirtualSession``.
        """
        context = self.context
        return VirtualConnection(
            context.reactor, session, self.methodName, context.metrics, host, addressOf(peer)
        )
