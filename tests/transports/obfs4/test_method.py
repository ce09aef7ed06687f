"""
Tests for ``pyptwist.transports.obfs4.method``: obfs4 behind its endpoints, over
a network in memory, to the exact second.

tests/interop/test_obfs4.py runs the same against obfs4proxy.
"""

from __future__ import annotations

import os
from typing import cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import READY, Effect, Transmit
from pyptwist.errors import (
    Cause,
    ConfigurationError,
    causeOf,
)
from pyptwist.interfaces import Context, IClientTransport, IServerTransport
from pyptwist.metrics import Metrics
from pyptwist.testing import (
    CodecConformance,
    EndpointConformance,
    MemoryNetwork,
    memoryContext,
)
from pyptwist.testing.applications import Applications
from pyptwist.transports.obfs4.identity import encodeCert
from pyptwist.transports.obfs4.method import Obfs4

NODE_ID = bytes(range(20))
PUBLIC_KEY = bytes.fromhex("493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d")
OPTIONS = Arguments(
    {
        "node-id": NODE_ID.hex(),
        "private-key": bytes(range(0x80, 0xA0)).hex(),
        "drbg-seed": bytes(range(24)).hex(),
    }
)
CERT = encodeCert(NODE_ID, PUBLIC_KEY)


WHERE = HostPort("127.0.0.1", 443)


def withMode(mode: int) -> Arguments:
    return OPTIONS.updated(Arguments({"iat-mode": str(mode)}))


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Obfs4
    serverArguments = OPTIONS


class TestConformanceIAT1(CodecConformance, SynchronousTestCase):
    method = Obfs4
    serverArguments = withMode(1)


class TestConformanceIAT2(CodecConformance, SynchronousTestCase):
    method = Obfs4
    serverArguments = withMode(2)


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Obfs4
    serverArguments = OPTIONS


class TestClientArguments(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), network=self.network)

    def test_interfaces(self) -> None:
        verifyObject(IClientTransport, Obfs4())
        verifyObject(IServerTransport, Obfs4())
        self.assertEqual(Obfs4().name, "obfs4")

    def test_faults(self) -> None:
        """
        Each is named, and is told before anything is dialled.
        """
        good = {"cert": CERT, "iat-mode": "0"}
        old = {"node-id": NODE_ID.hex(), "public-key": PUBLIC_KEY.hex(), "iat-mode": "0"}
        for arguments, key in (
            ({}, "cert"),
            ({"iat-mode": "0"}, "cert"),
            ({**good, "cert": CERT[:-1]}, "cert"),
            ({**good, "cert": "?" * 70}, "cert"),
            ({"cert": CERT}, "iat-mode"),
            ({**good, "iat-mode": "3"}, "iat-mode"),
            ({**good, "iat-mode": "-1"}, "iat-mode"),
            ({**good, "iat-mode": "x"}, "iat-mode"),
            ({**good, "iat-mode": ""}, "iat-mode"),
            ({**old, "node-id": "00"}, "node-id"),
            ({**old, "public-key": "x" * 64}, "public-key"),
            ({"node-id": NODE_ID.hex(), "iat-mode": "0"}, "public-key"),
        ):
            error = self.assertRaises(
                ConfigurationError,
                Obfs4().clientEndpoint,
                self.context,
                WHERE,
                Arguments(arguments),
            )
            self.assertIn(repr(key), str(error))
            self.assertIs(causeOf(error), Cause.ARGUMENTS)
            self.assertRaises(
                ConfigurationError, Obfs4().clientCodec, self.context, Arguments(arguments)
            )
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_noTarget(self) -> None:
        good = Arguments({"cert": CERT, "iat-mode": "0"})
        self.assertRaises(ConfigurationError, Obfs4().clientEndpoint, self.context, None, good)

    def test_keysBeforeDialling(self) -> None:
        """
        How long Elligator took is not to be seen between SYN and handshake.
        """
        taken = []

        def entropy(count: int) -> bytes:
            taken.append(count)
            return os.urandom(count)

        context = Context(self.network.clock, self.network, None, Metrics(), entropy)
        good = Arguments({"cert": CERT, "iat-mode": "0"})
        endpoint = Obfs4().clientEndpoint(context, WHERE, good)
        before = sum(taken)
        endpoint.connect(Applications()).addErrback(lambda _: None)
        self.assertGreaterEqual(sum(taken) - before, 32)
        self.network.pump()


class TestServerArguments(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.where = self.mktemp()
        self.context = memoryContext(self.where, network=self.network)
        self.stateless = Context(self.network.clock, self.network, None, Metrics())

    def test_published(self) -> None:
        for mode in range(3):
            endpoint = Obfs4().serverEndpoint(self.stateless, WHERE, withMode(mode))
            self.assertEqual(
                endpoint.clientArguments, Arguments({"cert": CERT, "iat-mode": str(mode)})
            )

    def test_state(self) -> None:
        """
        Without keys in the options they are kept in the state directory.
        """
        first = Obfs4().serverEndpoint(self.context, WHERE, Arguments())
        second = Obfs4().serverEndpoint(self.context, WHERE, Arguments({"iat-mode": "1"}))
        self.assertEqual(first.clientArguments.get("cert"), second.clientArguments.get("cert"))
        self.assertEqual(second.clientArguments.get("iat-mode"), "1")
        self.assertEqual(
            sorted(os.listdir(self.where)), ["obfs4_bridgeline.txt", "obfs4_state.json"]
        )

    def test_replayAfterRestart(self) -> None:
        """
        A handshake is known to the listener that took it, and to those that come after
        it or are beside it, as long as they share its state.
        """

        def answer(context: Context) -> list[Effect]:
            codec = Obfs4().serverCodec(context, OPTIONS)[0]()
            codec.start(0.0)
            return codec.receive(request, 0.0)

        good = Arguments({"cert": CERT, "iat-mode": "0"})
        [sent] = Obfs4().clientCodec(self.context, good)().start(0.0)
        request = bytes(cast(Transmit, sent).data)
        self.assertIn(READY, answer(self.context))
        self.assertEqual(answer(self.context), [])
        path = os.path.join(self.where, "obfs4_handshakes_1")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        other = memoryContext(self.mktemp(), network=self.network)
        self.assertIn(READY, answer(other))

    def test_nowhere(self) -> None:
        error = self.assertRaises(
            ConfigurationError, Obfs4().serverEndpoint, self.stateless, WHERE, Arguments()
        )
        self.assertIn("TOR_PT_STATE_LOCATION", str(error))

    def test_faults(self) -> None:
        for key, value in (("node-id", "00"), ("drbg-seed", "00"), ("iat-mode", "3")):
            wrong = OPTIONS.updated(Arguments({key: value}))
            error = self.assertRaises(
                ConfigurationError, Obfs4().serverEndpoint, self.context, WHERE, wrong
            )
            self.assertIn(repr(key), str(error))

    def test_deadline(self) -> None:
        """
        The adapter's fixed deadline never cuts a codec's random silence short.
        """
        self.assertGreater(Obfs4.serverHandshakeTimeout, 30 + 60)
        self.assertEqual(Obfs4.clientHandshakeTimeout, 60)
