"""
What pyptwist adds to Twisted.

Every twistd command imports this module, so it imports as little as it can.
The names here are kept in a cache beside it: let them stay.
"""

from __future__ import annotations

from twisted.application.service import ServiceMaker

from pyptwist.parsers import ClientParser, ServerParser
from pyptwist.registry import TransportPlugin

service = ServiceMaker(
    "pyptwist", "pyptwist.tap", "A pluggable transport process, to be started by tor.", "pt"
)

clientParser = ClientParser()
serverParser = ServerParser()

dummy = TransportPlugin(
    "dummy", client="pyptwist.transports.dummy.Dummy", server="pyptwist.transports.dummy.Dummy"
)
obfs4 = TransportPlugin(
    "obfs4",
    client="pyptwist.transports.obfs4.method.Obfs4",
    server="pyptwist.transports.obfs4.method.Obfs4",
)
