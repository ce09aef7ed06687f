"""
A server and a client in one program: a local port that leads, through obfs4, to a
TCP server.

    python tunnel.py 127.0.0.1:80 /tmp/tunnel
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from pyptwist.addresses import HostPort
from pyptwist.services import TransportServer, TransportTunnel


async def main(reactor, target, state):
    here = HostPort("127.0.0.1", 0)
    server = TransportServer(reactor, "obfs4", here, HostPort.parse(target), state=state)
    await server.start()
    tunnel = TransportTunnel(reactor, str(server.bridgeLine()), here)
    print(await tunnel.start(), flush=True)

    reactor.addSystemEventTrigger("before", "shutdown", tunnel.stop)
    reactor.addSystemEventTrigger("before", "shutdown", server.stop)
    await Deferred()


react(lambda reactor, *words: Deferred.fromCoroutine(main(reactor, *words)), sys.argv[1:])
