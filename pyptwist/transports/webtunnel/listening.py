"""
The server's endpoints: one with a site, and one with a decoy.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from zope.interface import implementer

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.attempts import ignored
from pyptwist.connection import CodecConnection
from pyptwist.endpoints import CodecServerEndpoint, logUnbuilt
from pyptwist.interfaces import Context, IServerTransportEndpoint
from pyptwist.strangers.silence import drainSeconds
from pyptwist.transports.webtunnel.announcement import Announcement
from pyptwist.transports.webtunnel.codec import WebTunnelServerCodec
from pyptwist.transports.webtunnel.secret import Secret
from pyptwist.transports.webtunnel.site import TunnelSite
from pyptwist.transports.webtunnel.watchful import WatchfulServerCodec
from pyptwist.web.folder import siteRoot
from pyptwist.web.forwarded import HEADER, Forwarded
from pyptwist.web.pages import notFound


@implementer(IServerTransportEndpoint)
class WebTunnelServerEndpoint:
    """
    A site with a door in it.

    :ivar clientArguments: see ``Announcement``, as for ``clientAddress``.
    """

    def __init__(
        self,
        context: Context,
        endpoint: Any,
        arguments: Arguments,
        told: Announcement,
        name: str,
    ) -> None:
        """
        :param endpoint: where to listen, TLS included.
        """
        self.clientArguments = told.arguments
        self.clientAddress = told.address
        self._secret = Secret(told.path)
        self._root = siteRoot(arguments) or notFound()
        self._forwarded = Forwarded(arguments)
        self._context = context
        self._name = name
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        context = self._context

        def opens(request: Any) -> CodecConnection:
            return Tunnel(
                self._forwarded,
                context.reactor,
                WebTunnelServerCodec(request.requestHeaders.getRawHeaders(HEADER, [])),
                self._name,
                context.metrics,
                protocolFactory.buildProtocol,
                ignored,
                logUnbuilt,
            )

        site = TunnelSite(self._root, context.reactor, self._secret, protocolFactory, opens)
        listening: Deferred[IListeningPort] = self._endpoint.listen(site)
        return listening


class WatchfulServerEndpoint(CodecServerEndpoint):
    """
    The same with a decoy.
    """

    def __init__(
        self,
        context: Context,
        endpoint: Any,
        arguments: Arguments,
        told: Announcement,
        name: str,
    ) -> None:
        secret, drain = Secret(told.path), drainSeconds(context.entropy)
        super().__init__(
            endpoint,
            context.reactor,
            partial(WatchfulServerCodec, secret, drain),
            name,
            told.arguments,
            context.metrics,
            limits.SERVER_HANDSHAKE,
            context.refusals,
        )
        self.clientAddress = told.address
        self.connection: Any = partial(Tunnel, Forwarded(arguments))


class Tunnel(CodecConnection):
    """
    A connection that may come from elsewhere than its peer.
    """

    def __init__(self, forwarded: Forwarded, *others: Any) -> None:
        """
        :param forwarded: decides that.
        :param others: of ``CodecConnection``.
        """
        super().__init__(*others)
        self._forwarded = forwarded

    def rememberAddresses(self) -> None:
        super().rememberAddresses()
        said = getattr(self._codec, "forwardedFor", ())
        self._peer = self._forwarded.client(self._peer, said) or self._peer
