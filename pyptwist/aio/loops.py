"""
A Twisted reactor on an event loop that somebody else runs.

Each loop gets one of its own, which is not installed as the program's: another
may be, or none, and ``asyncio.run`` may be called as often as one likes.  Code
that imports ``twisted.internet.reactor`` gets another one, that nobody runs;
here the reactor is passed in everywhere.

It is made when it is first needed, and taken down by ``loop.shutdown_asyncgens``,
which ``asyncio.run`` and ``asyncio.Runner`` call before they close the loop.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary, ref

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyptwist.network import DirectNetwork
from pyptwist.tracking import OpenConnections, TrackedNetwork

# The loop holds its reactor, as the reader of the reactor's waker.
_reactors: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[LoopReactor]] = WeakKeyDictionary()


async def reactorOf(loop: asyncio.AbstractEventLoop) -> Any:
    """
    :param loop: the running one.
    :returns: its reactor: the program's own, if that runs on this loop.
    """
    installed = sys.modules.get("twisted.internet.reactor")
    if getattr(installed, "_asyncioEventloop", None) is loop:
        return installed
    known = _reactors.get(loop)
    reactor = known() if known is not None else None
    if reactor is None or reactor.isOver:
        reactor = LoopReactor(loop)
        _reactors[loop] = ref(reactor)
        reactor.lifetime = _lifetime(reactor)
        await anext(reactor.lifetime)
    return reactor


async def _lifetime(reactor: LoopReactor) -> AsyncGenerator[None, None]:
    """
    The loop knows all generators that were begun, and ends them when it ends.
    """
    try:
        yield
    finally:
        reactor.takeDown()
        await asyncio.sleep(0)  # for what protocols are told of the end


class LoopReactor(AsyncioSelectorReactor):
    """
    The reactor of one loop, which it neither starts nor stops.

    :ivar isOver: was it taken down?
    :ivar lifetime: what is told of the loop's end.
    :ivar open: the connections of ``networkOf``.
    """

    # Another thread may have the reactor that signals and threads are about.
    _registerAsIOThread = False

    lifetime: AsyncGenerator[None, None]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        :param loop: the running one.
        """
        super().__init__(loop)
        self.isOver = False
        self.open = OpenConnections()
        self.startRunning(installSignalHandlers=False)

    def takeDown(self) -> None:
        """
        Close every connection and port, and leave no timer and no socket.
        """
        self.isOver = True
        self.fireSystemEvent("shutdown")
        # Those that neither read nor write at present are unknown to a reactor.
        self.open.lose()
        for call in self.getDelayedCalls():
            call.cancel()
        self.removeReader(self.waker)  # type: ignore[no-untyped-call]
        self.waker.connectionLost(None)
        if self._timerHandle is not None:
            self._timerHandle.cancel()

    def crash(self) -> None:
        # Not the asyncio reactor's own, which stops the loop.
        super(AsyncioSelectorReactor, self).crash()


def networkOf(reactor: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """
    :param reactor: see ``reactorOf``.
    :returns: the ``INetwork`` whose connections end with the loop at the latest.
    """
    network = LoopNetwork(reactor, loop)
    return TrackedNetwork(network, getattr(reactor, "open", None))


class LoopNetwork(DirectNetwork):
    """
    This machine's own TCP, with names resolved as asyncio does it: by the loop's
    executor, or whatever the loop has for it.
    """

    def __init__(self, reactor: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reactor)
        self._loop = loop

    def _hostnameEndpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        return _NamedEndpoint(self, self._loop, host, port)


@implementer(IStreamClientEndpoint)
class _NamedEndpoint:
    """
    Tries all addresses of a name, one after the other, as asyncio does.

    Twisted's own would have a global reactor installed.
    """

    def __init__(
        self, network: LoopNetwork, loop: asyncio.AbstractEventLoop, host: str, port: int
    ) -> None:
        self._network = network
        self._loop = loop
        self._host, self._port = host, port

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, protocolFactory: IProtocolFactory) -> IProtocol:
        error: Exception = DNSLookupError("the name has no address")
        for address in await self._addresses():
            try:
                connecting: Deferred[IProtocol] = self._network.clientEndpoint(
                    address, self._port
                ).connect(protocolFactory)
                return await connecting
            except (CancelledError, ConnectingCancelledError):
                raise
            except Exception as failed:
                error = failed
        raise error

    async def _addresses(self) -> list[str]:
        resolving = asyncio.ensure_future(
            self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM),
            loop=self._loop,
        )
        try:
            found = await Deferred.fromFuture(resolving)
        except (OSError, UnicodeError) as error:
            raise DNSLookupError("the name could not be resolved") from error
        return list(dict.fromkeys(str(where[0]) for *_, where in found))
