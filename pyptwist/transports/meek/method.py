"""
meek as transport methods, under its two names.
"""

from __future__ import annotations

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.transports.meek.arguments import webServer
from pyptwist.transports.meek.client import MeekClientEndpoint
from pyptwist.transports.meek.server import MeekServerEndpoint
from pyptwist.transports.meek.targets import oneTarget


@implementer(IClientTransport, IServerTransport)
class Meek:
    """
    The method ``meek``, both sides.

    A decoy would have nothing to do: whoever speaks meek is a client, and everybody
    else sees a web site.
    """

    name = "meek"
    serverSpeaksFirst = False
    admitsAnybody = True

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        :param target: without ``url`` and ``front``, where to connect to, for
            ``http://target/``; else it is ignored.
        :param arguments: ``url``, ``front``, ``ca`` and ``utls``; or ``targets`` instead
            of the first two.
        :raises ConfigurationError: naming the argument that is missing or wrong.
        """
        server = webServer(oneTarget(arguments, context.entropy), target)
        return MeekClientEndpoint(context, server, context.alias or self.name)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        :param arguments: see ``ServerOptions``, and ``url`` and ``front`` for clients.
        :raises ConfigurationError: naming the option that is wrong.
        """
        return MeekServerEndpoint(context, bind, arguments, context.alias or self.name)


class MeekLite(Meek):
    """
    The same, under the name that obfs4proxy gave to its client.
    """

    name = "meek_lite"
