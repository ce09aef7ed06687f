"""
webtunnel as a transport method: the client's side.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.endpoints import wrapClient
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IClientTransport
from pyptwist.transports.webtunnel.codec import WebTunnelClientCodec
from pyptwist.transports.webtunnel.naming import naming, requireTLS
from pyptwist.transports.webtunnel.url import TunnelURL, hostHeader


@implementer(IClientTransport)
class WebTunnelClient:
    """
    The method ``webtunnel``, for clients.
    """

    name = "webtunnel"

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        :param target: means nothing, and is None or any address (bridge lines need
            one), unless there is no ``url``: then the server is there, without TLS.
        :param arguments: ``url``, which names the server and the secret path, or
            ``path``, the latter alone;
            ``addr``, HOST:PORT to connect to instead; ``servername`` and others, by
            which the server is known, see ``naming``; and ``ca``, a file of the
            authorities to trust.  ``utls`` and ``ver`` mean nothing here.
        :raises ConfigurationError: naming the argument that is missing or wrong.
        """
        arguments.protects("addr", "cert", "servername", "sni-imitation")
        url = TunnelURL.at(target, arguments)
        # The request is for the URL's host, whatever name TLS goes by.
        header = hostHeader(url.where.host)
        names = naming(url.where.host, arguments, context.entropy)
        if not url.isSecure:
            requireTLS(arguments)
        where = _where(arguments) or url.where
        endpoint = context.network.clientEndpoint(where.host, where.port)
        if url.isSecure:
            # Not above: it is a matter of half a second to import.
            from pyptwist.tls.client import authorities, securing

            endpoint = securing(
                *(endpoint, context.reactor, names.name, authorities(arguments)),
                asked=names.asked,
                chain=names.chain,
            )
        return wrapClient(
            endpoint,
            context.reactor,
            partial(WebTunnelClientCodec, header, url.path),
            context.alias or self.name,
            context.metrics,
            limits.CLIENT_HANDSHAKE,
        )


def _where(arguments: Arguments) -> HostPort | None:
    if "addr" not in arguments:
        return None
    text = arguments.require("addr")
    try:
        where = HostPort.parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"the argument 'addr': {error}") from None
    if not where.port:
        raise ConfigurationError("the argument 'addr': port 0 cannot be connected to")
    return where
