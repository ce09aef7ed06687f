"""
What the tests of abuse have in common: a pair of our children that must stay
what they were.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import pyptwistCommand
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import socksConnect
from pyptwist.testing.streams import Address, Stream, together
from tests.integration.inspection import descriptors, peak, sockets, until
from tests.interop.exchange import exchange

_WARM_UP: Final = 4 << 20


class AbuseCase(TestCase):
    """
    A client and a server of ours, both obfs4, that have carried something.

    :ivar destination: leaves its connections to the test.
    :ivar proxy: the client's SOCKS port.
    """

    async def start(self, *wrapper: str) -> None:
        """
        Start both, and remember what is usual.

        :param wrapper: a command that executes the server.
        """
        self.destination = listen(self)
        self.server, self.client = await together(
            launchServer(self, [*wrapper, *pyptwistCommand()], self.destination.address),
            launchClient(self, pyptwistCommand()),
        )
        self.bridge = self.server.method("obfs4")
        self.proxy = self.client.method("obfs4").address
        await self.assertServes(_WARM_UP)
        await until(lambda: not any(map(_connections, self.children)), "that both are idle")
        self._descriptors = {child: len(descriptors(child.pid)) for child in self.children}
        self._peaks = {child: peak(child.pid) for child in self.children}

    @property
    def children(self) -> list[PTChild]:
        return [self.server, self.client]

    async def connect(self, target: Address | None = None) -> tuple[Stream, Stream]:
        """
        :param target: instead of the server.
        :returns: the application's end and the destination's.
        """
        where = target or self.bridge.address
        near = await socksConnect(self, self.proxy, where, self.bridge.arguments)
        return near, await self.destination.accept()

    async def assertServes(self, size: int = 100_000) -> None:
        """
        A good application is served, then leaves.
        """
        near, far = await self.connect()
        await exchange(self, (near, far), size)
        await near.drop()

    async def assertDescriptors(self, ofServer: int = 0, ofClient: int = 0) -> None:
        """
        Each child comes to hold so many more descriptors than at the start.
        """
        for child, more in ((self.server, ofServer), (self.client, ofClient)):
            await self._settle(child, self._descriptors[child] + more)

    async def _settle(self, child: PTChild, count: int) -> None:
        try:
            await until(lambda: len(descriptors(child.pid)) == count, f"{count} descriptors")
        except TimeoutError as error:
            raise AssertionError(sorted(descriptors(child.pid))) from error

    def assertGrown(self, most: int) -> None:
        """
        :param most: bytes by which either child may have grown, at its peak.
        """
        for child in self.children:
            self.assertLess(peak(child.pid) - self._peaks[child], most)

    async def assertUnharmed(self) -> None:
        """
        Nothing is left behind, and nothing is broken.
        """
        await self.assertDescriptors()
        await self.assertServes()
        for child in self.children:
            self.assertNotIn("Traceback", child.errors.decode())


def _connections(child: PTChild) -> int:
    return sum(not socket.isListening for socket in sockets(child.pid))
