"""
Conformance of endpoints: how attempts to connect begin, and how they fail.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from twisted.internet.error import ConnectError, ConnectingCancelledError, NoProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import Cause, ConfigurationError, causeOfFailure
from pyptwist.interfaces import IClientTransport, IServerTransport, IServerTransportEndpoint
from pyptwist.ipc.quoting import (
    formatSmethodArguments,
    formatSocksArguments,
    isMethodName,
    splitSocksArguments,
)
from pyptwist.testing.applications import Applications
from pyptwist.testing.endpointcase import BRIDGE, CLOSED, SETTLE, EndpointCase

_TURNS = 100  # of the network, in a handshake: more is none


class ConnectingTests(EndpointCase):
    """
    Up to the moment at which both applications are there.
    """

    def test_interfaces(self) -> None:
        """
        The method and its endpoints are what they should be, and tor can write
        what a client needs into a bridge line.
        """
        method = self.newMethod()
        verifyObject(IClientTransport, method)
        verifyObject(IServerTransport, method)
        self.assertTrue(isMethodName(method.name), f"tor takes no method named {method.name!r}")
        client = method.clientEndpoint(self.context, BRIDGE, self.clientArguments)
        verifyObject(IStreamClientEndpoint, client)
        verifyObject(IServerTransportEndpoint, self.serverEndpoint(self.serverArguments))
        if self.clientArguments:
            splitSocksArguments(formatSocksArguments(self.clientArguments))
            self.assertNotIn(
                "\\",
                formatSmethodArguments(self.clientArguments),
                "tor undoes no backslash: keep commas, = and backslashes out of clientArguments",
            )

    @contextlib.contextmanager
    def mayRefuse(self, what: str) -> Iterator[None]:
        """
        Something may be refused, but in one way.
        """
        try:
            yield
        except ConfigurationError:
            pass
        except Exception as error:
            self.fail(
                f"{what} raised {type(error).__name__}: {error}; raise ConfigurationError, as the"
                " readers of Arguments do"
            )

    def test_wrongArguments(self) -> None:
        """
        Arguments that are missing, or are nonsense, are the operator's fault, and
        nothing else; nothing is dialled.
        """
        for name, given in self._spoilt(self.clientArguments):
            with self.mayRefuse(f"clientEndpoint with {name}"):
                self.newMethod().clientEndpoint(self.context, BRIDGE, given)
        for name, given in self._spoilt(self.serverArguments):
            with self.mayRefuse(f"serverEndpoint with {name}"):
                self.newMethod().serverEndpoint(self.elsewhere(), BRIDGE, given)
        self.network.pump()
        self.assertEqual(self.network.connections, [], "clientEndpoint must not dial")

    def _spoilt(self, arguments: Arguments) -> list[tuple[str, Arguments]]:
        texts = dict(arguments.texts())
        spoilt = [("no arguments", Arguments())]
        for key, value in texts.items():
            spoilt.append((f"{key} missing", arguments.without(key)))
            for wrong in ("", "\N{SNOWMAN}", "-1", "9" * 40, value[:-1], value + "A"):
                spoilt.append((f"{key} wrong", arguments.updated(Arguments({key: wrong}))))
        return spoilt

    def test_withoutTarget(self) -> None:
        """
        Who needs the address of a server says so.
        """
        with self.mayRefuse("clientEndpoint without a target"):
            self.newMethod().clientEndpoint(self.context, None, self.clientArguments)

    def test_withoutState(self) -> None:
        """
        Who needs a place for files says so, on either side.
        """
        context = self.elsewhere(stateless=True)
        with self.mayRefuse("serverEndpoint without a state directory"):
            self.newMethod().serverEndpoint(context, BRIDGE, self.serverArguments)
        with self.mayRefuse("clientEndpoint without a state directory"):
            self.newMethod().clientEndpoint(context, BRIDGE, self.clientArguments)

    def test_restart(self) -> None:
        """
        What clients were told holds when the server starts again.
        """
        before = self.clientArguments
        self.start("another seed")
        self.assertEqual(
            self.clientArguments,
            before,
            "a new start changed what clients need: keep it in context.stateDirectory",
        )
        self.connected()[0].transport.loseConnection()
        self.assertAtRest()

    def test_refused(self) -> None:
        """
        Nobody listens: a ``ConnectError`` kind that says so, and no application
        is built.
        """
        attempt, applications = self.connecting(CLOSED)
        self.network.pump()
        reason = self.failureResultOf(attempt, ConnectError)
        self.assertIs(
            causeOfFailure(reason),
            Cause.REFUSED,
            f"the cause must reach the application, not {reason.value!r}",
        )
        self.assertEqual(applications.built, [])
        self.assertAtRest()

    def test_silentServer(self) -> None:
        """
        A server that never says anything ends in a ``ConnectError`` kind, in
        bounded time, unless the method has no handshake.
        """
        attempt, applications = self.connecting(self.listenSilently())
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.network.pump(SETTLE)
        self.assertEqual(len(outcomes), 1, "the attempt never ends: it needs a deadline")
        if isinstance(outcomes[0], Failure):
            self.assertTrue(outcomes[0].check(ConnectError), f"no ConnectError: {outcomes[0]}")
            self.assertEqual(applications.built, [], "applications are built at Ready, not before")
        else:
            outcomes[0].transport.abortConnection()
        self.assertAtRest()

    def test_cancelBeforeConnect(self) -> None:
        """
        An attempt that is given up at once leaves nothing behind.
        """
        attempt, applications = self.connecting()
        attempt.cancel()
        self.failureResultOf(attempt)
        self.assertEqual(applications.built, [])
        self.assertAtRest()
        self.assertEqual(self.network.connections, [], "a cancelled attempt was dialled")

    def test_cancelAfterConnect(self) -> None:
        """
        An attempt can be given up at any time before it is done: it fails as
        cancelled attempts do, and the network connection is closed.
        """
        silent = self.listenSilently()
        self.network.latency = 1.0
        for turns in range(1, _TURNS):
            if self._giveUp(BRIDGE, turns + 0.5):
                break
        else:
            self.fail(f"no connection after {_TURNS} turns of the network")
        self._giveUp(silent, SETTLE / 100)

    def _giveUp(self, target: HostPort, seconds: float) -> bool:
        """
        Cancel an attempt after some time.

        :returns: whether it was done by then.
        """
        attempt, applications = self.connecting(target)
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.network.pump(seconds)
        if outcomes:
            outcomes[0].transport.abortConnection()
            self.assertAtRest()
            return True
        attempt.cancel()
        self.assertEqual(len(outcomes), 1, "cancel() must end the attempt at once")
        self.assertTrue(
            outcomes[0].check(ConnectingCancelledError),
            f"a cancelled attempt must fail with ConnectingCancelledError: {outcomes[0]}",
        )
        self.assertEqual(applications.built, [], "a cancelled attempt built an application")
        self.assertAtRest()
        return False

    def test_cancelInConnectionMade(self) -> None:
        """
        The application may be the one who gives up, while it is being connected.
        """
        attempts: list[Any] = []
        applications = Applications(lambda _: attempts[0].cancel())
        attempts.append(self.connecting(applications=applications)[0])
        self.network.pump()
        self.failureResultOf(attempts[0], ConnectingCancelledError)
        self.assertEqual(
            len(applications.built[0].lost),
            1,
            "an application that cancels its attempt has to hear of the connection's end, once",
        )
        self.assertAtRest()

    def test_noProtocol(self) -> None:
        """
        A factory may refuse to build: the attempt fails, or the client is
        disconnected.
        """
        applications = Applications()
        applications.isOpen = False
        attempt, _ = self.connecting(applications=applications)
        self.network.pump()
        self.failureResultOf(attempt, NoProtocol)
        self.assertAtRest()
        self.servers.isOpen = False
        attempt, applications = self.connecting()
        outcomes: list[Any] = []
        attempt.addBoth(outcomes.append)
        self.assertAtRest()
        self.assertEqual(len(outcomes), 1, "the attempt never ends")
        self.assertEqual([len(a.lost) for a in applications.built], [1] * len(applications.built))

    def test_stopListening(self) -> None:
        """
        A port that is closed takes nobody, and lets those stay who are there.
        """
        client, server = self.connected()
        self.port.stopListening()
        self.network.pump()
        attempt, _ = self.connecting()
        self.network.pump()
        self.failureResultOf(attempt, ConnectError)
        client.transport.write(b"still here")
        self.network.pump(self.flushSeconds)
        self.assertEqual(bytes(server.received), b"still here")
        client.transport.loseConnection()
        self.assertAtRest()
