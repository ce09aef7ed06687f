"""
What pyptwist adds to Twisted.

Every twistd command imports this module, so it imports as little as it can.
The names here are kept in a cache beside it: let them stay.
"""

from __future__ import annotations

from twisted.application.service import ServiceMaker

from pyptwist.execparsers import ExecClientParser, ExecServerParser
from pyptwist.parsers import ClientParser, ServerParser
from pyptwist.registry import TransportPlugin

service = ServiceMaker(
    "pyptwist", "pyptwist.tap", "A pluggable transport process, to be started by tor.", "pt"
)

clientParser = ClientParser()
serverParser = ServerParser()
execClientParser = ExecClientParser()
execServerParser = ExecServerParser()

b64 = TransportPlugin(
    "b64", client="pyptwist.transports.b64.B64", server="pyptwist.transports.b64.B64"
)
dummy = TransportPlugin(
    "dummy", client="pyptwist.transports.dummy.Dummy", server="pyptwist.transports.dummy.Dummy"
)
meek = TransportPlugin(
    "meek",
    client="pyptwist.transports.meek.method.Meek",
    server="pyptwist.transports.meek.method.Meek",
)
meek_lite = TransportPlugin(
    "meek_lite",
    client="pyptwist.transports.meek.method.MeekLite",
    server="pyptwist.transports.meek.method.MeekLite",
)
kcp = TransportPlugin(
    "kcp",
    client="pyptwist.transports.kcp.method.Kcp",
    server="pyptwist.transports.kcp.method.Kcp",
)
obfs2 = TransportPlugin(
    "obfs2", client="pyptwist.transports.obfs2.Obfs2", server="pyptwist.transports.obfs2.Obfs2"
)
obfs3 = TransportPlugin(
    "obfs3", client="pyptwist.transports.obfs3.Obfs3", server="pyptwist.transports.obfs3.Obfs3"
)
obfs4 = TransportPlugin(
    "obfs4",
    client="pyptwist.transports.obfs4.method.Obfs4",
    server="pyptwist.transports.obfs4.method.Obfs4",
)
optimizer = TransportPlugin("Optimizer", client="pyptwist.transports.optimizer.method.Optimizer")
optimizerLower = TransportPlugin(
    "optimizer", client="pyptwist.transports.optimizer.method.LowerOptimizer"
)
scramblesuit = TransportPlugin(
    "scramblesuit",
    client="pyptwist.transports.scramblesuit.method.ScrambleSuit",
    server="pyptwist.transports.scramblesuit.method.ScrambleSuit",
)
webtunnel = TransportPlugin(
    "webtunnel",
    client="pyptwist.transports.webtunnel.client.WebTunnelClient",
    server="pyptwist.transports.webtunnel.server.WebTunnelServer",
)
replicant = TransportPlugin(
    "Replicant",
    client="pyptwist.transports.replicant.method.Replicant",
    server="pyptwist.transports.replicant.method.Replicant",
)
replicantLower = TransportPlugin(
    "replicant",
    client="pyptwist.transports.replicant.method.LowerReplicant",
    server="pyptwist.transports.replicant.method.LowerReplicant",
)
shadow = TransportPlugin(
    "shadow",
    client="pyptwist.transports.shadow.method.Shadow",
    server="pyptwist.transports.shadow.method.Shadow",
)
starbridge = TransportPlugin(
    "Starbridge",
    client="pyptwist.transports.starbridge.Starbridge",
    server="pyptwist.transports.starbridge.Starbridge",
)
starbridgeLower = TransportPlugin(
    "starbridge",
    client="pyptwist.transports.starbridge.LowerStarbridge",
    server="pyptwist.transports.starbridge.LowerStarbridge",
)
smux = TransportPlugin(
    "smux", client="pyptwist.transports.smux.Smux", server="pyptwist.transports.smux.Smux"
)
