"""
What is over is freed at once: it does not wait for the garbage collector, which a
process at rest does not run.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.testing.destinations import listen
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import bounded
from pyptwist.transports.dummy import Dummy
from tests.interop.ours import context


class Application(Protocol):
    """
    Tells of its end.
    """

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        self.lost.callback(None)


class RemainsTests(TestCase):
    """
    Without a garbage collector.
    """

    timeout = 30

    def setUp(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)

    async def test_connection(self) -> None:
        """
        A client's connection and its codec.
        """
        destination = listen(self)
        endpoint = Dummy().clientEndpoint(
            context(self), HostPort(*destination.address), Arguments()
        )
        application: Any = await endpoint.connect(Factory.forProtocol(Application))
        connection = weakref.ref(application.transport)
        codec = weakref.ref(application.transport._codec)
        (await destination.accept()).close()
        await bounded(application.lost, 10, "the end of the connection")
        await deferLater(theReactor(), 0, lambda: None)
        self.assertIsNone(connection())
        self.assertIsNone(codec())
