"""
webtunnel as a transport method: the server's side.
"""

from __future__ import annotations

from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, IServerTransport, IServerTransportEndpoint
from pyptwist.tls.server import CertificateFiles, certificateNames, securingServer
from pyptwist.transports.webtunnel.announcement import announcement
from pyptwist.transports.webtunnel.listening import WatchfulServerEndpoint, WebTunnelServerEndpoint


@implementer(IServerTransport)
class WebTunnelServer:
    """
    The method ``webtunnel``, for servers.
    """

    name = "webtunnel"
    serverSpeaksFirst = False
    admitsAnybody = False

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        :param arguments: ``url``, under which clients reach the server, and whose
            path is the secret.  Without it they reach it where it listens, without
            TLS, and ``path`` is the secret; or else the state directory has one.
            ``site``, a folder for everybody else.  ``cert`` and ``key``, the files of
            a certificate, to speak TLS without a web server in front that does.
            ``trust-forwarded-for``, whom to believe whose connection it is.
        :raises ConfigurationError: naming what is wrong, and the cure.
        """
        told = announcement(context, arguments)
        name = context.alias or self.name
        endpoint = context.network.serverEndpoint(bind.host, bind.port)
        if context.refusals is not None:
            for option in ("cert", "site"):
                if option in arguments:
                    raise ConfigurationError(f"{option!r} and a decoy exclude each other")
            return WatchfulServerEndpoint(context, endpoint, arguments, told, name)
        if (names := certificateNames(arguments)) is not None:
            endpoint = securingServer(endpoint, context.reactor, CertificateFiles(*names))
        return WebTunnelServerEndpoint(context, endpoint, arguments, told, name)
