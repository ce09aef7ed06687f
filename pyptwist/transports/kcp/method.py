"""
The method ``kcp``, and its arguments.
"""

from __future__ import annotations

from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.multiplex.kcp import MODES, Settings
from pyptwist.transports.kcp.client import KcpClientEndpoint
from pyptwist.transports.kcp.framing import Framing, KcptunFraming, SessionFraming
from pyptwist.transports.kcp.parts import Parts
from pyptwist.transports.kcp.server import KcpServerEndpoint
from pyptwist.transports.kcp.stream import StreamOptions

_MODE = "fast"
_FRAMING = "session"


@implementer(IClientTransport, IServerTransport)
class Kcp:
    """
    Both sides.  All arguments are optional, and each side's own but ``framing``:
    ``framing``, ``mode``, ``nodelay``, ``interval``, ``resend``, ``nc``, ``mtu``,
    ``sndwnd``, ``rcvwnd``, ``keepalive``.
    """

    name = "kcp"
    serverSpeaksFirst = False
    admitsAnybody = True
    needsDatagrams = True

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        See ``IClientTransport.clientEndpoint``.
        """
        parts = self._parts(context, arguments)
        if target is None:
            raise ConfigurationError(f"{self.name} needs the address of a server")
        return KcpClientEndpoint(parts, target)

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        See ``IServerTransport.serverEndpoint``.
        """
        parts = self._parts(context, arguments)
        # Whoever knows nothing speaks our own framing.
        isOther = parts.framing.name != _FRAMING
        needed = Arguments({"framing": parts.framing.name} if isOther else {})
        return KcpServerEndpoint(parts, bind, needed)

    def _parts(self, context: Context, arguments: Arguments) -> Parts:
        # kcptun's files have this as well, and it is no misspelt nodelay.  It means nothing
        # here, where acknowledgements wait as the interval says.
        arguments = arguments.without("acknodelay")
        framing = _framing(context, arguments)
        keepalive = arguments.integer(
            "keepalive", 1, limits.KCP_KEEPALIVE_MAXIMUM, limits.KCP_KEEPALIVE
        )
        options = StreamOptions(_settings(framing, arguments), keepalive)
        return Parts(context, context.alias or self.name, framing, options)


def _framing(context: Context, arguments: Arguments) -> Framing:
    name = arguments.choice("framing", (_FRAMING, "kcptun"), _FRAMING)
    return KcptunFraming(context.entropy) if name == "kcptun" else SessionFraming()


def _settings(framing: Framing, arguments: Arguments) -> Settings:
    """
    :raises ConfigurationError: naming the argument that makes no sense.
    """
    mode = arguments.choice("mode", MODES, _MODE)
    nodelay, interval, resend, congestion = MODES[mode]
    size = arguments.integer(
        "mtu", limits.KCP_DATAGRAM_MINIMUM, limits.KCP_DATAGRAM_MAXIMUM, limits.KCP_DATAGRAM
    )
    return Settings(
        nodelay=arguments.flag("nodelay", nodelay),
        interval=arguments.integer("interval", 10, 5000, interval),
        resend=arguments.integer("resend", 0, 100, resend),
        congestion=not arguments.flag("nc", not congestion),
        packet=size - framing.overhead,
        sendWindow=_window(arguments, "sndwnd", limits.KCP_SEND_WINDOW),
        receiveWindow=_window(arguments, "rcvwnd", limits.KCP_RECEIVE_WINDOW),
    )


def _window(arguments: Arguments, key: str, default: int) -> int:
    # No implementation has a smaller one: KCP's peers send as many before they know.
    return arguments.integer(key, 128, limits.KCP_WINDOW_MAXIMUM, default)
