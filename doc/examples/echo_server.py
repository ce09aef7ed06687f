"""
An echo server behind a transport, say::

    python echo_server.py 'pt:obfs4:8443:interface=192.0.2.1:state=/var/lib/echo'
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.wire import Echo

from pyptwist.addresses import HostPort


async def main(reactor, description):
    endpoint = serverFromString(reactor, description)
    port = await endpoint.listen(Factory.forProtocol(Echo))
    address = port.getHost()
    words = [description.split(":")[1], str(HostPort(address.host, address.port))]
    words += [f"{key}={value}" for key, value in endpoint.clientArguments.texts()]
    print("Bridge", *words, flush=True)
    await Deferred()  # serve until the process is ended


react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
