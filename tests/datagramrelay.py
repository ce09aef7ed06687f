"""
A path for datagrams that loses some, and puts some out of order: a relay in the
test's own reactor.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from pyptwist.testing.streams import Address

_reactor: Any = reactor


class DatagramRelay(DatagramProtocol):
    """
    Clients send to it, and are seen by the server as from a socket of their own, as
    behind an address translator; make one with ``relay``.

    :ivar address: where clients send to.
    :ivar loss: how many are lost, of all.
    :ivar late: how many come late.
    :ivar lateness: seconds, at the most.
    :ivar passed: how many were passed on.
    :ivar lost: how many were not.
    :ivar rebindEvery: after so many, clients seem to be elsewhere; 0 for never.
    :ivar rebound: how often that was.
    """

    noisy = False

    def __init__(self, server: Address, seed: int) -> None:
        self.address: Address = ("", 0)
        self.loss = 0.0
        self.late = 0.0
        self.lateness = 0.01
        self.passed = self.lost = 0
        self.rebindEvery = self.rebound = 0
        self._server = server
        self._random = random.Random(seed)
        self._outside: dict[Address, _Outside] = {}
        self._calls: set[Any] = set()
        self._port: Any = _reactor.listenUDP(0, self, interface="127.0.0.1")
        self.address = ("127.0.0.1", self._port.getHost().port)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if addr not in self._outside:
            self._outside[addr] = _Outside(self, addr)
        self.passOn(lambda: self._outside[addr].send(datagram, self._server))

    def rebind(self) -> None:
        """
        Have clients seem to be elsewhere from now on: what comes to where they were is
        lost.
        """
        self.rebound += 1
        for outside in self._outside.values():
            outside.close()
        self._outside.clear()

    def answer(self, datagram: bytes, client: Address) -> None:
        """
        The server sent one.
        """
        self.passOn(lambda: self._write(datagram, client))

    def passOn(self, send: Any) -> None:
        """
        Pass one on, or do not, or do so later.
        """
        if self._random.random() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        if self.rebindEvery and self.passed % self.rebindEvery == 0:
            self.rebind()
            return
        if self._random.random() >= self.late:
            send()
            return

        def later() -> None:
            self._calls.discard(call)
            with contextlib.suppress(KeyError, AttributeError):
                send()  # its socket may be gone

        call = _reactor.callLater(self._random.random() * self.lateness, later)
        self._calls.add(call)

    def _write(self, datagram: bytes, client: Address) -> None:
        if self.transport is not None:
            self.transport.write(datagram, client)

    async def stop(self) -> None:
        """
        Close all sockets.
        """
        for call in self._calls:
            call.cancel()
        self.rebind()
        await maybeDeferred(self._port.stopListening)


class _Outside(DatagramProtocol):
    """
    A client's socket on the server's side.
    """

    noisy = False

    def __init__(self, relay: DatagramRelay, client: Address) -> None:
        self._relay = relay
        self._client = client
        self._port: Any = _reactor.listenUDP(0, self, interface="127.0.0.1")

    def send(self, datagram: bytes, server: Address) -> None:
        if self.transport is not None:
            self.transport.write(datagram, server)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._relay.answer(datagram, self._client)

    def close(self) -> None:
        self._port.stopListening()


def relay(
    test: TestCase, server: Address, loss: float = 0.0, late: float = 0.0, seed: int = 1
) -> DatagramRelay:
    """
    Start one, until the test's cleanup.

    :param server: where it leads.
    """
    started = DatagramRelay(server, seed)
    started.loss, started.late = loss, late
    test.addCleanup(lambda: Deferred.fromCoroutine(started.stop()))
    return started
