"""
A server of meek's in memory, and who speaks HTTP with it by hand.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.applications import Application, Applications
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.transports.meek.method import Meek

PLACE = HostPort("127.0.0.1", 80)
ID = "0123456789abcdef"


class Visitor(Application):
    """
    Somebody who is connected to the server.
    """

    transport: Any

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__()
        self._network = network

    def say(self, data: bytes, seconds: float = 0.5) -> bytes:
        """
        :param seconds: for an answer.
        :returns: what came in that time.
        """
        self.received.clear()
        self.transport.write(data)
        self._network.pump(seconds)
        return bytes(self.received)

    def post(self, body: bytes = b"", sessionId: str = ID, *fields: str, path: str = "/") -> bytes:
        """
        :param fields: of the head, more of them.
        :returns: the body of the answer, if that has status 200; else all of it.
        """
        return payload(self.say(request(body, sessionId, *fields, path=path)))


def request(body: bytes = b"", sessionId: str = ID, *fields: str, path: str = "/") -> bytes:
    """
    :returns: what the reference's client says.
    """
    head = (
        f"POST {path} HTTP/1.1",
        "Host: a.example",
        f"Content-Length: {len(body)}",
        f"X-Session-Id: {sessionId}",
        *fields,
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def payload(answer: bytes) -> bytes:
    """
    :returns: the body, if the status is 200; else all of it.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if head.startswith(b"HTTP/1.1 200 ") else answer


class ServerCase(SynchronousTestCase):
    """
    :ivar applications: the server's.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)
        self.serve()

    def serve(self, **options: str) -> None:
        """
        Listen, with these options, instead of what did.

        :param options: underscores stand for hyphens.
        """
        if hasattr(self, "port"):
            self.successResultOf(self.port.stopListening())
        self.applications = Applications()
        arguments = Arguments({key.replace("_", "-"): text for key, text in options.items()})
        endpoint = Meek().serverEndpoint(self.context, PLACE, arguments)
        self.port: Any = self.successResultOf(endpoint.listen(self.applications))

    def visitor(self) -> Visitor:
        visitor = Visitor(self.network)
        factory = Applications()
        factory.buildProtocol = lambda addr: visitor  # type: ignore[method-assign]
        self.network.clientEndpoint(PLACE.host, PLACE.port).connect(factory)
        self.network.pump()
        return visitor

    def tearDown(self) -> None:
        """
        In the end nothing is left.
        """
        self.port.stopListening()
        self.network.pump(600)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertEqual(self.context.metrics.connectionsOpen, 0)
        for application in self.applications.built:
            self.assertEqual(len(application.lost), 1)
