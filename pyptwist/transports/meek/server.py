"""
The server's endpoint.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.interfaces import Context, IServerTransportEndpoint
from pyptwist.tls.server import CertificateFiles, securingServer
from pyptwist.transports.meek.arguments import published, serverOptions
from pyptwist.transports.meek.sessions import SessionTable
from pyptwist.transports.meek.site import MeekSite


@implementer(IServerTransportEndpoint)
class MeekServerEndpoint:
    """
    An application is built for each session, when its first request comes.
    """

    def __init__(
        self, context: Context, bind: HostPort, arguments: Arguments, methodName: str
    ) -> None:
        """
        :raises ConfigurationError: naming the option that is wrong.
        """
        self.clientArguments = published(arguments)
        self._context = context
        self._options = serverOptions(arguments)
        self._methodName = methodName
        below = context.network.serverEndpoint(bind.host, bind.port)
        if self._options.certificate is not None:
            files = CertificateFiles(*self._options.certificate)
            below = securingServer(below, context.reactor, files)
        self._below = below

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        context = self._context
        table = SessionTable(
            context.reactor, protocolFactory, self._options, self._methodName, context.metrics
        )
        listening: Deferred[IListeningPort] = self._below.listen(MeekSite(table))
        return listening
