"""
Every conflict and omission of PT 2.1, 2.2 and 3.0: on which stream the error is
told, with which code the process ends, and that nothing is told on the other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.testing import MemoryReactorClock
from twisted.python import usage

from pyptwist import tap
from tests.launched import LaunchedCase

_CLIENT = ("-client", "-transport", "x")
_SERVER = ("-server", "-transports", "x", "-bindaddr", "x-127.0.0.1:1", "-target", "127.0.0.1:2")
_PARTS = ("-server", "-transport", "x", "-bindhost", "127.0.0.1", "-bindport", "1")
_TARGET = ("-target", "127.0.0.1:2")


class Row(NamedTuple):
    """
    A command line, and what is wrong with it.

    :ivar why: within the line that tells it.
    :ivar keyword: that begins it.
    """

    arguments: Sequence[str]
    why: str
    keyword: str = "ENV-ERROR"


#: What holds for all versions that have flags.
_ALWAYS = (
    # Roles.
    Row((*_CLIENT, "-server"), "-client and -server exclude each other"),
    Row((*_CLIENT, "-bindaddr", "x-127.0.0.1:1"), "-bindaddr is for a server"),
    Row((*_CLIENT, "-bindhost", "127.0.0.1"), "-bindhost is for a server"),
    Row((*_CLIENT, "-bindport", "1"), "-bindport is for a server"),
    Row((*_CLIENT, "-orport", "127.0.0.1:1"), "-orport is for a server"),
    Row((*_CLIENT, "-extorport", "127.0.0.1:1"), "-extorport is for a server"),
    Row((*_CLIENT, "-authcookie", "x"), "-authcookie is for a server"),
    Row((*_SERVER, "-proxylistenaddr", "127.0.0.1:1"), "-proxylistenaddr is for a client"),
    Row((*_SERVER, "-proxylistenhost", "127.0.0.1"), "-proxylistenhost is for a client"),
    Row((*_SERVER, "-proxylistenport", "1"), "-proxylistenport is for a client"),
    Row((*_SERVER, "-proxy", "http://127.0.0.1:1"), "-proxy is for a client"),
    # Methods.
    Row(("-client", "-transport", "x", "-transports", "x"), "-transport and -transports exclude"),
    Row(
        ("-client", "-transport", "x|y"),
        "-transport: this must be the name of one method; a stack gets one by --stack"
        " NAME=EXPRESSION",
    ),
    # Options.
    Row((*_CLIENT, "-options", "{}", "-optionsFile", "x"), "-options and -optionsFile exclude"),
    Row((*_CLIENT, "-optionsFile", "/nonexistent"), "-optionsFile: it cannot be read: No such"),
    Row((*_CLIENT, "-options", "{"), "-options: this is not JSON"),
    Row((*_CLIENT, "-options", '{"a":1,"a":1}'), "-options: a key is there twice"),
    # Modes.
    Row((*_CLIENT, "-mode", "socks4"), "-mode: this must be one of socks5, transparent-TCP"),
    Row((*_CLIENT, "-mode", "stun"), "-mode: this must be one of"),
    Row((*_CLIENT, "-mode", "STUN", "-transparent"), "-mode and -transparent exclude each other"),
    Row((*_CLIENT, "-mode", "STUN", "-udp"), "-mode and -udp exclude each other"),
    Row((*_CLIENT, "-ipcLogLevel", "LOUD"), "-ipcLogLevel: this must be one of NONE, ERROR"),
    # Bounds of the modes of datagrams.
    Row((*_SERVER, "-flowQueue", "1"), "-flowQueue is for a client"),
    Row((*_SERVER, "-flowMaximum", "1"), "-flowMaximum is for a client"),
    Row((*_CLIENT, "-flowIdle", "9"), "-flowIdle: there are no flows in the mode socks5"),
    Row((*_CLIENT, "-udp", "-flowIdle", "9s"), "-flowIdle: this must be a decimal number"),
    Row((*_CLIENT, "-udp", "-flowIdle", "0"), "-flowIdle: this must be between 1 and 86400"),
    Row((*_CLIENT, "-udp", "-flowQueue", "262145"), "-flowQueue: this must be between 0 and"),
    Row((*_CLIENT, "-udp", "-flowMaximum", "0"), "-flowMaximum: this must be between 1 and"),
    # A client's port.
    Row(
        (*_CLIENT, "-proxylistenaddr", "127.0.0.1:1", "-proxylistenhost", "127.0.0.1"),
        "-proxylistenaddr and -proxylistenhost exclude each other",
    ),
    Row(
        (*_CLIENT, "-proxylistenaddr", "127.0.0.1:1", "-proxylistenport", "1"),
        "-proxylistenaddr and -proxylistenport exclude each other",
    ),
    Row((*_CLIENT, "-proxylistenaddr", "localhost:1"), "-proxylistenaddr: an IP address is"),
    Row((*_CLIENT, "-proxylistenhost", "localhost"), "an IP address is needed"),
    Row((*_CLIENT, "-proxylistenport", "65536"), "a port must be between 0 and 65535"),
    Row((*_CLIENT, "-proxylistenaddr", "127.0.0.1"), "-proxylistenaddr: an address must be"),
    # Where a server listens.
    Row((*_PARTS, *_TARGET, "-bindaddr", "x-127.0.0.1:1"), "-bindaddr and -transport exclude"),
    Row((*_SERVER, "-bindhost", "127.0.0.1"), "-bindaddr and -bindhost exclude each other"),
    Row((*_SERVER, "-bindport", "1"), "-bindaddr and -bindport exclude each other"),
    Row((*_PARTS[:5], *_TARGET), "-transport, -bindhost and -bindport need each other"),
    Row((*_PARTS[:3], *_PARTS[5:], *_TARGET), "-transport, -bindhost and -bindport need"),
    Row(
        ("-server", "-transports", "x", *_PARTS[3:], *_TARGET),
        "-transport, -bindhost and -bindport need each other",
    ),
    Row((*_PARTS[:4], "localhost", *_PARTS[5:], *_TARGET), "an IP address is needed"),
    Row(
        ("-server", "-transports", "x", "-bindaddr", "nonsense", *_TARGET),
        "-bindaddr must be a list of METHOD-ADDRESS:PORT",
    ),
    # Where a server forwards to.
    Row(_PARTS, "neither -target nor -extorport says where to forward to"),
    Row((*_PARTS, "-targethost", "h"), "-targethost and -targetport need each other"),
    Row((*_PARTS, "-targetport", "1"), "-targethost and -targetport need each other"),
    Row((*_SERVER, "-targethost", "h"), "-target and -targethost exclude each other"),
    Row((*_SERVER, "-targetport", "1"), "-target and -targetport exclude each other"),
    Row((*_SERVER, "-orport", "127.0.0.1:1"), "-target and -orport exclude each other"),
    Row((*_PARTS, "-target", "h"), "-target: an address must be HOST:PORT"),
    Row((*_PARTS, "-target", "h:0"), "-target: a port must be between 1 and 65535"),
    Row((*_PARTS, "-extorport", "127.0.0.1:1"), "-extorport is set, but -authcookie is not"),
    Row((*_SERVER, "-authcookie", "x"), "-authcookie is set, but -extorport is not"),
    Row(
        (*_PARTS, "-extorport", "127.0.0.1:1", "-authcookie", "x", "-udp"),
        "there is no extended ORPort in the mode STUN",
    ),
    # Where a client's server is.
    Row((*_CLIENT, *_TARGET), "in the mode socks5 applications name the target"),
    Row((*_CLIENT, "-udp", "-targethost", "h"), "-targethost and -targetport need each other"),
    # The upstream proxy.
    Row((*_CLIENT, "-proxy", "socks4://127.0.0.1:1"), "", "PROXY-ERROR"),
    Row((*_CLIENT, "-proxy", ""), "-proxy is empty; leave it out for none", "PROXY-ERROR"),
    # The command line itself.
    Row((*_CLIENT, "-trasport", "y"), "the command line: option -trasport not recognized; is -t"),
    Row((*_CLIENT, "-client"), "the command line: -client is given twice"),
    Row((*_CLIENT, "-udp=maybe"), "the command line: -udp is true or false"),
    Row((*_CLIENT, "-state"), "the command line: option --state requires argument"),
    Row((*_CLIENT, "x"), "the command line: "),
    Row((*_CLIENT, "-options", "{cert:", "secret}"), "the command line: there is a word too many"),
)

_NO_BIND = Row(("-server", "-transport", "x", *_TARGET), "says where to listen")
_NO_METHOD = Row(("-client",), "neither -transport nor -transports says what to run")
_PAIRS = Row((*_CLIENT, "-options", "x:a=b"), "-options: this is not JSON")

#: By version, beside those.
_TABLE: dict[str, tuple[Row, ...]] = {
    "2.1": (*_ALWAYS, _NO_METHOD),
    "2.2": (*_ALWAYS, _NO_METHOD, _NO_BIND, _PAIRS),
    "3.0": (*_ALWAYS, _NO_METHOD, _NO_BIND, _PAIRS),
}

_CODES = {"ENV-ERROR": 64, "PROXY-ERROR": 69, "VERSION-ERROR": 78}


class ConflictCase(LaunchedCase):
    """
    Command lines in this process, up to what would run.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(tap, "_reactor", MemoryReactorClock)

    def start(self, *arguments: str) -> int | str | None:
        """
        :returns: the exit code; None if the child would serve.
        """
        self.errors.seek(0)
        self.errors.truncate()
        options = tap.Options()
        try:
            options.parseOptions(list(arguments))
            tap.makeService(options)
        except SystemExit as exit_:
            return exit_.code
        except usage.UsageError:
            # So Twisted's commands and our own end.
            return 1
        return None

    def assertRefused(self, row: Row, said: list[str], *more: str) -> None:
        """
        As PT 2.1 and later have it.

        :param said: on standard output.
        """
        code = self.start(*more, *row.arguments)
        errors = self.errors.getvalue()
        self.assertEqual(code, _CODES[row.keyword], row)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertTrue(errors.startswith(f"{row.keyword} "), errors)
        self.assertIn(row.why, errors)
        heard = self.parent.heard()
        self.assertEqual(heard, [] if "the command line: " in row.why else said)


class ConflictTests(ConflictCase):
    """
    The tables above.
    """

    def test_byVersion(self) -> None:
        """
        The version is told first, the error on standard error.
        """
        for version, rows in _TABLE.items():
            for row in rows:
                self.assertRefused(row, [f"VERSION {version}"], "-ptversion", version)

    def test_standalone(self) -> None:
        """
        Without a version it is the latest.
        """
        for row in _TABLE["3.0"]:
            self.assertRefused(row, ["VERSION 3.0"])

    def test_anyOrder(self) -> None:
        """
        The order of flags changes nothing.
        """
        for row in _TABLE["3.0"]:
            if "the command line: " in row.why:
                continue
            groups: list[list[str]] = []
            for text in row.arguments:
                if text.startswith("-"):
                    groups.append([])
                groups[-1].append(text)
            turned = [text for group in reversed(groups) for text in group]
            self.assertRefused(row._replace(arguments=turned), ["VERSION 3.0"])

    def test_noVersion(self) -> None:
        """
        Without a version in common there is no line on standard output at all.
        """
        row = Row((*_CLIENT, "-ptversion", "1a,4"), "VERSION-ERROR no-version", "VERSION-ERROR")
        self.assertRefused(row, [])

    def test_versionByVariable(self) -> None:
        """
        A parent may offer versions in the environment; a flag comes before that.
        """
        row = Row(("-client",), "says what to run")
        for offered, word in (("2", "2"), ("1,2.2", "2.2"), ("3", "3")):
            os.environ["TOR_PT_MANAGED_TRANSPORT_VER"] = offered
            self.assertRefused(row, [f"VERSION {word}"])
            self.assertRefused(row, ["VERSION 2.1"], "-ptversion", "2.1")

    def test_bothSources(self) -> None:
        """
        PT 2.2 forbids to say a thing by a flag and by a variable; in the others the
        flag comes first.
        """
        self.launch(CLIENT_TRANSPORTS="y", PROXY="http://192.0.2.1:1")
        variables = {
            "TOR_PT_STATE_LOCATION": ("-state", "x"),
            "TOR_PT_PROXY": ("-proxy", "http://192.0.2.1:1"),
            "TOR_PT_CLIENT_TRANSPORTS": ("-transports", "x"),
        }
        for variable, flags in variables.items():
            row = Row(flags, f"{flags[0]} and {variable} exclude each other")
            self.assertRefused(row, ["VERSION 2.2"], "-ptversion", "2.2")
            for version in ("2.1", "3.0"):
                self.assertIsNone(self.start("-ptversion", version, *flags))
                self.assertEqual(self.parent.heard(), [f"VERSION {version}"])

    def test_bothSourcesOfServers(self) -> None:
        """
        So it is with what a server hears.
        """
        self.launch(
            SERVER_TRANSPORTS="x",
            SERVER_BINDADDR="x-127.0.0.1:1",
            ORPORT="127.0.0.1:1",
            EXTENDED_SERVER_PORT="127.0.0.1:1",
            AUTH_COOKIE_FILE="x",
            SERVER_TRANSPORT_OPTIONS='{"a": 1}',
            CLIENT_TRANSPORTS="",
        )
        for flags in (
            ("-transports", "x"),
            ("-bindaddr", "x-127.0.0.1:2"),
            ("-transport", "x", "-bindhost", "127.0.0.1", "-bindport", "2"),
            ("-orport", "127.0.0.1:2"),
            ("-target", "127.0.0.1:2"),
            ("-targethost", "h", "-targetport", "2"),
            ("-extorport", "127.0.0.1:2"),
            ("-authcookie", "y"),
            ("-options", "{}"),
            ("-optionsFile", "/nonexistent"),
        ):
            row = Row(flags, " exclude each other")
            self.assertRefused(row, ["VERSION 2.2"], "-ptversion", "2.2")
            if "-optionsFile" not in flags:
                self.assertIsNone(self.start("-ptversion", "3.0", *flags))
                self.parent.heard()

    def test_version1(self) -> None:
        """
        PT 1 tells of errors on standard output, flags or not.
        """
        self.launch()
        for row in (
            Row((*_CLIENT, "-server"), "exclude"),
            Row(("-proxy", "x"), "", "PROXY-ERROR"),
        ):
            self.assertEqual(self.start(*row.arguments), 1)
            version, error = self.parent.heard()
            self.assertEqual(version, "VERSION 1")
            self.assertTrue(error.startswith(f"{row.keyword} "), error)
        self.assertEqual(self.start("-trasport", "x"), 1)
        [error] = self.parent.heard()
        self.assertIn("ENV-ERROR the command line: option -trasport not recognized", error)


class AcceptedTests(ConflictCase):
    """
    What looks like a conflict, and is none.
    """

    def test_dispatcher(self) -> None:
        """
        The command lines that shapeshifter-dispatcher shows its users.
        """
        options = self.mktemp()
        with open(options, "w", encoding="ascii") as file:
            file.write('{"serverAddress": "127.0.0.1:2222", "config": {}}')
        logged = ("-optionsFile", options, "-logLevel", "DEBUG", "-enableLogging")
        client = ("-client", "-state", self.mktemp(), "-transports", "x", *logged)
        server = ("-server", "-state", self.mktemp(), "-transports", "x", *logged)
        listen = ("-proxylistenaddr", "127.0.0.1:1443")
        bind = ("-target", "127.0.0.1:3333", "-bindaddr", "x-127.0.0.1:2222")
        for modes in ((), ("-transparent",), ("-transparent", "-udp"), ("-udp",)):
            for arguments in ((*client, *listen), (*server, *bind)):
                self.assertIsNone(self.start(*modes, *arguments), self.errors.getvalue())
                self.assertEqual(self.parent.heard(), ["VERSION 3.0"])

    def test_accepted(self) -> None:
        for arguments in (
            ("-transports", "x"),
            _SERVER,
            (*_PARTS, *_TARGET),
            (*_PARTS, "-orport", "example.org:1"),
            (*_PARTS, "-targethost", "2001:db8::1", "-targetport", "1"),
            (*_PARTS, "-extorport", "127.0.0.1:1", "-authcookie", "x"),
            (*_PARTS, "-extorport", "127.0.0.1:1", "-authcookie", "x", *_TARGET),
            (*_PARTS, *_TARGET, "-udp", "-transparent"),
            (*_CLIENT, "-proxylistenhost", "::1"),
            (*_CLIENT, "-proxylistenport", "0"),
            (*_CLIENT, "-transparent", *_TARGET),
            (*_CLIENT, "-mode", "STUN", "-targethost", "h", "-targetport", "1"),
            (*_CLIENT, "-exit-on-stdin-close", "1", "-ipcLogLevel", "NONE"),
            (*_CLIENT, "-enableLogging=false", "-logLevel", "DEBUG"),
            (*_CLIENT, "-state="),
            ("-client=false", "-server", *_SERVER[1:]),
        ):
            for more in ((), ("-ptversion", "2"), ("-ptversion", "1,2.2")):
                self.assertIsNone(self.start(*more, *arguments), self.errors.getvalue())
                self.assertEqual(self.errors.getvalue(), "")
        self.parent.heard()
        # PT 2.1 lets servers choose where to listen, and has PT 1's form of options.
        for row in (_NO_BIND, _PAIRS):
            self.assertIsNone(self.start("-ptversion", "2.1", *row.arguments))
