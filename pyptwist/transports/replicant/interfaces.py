"""
What Replicant is made of.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import Attribute, Interface

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.interfaces import Context, ICodec


class IToneburst(ICodec):
    """
    One side of a conversation in clear, of one network connection.

    It is a codec that carries no payload: it is done with its ``Ready``.  Easily
    written on ``CodecBase``, whose buffer then has the ``rest``.
    """

    def rest() -> bytes:
        """
        Give away what came behind the end of the conversation.  Called once, after
        ``Ready``.
        """


class ITonebursts(Interface):
    """
    A kind of toneburst.
    """

    name: str = Attribute("What ``type`` says in configurations.")
    clientMode: str = Attribute("What ``mode`` says at a client.")
    serverMode: str = Attribute("What it says at a server.")

    def client(context: Context) -> Callable[[], IToneburst]:
        """
        :returns: makes the client's side for a connection.
        """

    def server(context: Context) -> Callable[[], IToneburst]:
        """
        :returns: makes the server's side for a connection.
        """


class IPolish(Interface):
    """
    A kind of polish.
    """

    name: str = Attribute("What ``type`` says in configurations.")

    def client(context: Context, address: HostPort | None, arguments: Arguments) -> CodecFactory:
        """
        :param address: the server's; None if nobody said it.
        :param arguments: the polish's own.
        :raises ConfigurationError: naming what is missing or wrong.
        """

    def server(
        context: Context, address: HostPort, arguments: Arguments, stateName: str
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param address: where the server is, as its clients have it.
        :param stateName: what the names of state files begin with.
        :returns: makes codecs, and what clients need.
        :raises ConfigurationError: naming what is missing or wrong.
        """
