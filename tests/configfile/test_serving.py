"""
Tests for ``pyptwist.configfile.serving``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits, readiness
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.configfile.plan import parse
from pyptwist.configfile.serving import NO_START, Listeners, makeService
from pyptwist.errors import ConfigurationError
from pyptwist.ipc import inheritance
from pyptwist.ipc.launch import Launched
from pyptwist.ipc.lifeline import Signals

_TWO = b"""
[[server]]
method = "one"
listen = "192.0.2.1:443"
target = "127.0.0.1:80"
[[client]]
method = "two"
"""


class Port:
    """
    Listens, as far as it says so.
    """

    host, port = "192.0.2.1", 443

    def __init__(self) -> None:
        self.isOpen = True

    def getHost(self) -> Port:
        return self

    def stopListening(self) -> None:
        self.isOpen = False


class Connections:
    """
    A factory with one connection that ends when it is told to.
    """

    def __init__(self) -> None:
        self.connections = {object()}

    def closeAll(self) -> None:
        self.connections.clear()


class Side:
    """
    A ``pyptwist.ipc.launch.Side`` whose launch ends when the test wants it.
    """

    def __init__(self, message: str | None) -> None:
        self.message = message
        self.launching: Deferred[Launched] = Deferred()
        self.port = Port()
        self.factory = Connections()

    async def launch(self, name: str) -> Launched:
        return await self.launching

    def succeed(self, name: str) -> None:
        self.launching.callback(Launched(name, self.port, self.factory, Arguments()))

    def settle(self, launched: object) -> str | None:
        if self.message == "fail":
            raise ConfigurationError("the disk is full")
        return self.message


class Line:
    """
    A ``Lifeline``.
    """

    isWatching: bool | None = None

    def __init__(self, reactor: Any, onEnd: Callable[[], None], parent: Any, watch: bool) -> None:
        self.arguments = (parent, watch)

    def start(self) -> None:
        self.isWatching = True

    def stop(self) -> None:
        self.isWatching = False


class Manager:
    """
    A ``pyptwist.readiness.Manager`` that notes when it was told what.
    """

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def ready(self) -> None:
        self._said.append("READY")

    def failed(self, why: str) -> None:
        self._said.append(f"FAILED {why}")

    def stopping(self) -> None:
        self._said.append("STOPPING")


class MakingTests(SynchronousTestCase):
    def test_manager(self) -> None:
        """
        The service manager that is told is that of the environment, in which
        programs of ours do not find it.
        """
        self.patch(inheritance, "raiseDescriptorLimit", lambda: None)
        # Else the kernel would end this process soon, whose end is under way.
        self.patch(Signals, "ignore", lambda _: None)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.setblocking(False)
            listening.bind("")
            address = "@" + os.fsdecode(listening.getsockname()[1:])
            self.patch(os, "environ", {"NOTIFY_SOCKET": address, "HOME": "/"})
            path = self.mktemp()
            Path(path).write_bytes(_TWO)
            Path(path).chmod(0o600)
            wanted = {"config": path, "log-file": None, "log-level": None, "unsafe-logging": False}
            service, _ = makeService(MemoryReactorClock(), wanted)
            self.assertEqual(os.environ, {"HOME": "/"})
            self.successResultOf(service.stopService())
            self.assertEqual(listening.recv(100), b"STOPPING=1")


class ListenersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.stops: list[None] = []
        self.patch(self.reactor, "stop", lambda: self.stops.append(None))
        self.said: list[str] = []
        self.complaints: list[str] = []
        self.codes: list[int] = []
        self.sides = {"server-one": Side("It is written."), "client-two": Side(None)}
        plan = parse(_TWO, "/")
        self.listeners = Listeners(
            self.reactor,
            plan,
            self.said.append,
            self.complaints.append,
            self.codes.append,
            cast("readiness.Manager", Manager(self.said)),
            Line,
        )
        self.patch(self.listeners, "_side", lambda section: self.sides[section.name])
        self.listeners.startService()

    def run_(self) -> None:
        """
        The reactor runs from now on.
        """
        self.reactor.run()
        # This one does not wait for its end.
        self.stops.clear()

    def test_start(self) -> None:
        """
        Each is told when it listens, with the rest at the end.
        """
        self.run_()
        self.sides["client-two"].succeed("two")
        self.assertEqual(self.said, ["client-two: two client on 192.0.2.1:443, mode socks5"])
        self.sides["server-one"].succeed("one")
        self.assertEqual(
            self.said[1:],
            [
                "server-one: one server on 192.0.2.1:443, mode socks5",
                "server-one: It is written.",
                "All of them listen.",
                "READY",
            ],
        )
        self.assertEqual((self.complaints, self.codes), ([], []))
        self.assertEqual(self.stops, [])

    def test_stop(self) -> None:
        self.run_()
        for name, side in self.sides.items():
            side.succeed(name.partition("-")[2])
        self.assertEqual(self.said[-1], "READY")
        stopping = self.listeners.stopService()
        self.assertEqual(self.said[-1], "STOPPING")
        self.successResultOf(stopping)
        self.assertEqual([side.port.isOpen for side in self.sides.values()], [False, False])
        self.assertEqual([len(side.factory.connections) for side in self.sides.values()], [0, 0])

    def test_failure(self) -> None:
        """
        Why is told at once, the others are waited for, and then it ends.
        """
        self.run_()
        why = ConfigurationError("connecting to 192.0.2.7:1 is\nimpossible")
        self.sides["server-one"].launching.errback(why)
        self.assertEqual(self.complaints, ["server-one: connecting to [scrubbed] is impossible"])
        self.assertEqual(self.said, [f"FAILED {self.complaints[0]}"])
        self.assertEqual(self.codes, [])
        self.sides["client-two"].succeed("two")
        self.assertEqual(self.codes, [NO_START])
        self.assertEqual(self.stops, [None])
        self.assertNotIn("All of them listen.", self.said)
        self.assertNotIn("READY", self.said)
        self.successResultOf(self.listeners.stopService())
        self.assertFalse(self.sides["client-two"].port.isOpen)

    def test_unforeseen(self) -> None:
        """
        What nobody foresaw is in the log in full, too.
        """
        self.run_()
        with capturedLogs() as events:
            self.sides["server-one"].launching.errback(KeyError("x"))
        self.assertEqual(self.complaints, ["server-one: KeyError: 'x'"])
        self.assertEqual(len(events), 1)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_clientAddress(self) -> None:
        """
        The operator is told where it listens, whatever bridge lines say.
        """
        self.run_()
        side = self.sides["server-one"]
        launched = Launched("one", side.port, side.factory, Arguments(), HostPort("192.0.2.9", 1))
        side.launching.callback(launched)
        self.assertEqual(self.said[0], "server-one: one server on 192.0.2.1:443, mode socks5")

    def test_taken(self) -> None:
        """
        A port that somebody else has is told in one line.
        """
        self.run_()
        error = CannotListenError("192.0.2.1", 443, OSError(98, "taken"))
        self.sides["server-one"].launching.errback(error)
        (complaint,) = self.complaints
        self.assertIn("[Errno 98] taken", complaint)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_tooSlow(self) -> None:
        self.run_()
        self.sides["client-two"].succeed("two")
        self.reactor.advance(limits.LISTEN)
        (complaint,) = self.complaints
        self.assertTrue(complaint.startswith("server-one: it did not listen within "), complaint)
        self.assertEqual(self.codes, [NO_START])

    def test_stoppedMeanwhile(self) -> None:
        """
        Whoever ends it while it starts hears of no failure.
        """
        self.run_()
        self.sides["client-two"].succeed("two")
        self.successResultOf(self.listeners.stopService())
        self.assertEqual((self.complaints, self.codes), ([], []))
        self.assertFalse(self.sides["client-two"].port.isOpen)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stoppedBefore(self) -> None:
        """
        Nor does it begin if it ends before the reactor runs.
        """
        self.successResultOf(self.listeners.stopService())
        self.run_()
        self.assertEqual(self.said, ["STOPPING"])
        self.sides["client-two"].succeed("two")
        self.assertEqual(self.said, ["STOPPING"])

    def test_settling(self) -> None:
        """
        A server serves though its bridge line cannot be written.
        """
        self.sides["server-one"].message = "fail"
        self.run_()
        with capturedLogs() as events:
            for name, side in self.sides.items():
                side.succeed(name.partition("-")[2])
        self.assertEqual(self.said[-2:], ["All of them listen.", "READY"])
        warnings = [event for event in events if event.get("why")]
        self.assertEqual(str(warnings[0]["why"]), "the disk is full")
