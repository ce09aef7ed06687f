"""
Tests for ``pyptwist.execparsers``; tests/interop/test_parent.py uses the strings.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.endpoints import ManagedClientEndpoint, ManagedServerEndpoint
from tests.ipc.managed import GOOD, Reactor

COMMAND = f"command={sys.executable} -m 'a b'"


class ClientTests(SynchronousTestCase):
    """
    ``ptexec:`` client strings.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()

    def parse(self, text: str) -> Any:
        endpoint = clientFromString(self.reactor, f"ptexec:{text}")
        self.assertIsInstance(endpoint, ManagedClientEndpoint)
        return endpoint

    def launched(self, endpoint: Any) -> tuple[str, list[str], dict[str, str]]:
        """
        :returns: what was started for it.
        """
        endpoint.connect(Factory()).addErrback(lambda reason: None)
        program, arguments, environment = self.reactor.spawned[-1]
        return program, arguments, environment

    def test_fullest(self) -> None:
        proxy = r"socks5\://127.0.0.1\:9050"
        endpoint = self.parse(
            f"x:192.0.2.1:443:{COMMAND}:a=b:state=/state:proxy={proxy}:versions=1,2.1"
        )
        program, arguments, environment = self.launched(endpoint)
        self.assertEqual((program, arguments), (sys.executable, [sys.executable, "-m", "a b"]))
        said = {k: v for k, v in environment.items() if k.startswith("TOR_PT_")}
        self.assertEqual(
            said,
            {
                "TOR_PT_MANAGED_TRANSPORT_VER": "1,2.1",
                "TOR_PT_STATE_LOCATION": "/state",
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
                "TOR_PT_CLIENT_TRANSPORTS": "x",
                "TOR_PT_PROXY": "socks5://127.0.0.1:9050",
            },
        )

    def test_dials(self) -> None:
        """
        The target and the arguments are the string's, or the bridge line's.
        """
        for text in ("x:192.0.2.1:443:a=b", r"bridge=Bridge x 192.0.2.1\:443 a=b"):
            self.reactor = Reactor()
            endpoint = self.parse(f"{text}:{COMMAND}")
            self.launched(endpoint)
            self.reactor.processes[0].say(GOOD)
            [(host, port, *_)] = self.reactor.tcpClients
            self.assertEqual((host, port), ("127.0.0.1", 7))
            self.assertEqual(endpoint._target, HostPort("192.0.2.1", 443))
            self.assertEqual(endpoint._arguments, Arguments(a="b"))

    def test_targetless(self) -> None:
        """
        The arguments may name the server.
        """
        for text in (r"x:url=https\://a/", r"bridge=x url=https\://a/"):
            endpoint = self.parse(f"{text}:{COMMAND}")
            self.assertIsNone(endpoint._target)
            self.assertEqual(endpoint._arguments, Arguments(url="https://a/"))
        endpoint = self.parse(rf"x:serverAddress=192.0.2.1\:443:{COMMAND}:a=b")
        self.assertEqual(endpoint._target, HostPort("192.0.2.1", 443))
        self.assertEqual(endpoint._arguments, Arguments(a="b"))

    def test_shared(self) -> None:
        """
        Methods of one command have one process.
        """
        for name in ("x", "y", "x"):
            self.parse(f"{name}:192.0.2.1:443:{COMMAND}")
        *_, environment = self.launched(self.parse(f"x:192.0.2.2:443:{COMMAND}"))
        self.assertEqual(environment["TOR_PT_CLIENT_TRANSPORTS"], "x,y")
        self.launched(self.parse(f"y:192.0.2.2:443:{COMMAND}"))
        self.assertEqual(len(self.reactor.processes), 1)

    def test_wrong(self) -> None:
        for text in (
            "x:192.0.2.1:443",
            f"x:192.0.2.1:{COMMAND}",
            f"x:192.0.2.1:0:{COMMAND}",
            f"x:192.0.2.1:port:{COMMAND}",
            f"x-y:192.0.2.1:443:{COMMAND}",
            f"x:192.0.2.1:443:{COMMAND}:versions=7",
            f"x:192.0.2.1:443:{COMMAND}:proxy=nonsense",
            "x:192.0.2.1:443:command='open",
            f"bridge=x:{COMMAND}",
            rf"x:192.0.2.1:443:bridge=x 192.0.2.1\:443:{COMMAND}",
            f"x:192.0.2.1:443:{COMMAND}:a={'b' * 600}",
        ):
            self.assertRaises(ConfigurationError, self.parse, text)
        self.assertEqual(self.reactor.processes, [])


class ServerTests(SynchronousTestCase):
    """
    ``ptexec:`` server strings.
    """

    def parse(self, text: str) -> Any:
        endpoint = serverFromString(Reactor(), f"ptexec:{text}")
        self.assertIsInstance(endpoint, ManagedServerEndpoint)
        return endpoint

    def test_fullest(self) -> None:
        endpoint = self.parse(
            f"x:443:{COMMAND}:state=/state:interface=192.0.2.1:a=b:versions=1:extended=no"
        )
        assignment = endpoint._assignment
        self.assertEqual(assignment.binds, {"x": HostPort("192.0.2.1", 443)})
        self.assertEqual(assignment.options, {"x": Arguments(a="b")})
        self.assertEqual((assignment.state, assignment.versions), ("/state", ("1",)))
        self.assertFalse(endpoint._isExtended)

    def test_shortest(self) -> None:
        endpoint = self.parse(f"x:443:{COMMAND}:state=/state")
        self.assertEqual(endpoint._assignment.binds, {"x": HostPort("0.0.0.0", 443)})
        self.assertTrue(endpoint._isExtended)

    def test_wrong(self) -> None:
        for text in (
            f"x:443:{COMMAND}",
            "x:443:state=/state",
            f"x:{COMMAND}:state=/state",
            f"x:443:{COMMAND}:state=/state:extended=maybe",
            f"x:443:{COMMAND}:state=/state:interface=a b",
        ):
            self.assertRaises(ConfigurationError, self.parse, text)
