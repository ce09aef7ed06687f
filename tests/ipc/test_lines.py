"""
Tests for ``pyptwist.ipc.lines``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, LocalProtocolError
from pyptwist.ipc.lines import (
    CLIENT_METHODS_DONE,
    PROXY_DONE,
    SERVER_METHODS_DONE,
    EnvironmentRefused,
    LineOrder,
    ProxyRefused,
    Severity,
    VersionRefused,
    clientMethodErrorLine,
    clientMethodLine,
    logLine,
    serverMethodErrorLine,
    serverMethodLine,
    versionLine,
    versionStatusLine,
)

V4 = HostPort("127.0.0.1", 4)
V6 = HostPort("::1", 6)
NOTHING = Arguments()


class LineTests(SynchronousTestCase):
    """
    Lines as pt-spec has them.
    """

    def test_lines(self) -> None:
        """
        Every line, literally.
        """
        for line, expected in [
            (versionLine("1"), "VERSION 1"),
            (PROXY_DONE, "PROXY DONE"),
            (clientMethodLine("obfs4", V4), "CMETHOD obfs4 socks5 127.0.0.1:4"),
            (clientMethodLine("obfs4", V6), "CMETHOD obfs4 socks5 [::1]:6"),
            (
                clientMethodErrorLine("x", "no rocks available"),
                "CMETHOD-ERROR x no rocks available",
            ),
            (CLIENT_METHODS_DONE, "CMETHODS DONE"),
            (serverMethodLine("x", V4, NOTHING), "SMETHOD x 127.0.0.1:4"),
            (serverMethodLine("x", V6, Arguments(a="1", b=2)), "SMETHOD x [::1]:6 ARGS:a=1,b=2"),
            (serverMethodErrorLine("x", "no cows available"), "SMETHOD-ERROR x no cows available"),
            (SERVER_METHODS_DONE, "SMETHODS DONE"),
            (
                logLine(Severity.DEBUG, "Connected to bridge A"),
                'LOG SEVERITY=debug MESSAGE="Connected to bridge A"',
            ),
            (
                logLine(Severity.WARNING, 'a "b" \\ é'),
                r'LOG SEVERITY=warning MESSAGE="a \"b\" \\ \303\251"',
            ),
            (
                versionStatusLine("pyptwist", "1.2.3"),
                "STATUS TYPE=version IMPLEMENTATION=pyptwist VERSION=1.2.3",
            ),
        ]:
            self.assertEqual(line, expected)

    def test_severities(self) -> None:
        """
        tor knows these five words, and no others.
        """
        words = {severity.value for severity in Severity}
        self.assertEqual(words, {"debug", "info", "notice", "warning", "error"})

    def test_errors(self) -> None:
        """
        An error that ends the child knows its line.
        """
        for error, line in [
            (VersionRefused(), "VERSION-ERROR no-version"),
            (EnvironmentRefused("X is not set"), "ENV-ERROR X is not set"),
            (ProxyRefused("a port is needed"), "PROXY-ERROR a port is needed"),
            (EnvironmentRefused(""), "ENV-ERROR no reason was given"),
        ]:
            self.assertEqual(error.line, line)

    def test_names(self) -> None:
        """
        A name that tor would refuse, or that would make another line, is refused.
        """
        for name in ["", "4x", "a b", "x\nVERSION", "é"]:
            self.assertRaises(ConfigurationError, clientMethodLine, name, V4)
            self.assertRaises(ConfigurationError, clientMethodErrorLine, name, "m")
            self.assertRaises(ConfigurationError, serverMethodLine, name, V4, NOTHING)
            self.assertRaises(ConfigurationError, serverMethodErrorLine, name, "m")

    def test_addresses(self) -> None:
        """
        tor ends a child that announces a host name, a zone or port 0.
        """
        for address in [HostPort("localhost", 1), HostPort("fe80::1%eth0", 1), HostPort("::1", 0)]:
            self.assertRaises(ConfigurationError, clientMethodLine, "x", address)
            self.assertRaises(ConfigurationError, serverMethodLine, "x", address, NOTHING)

    def test_arguments(self) -> None:
        """
        Arguments that are no word are refused.
        """
        for value in ["a b", "a\nSMETHODS DONE", "é"]:
            self.assertRaises(
                ConfigurationError, serverMethodLine, "x", V4, Arguments({"k": value})
            )

    def test_words(self) -> None:
        """
        tor publishes the software's name and version: both are words.
        """
        self.assertRaises(ConfigurationError, versionLine, "1\n")
        self.assertRaises(ConfigurationError, versionStatusLine, "py ptwist", "1")
        self.assertRaises(ConfigurationError, versionStatusLine, "pyptwist", "1\n")

    def test_messages(self) -> None:
        """
        Line breaks become blanks, and what is not ASCII stays readable.
        """
        for text, message in [
            ("a\nb", "a b"),
            ("a\r\n\tb ", "a b"),
            ("a\0b\x1b[1m", "a b [1m"),
            ("a\u2028b", "a b"),
            ("\n", "no reason was given"),
            ("né", "n\\xe9"),
            ("\udc80", "no reason was given"),
        ]:
            self.assertEqual(clientMethodErrorLine("x", text), f"CMETHOD-ERROR x {message}")

    def test_logHasOneLine(self) -> None:
        """
        tor writes into its log what it undoes, so no line break is sent quoted.
        """
        self.assertEqual(
            logLine(Severity.INFO, "a\nNov 01 00:00:00 [warn] forged\n"),
            'LOG SEVERITY=info MESSAGE="a Nov 01 00:00:00 [warn] forged"',
        )

    def test_longMessages(self) -> None:
        """
        Long messages are cut, visibly.
        """
        for line in [
            clientMethodErrorLine("x", "m" * 9999),
            logLine(Severity.ERROR, "m" * 9999),
            EnvironmentRefused("é" * 9999).line,
        ]:
            self.assertTrue(line.rstrip('"').endswith("..."))
            self.assertLess(len(line), limits.IPC_MESSAGE + 40)

    @given(st.text() | st.text(st.sampled_from('a"\\\n\r\0 \u2028é')))
    def test_anyMessage(self, text: str) -> None:
        """
        Any text makes one bounded line of printable ASCII.
        """
        for line in [
            clientMethodErrorLine("x", text),
            serverMethodErrorLine("x", text),
            logLine(Severity.NOTICE, text),
            EnvironmentRefused(text).line,
            ProxyRefused(text * 500).line,
        ]:
            self.assertTrue(all(" " <= character <= "~" for character in line), line)
            self.assertLess(len(line), limits.IPC_MESSAGE + 40)


CMETHOD = clientMethodLine("x", V4)
CMETHOD_Y = clientMethodLine("y", V4)
CMETHOD_ERROR = clientMethodErrorLine("y", "m")
SMETHOD = serverMethodLine("x", V4, NOTHING)
SMETHOD_ERROR = serverMethodErrorLine("y", "m")
LOG = logLine(Severity.INFO, "m")
STATUS = versionStatusLine("a", "1")
ENV_ERROR = EnvironmentRefused("m").line
PROXY_ERROR = ProxyRefused("m").line
VERSION_ERROR = VersionRefused().line
VERSION = versionLine("1")
CONFIGURATION_LINES = [
    VERSION,
    VERSION_ERROR,
    ENV_ERROR,
    PROXY_DONE,
    PROXY_ERROR,
    CMETHOD,
    CMETHOD_ERROR,
    SMETHOD,
    SMETHOD_ERROR,
    CLIENT_METHODS_DONE,
    SERVER_METHODS_DONE,
]


class LineOrderTests(SynchronousTestCase):
    """
    tor is told things in an order that it survives.
    """

    def after(self, *lines: str) -> LineOrder:
        order = LineOrder()
        for line in lines:
            order.accept(line)
        return order

    def test_wholeStarts(self) -> None:
        """
        Every complete start is taken, and known to be complete.
        """
        for lines in [
            [LOG, VERSION, LOG, PROXY_DONE, CMETHOD, CMETHOD_ERROR, CLIENT_METHODS_DONE, LOG],
            [VERSION, CMETHOD, CMETHOD_Y, CLIENT_METHODS_DONE],
            [VERSION, STATUS, SMETHOD_ERROR, SMETHOD, SERVER_METHODS_DONE, STATUS],
            [VERSION, CLIENT_METHODS_DONE],
            [VERSION, PROXY_DONE, CLIENT_METHODS_DONE],
            [VERSION, PROXY_ERROR],
            [VERSION, ENV_ERROR],
            [VERSION, SMETHOD, ENV_ERROR],
            [ENV_ERROR],
            [LOG, VERSION_ERROR],
        ]:
            self.assertTrue(self.after(*lines).isDone, lines)
            self.assertFalse(LineOrder().isDone)

    def test_outOfOrder(self) -> None:
        """
        What would end the child, or tor, is refused.
        """
        for lines, bad in [
            ([], CMETHOD),
            ([], PROXY_DONE),
            ([], CLIENT_METHODS_DONE),
            ([VERSION], VERSION),
            ([VERSION], VERSION_ERROR),
            ([VERSION, PROXY_DONE], PROXY_DONE),
            ([VERSION, PROXY_DONE], PROXY_ERROR),
            ([VERSION, CMETHOD], PROXY_DONE),
            ([VERSION], "NONSENSE"),
            ([VERSION], ""),
        ]:
            self.assertRaises(LocalProtocolError, self.after(*lines).accept, bad)

    def test_nothingAfterTheEnd(self) -> None:
        """
        After the last line of the start, tor aborts on any other of its lines.
        """
        for end in (
            [VERSION, CMETHOD_Y, CLIENT_METHODS_DONE],
            [VERSION, SERVER_METHODS_DONE],
            [VERSION, ENV_ERROR],
            [VERSION, PROXY_ERROR],
            [VERSION_ERROR],
        ):
            order = self.after(*end)
            for bad in CONFIGURATION_LINES:
                self.assertRaises(LocalProtocolError, order.accept, bad)
            order.accept(LOG)
            order.accept(STATUS)

    def test_oneAnswerEach(self) -> None:
        """
        A method is answered for once: tor counts.
        """
        for first, second in [
            (CMETHOD, CMETHOD),
            (CMETHOD_Y, CMETHOD_ERROR),
            (SMETHOD_ERROR, SMETHOD_ERROR),
        ]:
            order = self.after(VERSION, first)
            self.assertRaises(LocalProtocolError, order.accept, second)
            order.accept(CLIENT_METHODS_DONE)

    def test_refusedChangesNothing(self) -> None:
        """
        After a refusal the order goes on as before.
        """
        order = self.after(VERSION)
        self.assertRaises(LocalProtocolError, order.accept, VERSION)
        order.accept(CMETHOD)
        order.accept(CLIENT_METHODS_DONE)
        self.assertTrue(order.isDone)
