"""
Tests for ``pyptwist.ipc.assignment`` and ``pyptwist.ipc.parameters``.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.parameters import formatParameterBlock
from pyptwist.proxies.upstream import UpstreamProxy

PROXY = UpstreamProxy.parse("socks5://us:p@:w@127.0.0.1:9")
SERVERS: dict[str, Any] = {
    "binds": {"x": HostPort("127.0.0.1", 0)},
    "options": {"x": Arguments(a="1;2", b="3")},
    "target": HostPort("127.0.0.1", 4),
    "extendedORPort": HostPort("::1", 5),
    "cookieFile": "/cookie",
}


def client(*versions: str, **more: Any) -> Assignment:
    return Assignment(
        ("/bin/pt", "-v"), Role.CLIENT, ("x", "y"), "/state", versions or ("1",), **more
    )


def server(*versions: str, **more: Any) -> Assignment:
    methods = ("x", "y")
    return Assignment(("/bin/pt", "-v"), Role.SERVER, methods, "/state", versions, **more)


class VariablesTests(SynchronousTestCase):
    """
    PT 1 and 2.1.
    """

    def test_client(self) -> None:
        """
        What others say to a child of theirs is for us, and goes no further.
        """
        assignment = client(upstreamProxy=PROXY, variables={"EXTRA": "1"})
        self.assertEqual(assignment.arguments(), ["/bin/pt", "-v"])
        self.assertEqual(
            assignment.environment({"PATH": "/bin", "TOR_PT_ORPORT": "x"}),
            {
                "PATH": "/bin",
                "EXTRA": "1",
                "TOR_PT_MANAGED_TRANSPORT_VER": "1",
                "TOR_PT_STATE_LOCATION": "/state",
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
                "TOR_PT_CLIENT_TRANSPORTS": "x,y",
                "TOR_PT_PROXY": "socks5://us:p@:w@127.0.0.1:9",
            },
        )

    def test_server(self) -> None:
        said = server("1", "2.1", **SERVERS).environment({})
        self.assertEqual(
            said,
            {
                "TOR_PT_MANAGED_TRANSPORT_VER": "1,2.1",
                "TOR_PT_STATE_LOCATION": "/state",
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
                "TOR_PT_SERVER_TRANSPORTS": "x,y",
                "TOR_PT_SERVER_BINDADDR": "x-127.0.0.1:0,y-0.0.0.0:0",
                "TOR_PT_SERVER_TRANSPORT_OPTIONS": r"x:a=1\;2;x:b=3",
                "TOR_PT_ORPORT": "127.0.0.1:4",
                "TOR_PT_EXTENDED_SERVER_PORT": "[::1]:5",
                "TOR_PT_AUTH_COOKIE_FILE": "/cookie",
            },
        )

    def test_plainServer(self) -> None:
        """
        Without an ext-ORPort, its variable is empty.
        """
        said = server("1", target=HostPort("127.0.0.1", 4)).environment({})
        self.assertEqual(said["TOR_PT_EXTENDED_SERVER_PORT"], "")
        self.assertNotIn("TOR_PT_AUTH_COOKIE_FILE", said)
        self.assertNotIn("TOR_PT_SERVER_TRANSPORT_OPTIONS", said)


class FlagsTests(SynchronousTestCase):
    """
    PT 2.2 and 3.0.
    """

    def test_client(self) -> None:
        assignment = client("2.2", "3.0", upstreamProxy=PROXY)
        self.assertEqual(assignment.environment({"A": "b", "TOR_PT_PROXY": "x"}), {"A": "b"})
        self.assertEqual(
            " ".join(assignment.arguments()),
            "/bin/pt -v -ptversion 2.2,3.0 -state /state -client -transports x,y "
            "-proxy socks5://us:p@:w@127.0.0.1:9 -exit-on-stdin-close",
        )

    def test_server(self) -> None:
        state = str(Path(self.mktemp()).resolve())
        assignment = replace(server("3.0", **SERVERS), state=state)
        assignment.prepare()
        file = Path(state, "pt_options.json")
        self.assertEqual(json.loads(file.read_text()), {"x": {"a": "1;2", "b": "3"}})
        # Others could read the command line.
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(
            " ".join(assignment.arguments()).replace(state, "/state"),
            "/bin/pt -v -ptversion 3.0 -state /state -server -transports x,y "
            "-bindaddr x-127.0.0.1:0,y-0.0.0.0:0 -optionsFile /state/pt_options.json "
            "-target 127.0.0.1:4 -extorport [::1]:5 -authcookie /cookie -exit-on-stdin-close",
        )

    def test_mixed(self) -> None:
        """
        As long as an older program may answer, it gets no flags.
        """
        assignment = client("1", "3.0")
        self.assertEqual(assignment.arguments(), ["/bin/pt", "-v"])
        said = assignment.environment({})
        self.assertEqual(said["TOR_PT_MANAGED_TRANSPORT_VER"], "1,3.0")


class AssignmentTests(SynchronousTestCase):
    """
    Tests for ``Assignment`` in general.
    """

    def test_wrong(self) -> None:
        make = Assignment
        for wrong in (
            lambda: make((), Role.CLIENT, ("x",), "/state"),
            lambda: make(("",), Role.CLIENT, ("x",), "/state"),
            lambda: make(("a",), Role.CLIENT, ("x-y",), "/state"),
            lambda: make(("a",), Role.CLIENT, ("x",), "/state", ()),
            lambda: make(("a",), Role.CLIENT, ("x",), "/state", ("4",)),
            lambda: server("1", options={"x": Arguments([("", "x")])}),
            lambda: server("3.0", options={"x": Arguments([("a", "1"), ("a", "2")])}),
            # One wants pairs, the other JSON, and only one variable is there.
            lambda: server("1", "3.0", options={"x": Arguments(a="1")}),
        ):
            self.assertRaises(ConfigurationError, wrong)

    def test_unwritable(self) -> None:
        """
        What the system would refuse at each start is refused now.
        """
        for more in (
            {"command": ("/bin/pt", "a\0b")},
            {"command": ("/bin/pt", "\ud800")},
            {"state": "/a\0b"},
            {"variables": {"A": "\0"}},
        ):
            for version in ("1", "3.0"):
                with self.assertRaises(ConfigurationError):
                    replace(client(version), **more)

    def test_program(self) -> None:
        """
        It is looked for as a shell would.
        """
        make = Assignment
        found = make((sys.executable,), Role.CLIENT, ("x",), "/state").program()
        self.assertEqual(found, sys.executable)
        self.assertTrue(make(("sh",), Role.CLIENT, ("x",), "/state").program().startswith("/"))
        for name in ("/nowhere/at-all", "no-such-program-here", "/etc/passwd"):
            assignment = make((name,), Role.CLIENT, ("x",), "/state")
            self.assertRaises(ConfigurationError, assignment.program)

    def test_discreet(self) -> None:
        text = repr(client(upstreamProxy=PROXY))
        self.assertEqual(text, "<Assignment client x,y>")


class ParameterTests(SynchronousTestCase):
    """
    Tests for ``formatParameterBlock``.
    """

    def test_block(self) -> None:
        """
        The example of PT 3.0, section 1.4.
        """
        block = formatParameterBlock(
            Arguments([("shared-secret", "rahasia"), ("secrets-file", "/tmp/blob")])
        )
        expected = b'{"shared-secret": "rahasia", "secrets-file": "/tmp/blob"}'
        self.assertEqual(block, len(expected).to_bytes(4, "big") + expected)
        self.assertEqual(block[:4], b"\0\0\0\x39")

    def test_values(self) -> None:
        """
        Values keep their kind.
        """
        block = formatParameterBlock(Arguments(a=1, b=[True, None], c={"d": "ä"}))
        self.assertEqual(json.loads(block[4:]), {"a": 1, "b": [True, None], "c": {"d": "ä"}})

    def test_wrong(self) -> None:
        for pairs in ([("a", "1"), ("a", "2")], [("a", math.nan)]):
            self.assertRaises(ConfigurationError, formatParameterBlock, Arguments(pairs))
