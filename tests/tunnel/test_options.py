"""
Tests for ``pyptwist tunnel``'s options.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.tunnel import Options

LINE = "Bridge obfs4 192.0.2.1:443 cert=a iat-mode=0"
CLIENT = ["client", "--listen", "127.0.0.1:0"]
SERVER = ["server", "--bind", "0.0.0.0:443", "--target", "127.0.0.1:22", "--state", "/state"]


def parse(*arguments: str) -> Any:
    options: Any = Options()
    options.parseOptions(list(arguments))
    return options.subOptions


class OptionsTests(SynchronousTestCase):
    """
    What can be said.
    """

    def test_client(self) -> None:
        """
        The bridge line is one argument or many.
        """
        for line in ([LINE], LINE.split()[1:]):
            options = parse(*CLIENT, "--command", "pt -x 'a b'", *line)
            assignment = options.assignment("/temporary")
            self.assertEqual(assignment.command, ("pt", "-x", "a b"))
            self.assertEqual(assignment.methods, ("obfs4",))
            self.assertEqual(assignment.state, "/temporary")
            self.assertEqual(options["bridge"].address, HostPort("192.0.2.1", 443))

    def test_clientsOptions(self) -> None:
        options = parse(
            *CLIENT, "--state=/s", "--proxy=http://127.0.0.1:8", "--versions=1,3.0", LINE
        )
        assignment = options.assignment("/temporary")
        self.assertEqual(assignment.command, (sys.executable, "-m", "pyptwist"))
        self.assertEqual(assignment.versions, ("1", "3.0"))
        self.assertEqual(assignment.state, "/s")
        self.assertEqual(assignment.upstreamProxy.uri(), "http://127.0.0.1:8")

    def test_server(self) -> None:
        assignment = parse(
            *SERVER, "--option", "a=b=c", "--option", "d=", "--method=x"
        ).assignment()
        self.assertEqual(assignment.options, {"x": Arguments(a="b=c", d="")})
        self.assertEqual(assignment.binds, {"x": HostPort("0.0.0.0", 443)})
        self.assertEqual(assignment.target, HostPort("127.0.0.1", 22))

    def test_wrong(self) -> None:
        """
        What is missing or wrong is named.
        """
        for arguments, word in (
            ([], "client or server"),
            (["client", LINE], "--listen"),
            (CLIENT, "bridge line"),
            ([*CLIENT, "nonsense"], "bridge line"),
            (["client", "--listen", "localhost:1", LINE], "IP address"),
            ([*CLIENT, "--proxy=x", LINE], "upstream proxy"),
            ([*CLIENT, "--versions=9", LINE], "versions"),
            ([*CLIENT, "--command='", LINE], "quotation"),
            ([*CLIENT, "--command=", LINE], "command"),
            ([*CLIENT, "--log-level=x", LINE], "log level"),
            (SERVER[:5], "--state"),
            (["server", *SERVER[3:]], "--bind"),
            ([*SERVER[:3], *SERVER[5:]], "--target"),
            ([*SERVER, "--option", "a"], "KEY=VALUE"),
            ([*SERVER, "--method", "a-b"], "--method"),
        ):
            error = self.assertRaises(usage.UsageError, parse, *arguments)
            self.assertIn(word, str(error))
