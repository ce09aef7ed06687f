"""
Tests for ``pyptwist.activation``, with sockets at numbers of our own choice.

tests/integration/test_large.py has them passed to a process.
"""

from __future__ import annotations

import fcntl
import os
import socket
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import activation
from pyptwist.activation import Inherited
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.network import DirectNetwork
from pyptwist.strangers import decoy
from pyptwist.testing import MemoryNetwork, memoryContext
from pyptwist.testing.applications import Applications
from pyptwist.transports.dummy import Dummy


class ActivationCase(SynchronousTestCase):
    """
    Sockets for a process that nobody started.
    """

    def listener(self, kind: int = socket.SOCK_STREAM, backlog: int | None = 1) -> socket.socket:
        """
        :param backlog: None for one that does not listen.
        """
        made = socket.socket(socket.AF_INET, kind)
        self.addCleanup(made.close)
        made.bind(("127.0.0.1", 0))
        if backlog is not None:
            made.listen(backlog)
        return made

    def pass_(self, *sockets: socket.socket, **more: str) -> Inherited:
        """
        :param sockets: at most two.
        :param more: variables.
        """
        # Far from all others, so that they are in a row.
        numbers = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 300) for one in sockets]
        first = min(numbers, default=3)
        for number in numbers:
            self.addCleanup(self._close, number)
            os.set_inheritable(number, True)
        self.assertEqual(numbers, list(range(first, first + len(numbers))))
        self.patch(activation, "_FIRST", first)
        self.environ = {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(numbers)),
            **more,
        }
        return Inherited(self.environ)

    def _close(self, number: int) -> None:
        try:
            os.close(number)
        except OSError:
            return

    def refusal(self, inherited: Inherited, name: str, port: int = 0) -> str:
        """
        :returns: why this socket cannot be had.
        """
        with self.assertRaises(ConfigurationError) as caught:
            inherited.take(name, port)
        return str(caught.exception)


class InheritedTests(ActivationCase):
    """
    What was passed.
    """

    def test_byNumber(self) -> None:
        """
        Sockets are counted from 0; each is had once, and closed on exec.
        """
        one, other = self.listener(), self.listener()
        inherited = self.pass_(one, other)
        taken = inherited.take("1", 0)
        self.addCleanup(taken.close)
        self.assertEqual(taken.getsockname(), other.getsockname())
        self.assertFalse(taken.get_inheritable())
        self.assertIn("in use", self.refusal(inherited, "1"))
        self.assertIn("no socket 2", self.refusal(inherited, "2"))
        again = inherited.take("0", one.getsockname()[1])
        self.addCleanup(again.close)
        self.assertEqual(again.getsockname(), one.getsockname())

    def test_byName(self) -> None:
        """
        A name may be there several times, each for another socket.
        """
        one, other = self.listener(), self.listener()
        inherited = self.pass_(one, other, LISTEN_FDNAMES="web:web")
        for expected in (one, other):
            taken = inherited.take("web", 0)
            self.addCleanup(taken.close)
            self.assertEqual(taken.getsockname(), expected.getsockname())
        self.assertIn("web", self.refusal(inherited, "web"))

    def test_others(self) -> None:
        """
        What was passed to another process, or is nonsense, is nobody's.
        """
        for changes in (
            {"LISTEN_PID": str(os.getppid())},
            {"LISTEN_PID": ""},
            {"LISTEN_FDS": "0"},
            {"LISTEN_FDS": "-1"},
            {"LISTEN_FDS": "many"},
            {"LISTEN_FDS": "9" * 9},
        ):
            inherited = self.pass_(self.listener(), **changes)
            self.assertIn("passed no socket to", self.refusal(inherited, "0"))

    def test_process(self) -> None:
        """
        What this process was started with is looked at once, and no child hears
        of it.
        """
        one = self.listener()
        self.pass_(one)
        for variable, text in self.environ.items():
            self.patch(os, "environ", {**os.environ, variable: text})
        found = activation.inherited.__wrapped__()
        self.assertEqual([name for name in os.environ if name.startswith("LISTEN_")], [])
        found.take("0", one.getsockname()[1]).close()
        self.assertIs(activation.inherited(), activation.inherited())

    def test_port(self) -> None:
        """
        A port that was asked for as well must be the socket's; it can be asked for
        again if it is not.
        """
        one = self.listener()
        inherited = self.pass_(one)
        self.assertIn("another port", self.refusal(inherited, "0", 1))
        inherited.take("0", one.getsockname()[1]).close()

    def test_manyOfOneName(self) -> None:
        """
        The sockets of one unit have one name: the port says which is meant, and
        one of UDP is passed over.
        """
        one, other = self.listener(), self.listener()
        inherited = self.pass_(one, other, LISTEN_FDNAMES="web:web")
        for expected in (other, one):
            taken = inherited.take("web", expected.getsockname()[1])
            self.addCleanup(taken.close)
            self.assertEqual(taken.getsockname(), expected.getsockname())
        datagrams = self.listener(socket.SOCK_DGRAM, None)
        inherited = self.pass_(datagrams, one, LISTEN_FDNAMES="web:web")
        self.addCleanup(inherited.take("web", 0).close)
        self.assertIn("no TCP socket", self.refusal(inherited, "web"))

    def test_unfit(self) -> None:
        """
        Only TCP sockets that listen will do.
        """
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        for unfit in (
            self.listener(backlog=None),
            self.listener(socket.SOCK_DGRAM, None),
            here,
        ):
            self.assertIn("no TCP socket", self.refusal(self.pass_(unfit), "0"))
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        inherited = self.pass_()
        self.patch(activation, "_FIRST", read)
        inherited = Inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
        self.assertIn("no open socket", self.refusal(inherited, "0"))
        os.close(read)
        self.assertIn("no open socket", self.refusal(inherited, "0"))


class Adopting(MemoryReactorClock):
    """
    A reactor that takes sockets.
    """

    def adoptStreamPort(self, fileno: int, family: int, factory: Any) -> Any:
        self.adopted = (os.dup(fileno), family, factory)
        return self

    socket = None


class OptionTests(ActivationCase):
    """
    The option of every server.
    """

    def setUp(self) -> None:
        self.memory = MemoryNetwork()
        self.context = memoryContext(self.mktemp(), "systemd", self.memory)

    def test_method(self) -> None:
        """
        The method sees a host like others, and none of the option.
        """
        seen: list[Any] = []

        class Method(Dummy):
            def serverEndpoint(self, context: Any, *more: Any) -> Any:
                seen.append(more)

        for port in (0, 443):
            decoy.serverEndpoint(
                Method(),
                self.context,
                HostPort("0.0.0.0", port),
                Arguments({"a": "b", "systemd-socket": "web.socket"}),
                self.memory,
            )
            self.assertEqual(seen.pop(), (HostPort("systemd=web.socket", port), Arguments(a="b")))

    def test_values(self) -> None:
        """
        Nonsense is refused, with the name of the option.
        """
        for text in ("", "a b", "a:b", "/run/x", "x" * 201):
            with self.assertRaisesRegex(ConfigurationError, "'systemd-socket'"):
                activation.placed(HostPort("::", 0), Arguments({"systemd-socket": text}))

    def test_listens(self) -> None:
        """
        The reactor gets the socket, and we keep nothing of it.
        """
        one, reactor = self.listener(), Adopting()
        inherited = self.pass_(one)
        self.patch(activation, "inherited", lambda: inherited)
        endpoint = DirectNetwork(reactor).serverEndpoint("systemd=0", 0)
        applications = Applications()
        self.successResultOf(endpoint.listen(applications))
        number, family, factory = reactor.adopted
        self.addCleanup(os.close, number)
        self.assertEqual((family, factory), (socket.AF_INET, applications))
        self.assertFalse(os.get_blocking(number))
        with self.assertRaises(OSError):
            os.fstat(activation._FIRST)
        self.failureResultOf(endpoint.listen(applications), ConfigurationError)
