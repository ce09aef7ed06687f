"""
Tests for the server's side of ``pyptwist.ipc.configuration``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.ipc.configuration import DEFAULT_BIND, Configuration, ExtendedORPort, Role
from pyptwist.ipc.lines import EnvironmentRefused
from pyptwist.ipc.parsing import parseEnvironment
from tests.ipc.environments import SERVER, without


class ServerTests(SynchronousTestCase):
    """
    The server side's variables.
    """

    def errorFrom(self, **changes: str) -> str:
        error = self.assertRaises(EnvironmentRefused, parseEnvironment, {**SERVER, **changes})
        return str(error.line)

    def test_all(self) -> None:
        """
        What tor sets for a server with everything configured.
        """
        found = parseEnvironment({**SERVER, "TOR_PT_OUTBOUND_BIND_ADDRESS_V4": "127.0.0.2"})
        self.assertIs(found.role, Role.SERVER)
        self.assertEqual(found.methods, ("x", "y"))
        self.assertEqual(found.binds, {"x": HostPort("127.0.0.1", 2), "y": HostPort("::1", 3)})
        self.assertEqual(
            found.options,
            {"x": Arguments([("a", "1"), ("b", "c:d;e\\f,g=h")]), "y": Arguments(q="2")},
        )
        self.assertEqual(found.orPort, HostPort("127.0.0.1", 4))
        cookie = "/var/lib/tor/extended_orport_auth_cookie"
        self.assertEqual(
            found.extendedORPorts, (ExtendedORPort(HostPort("127.0.0.1", 5), cookie),)
        )
        self.assertEqual(found.outboundV4, "127.0.0.2")
        self.assertEqual(found.methodErrors, {})

    def test_withoutExtendedORPort(self) -> None:
        """
        tor then sets the port to nothing and leaves the cookie out.
        """
        environ = without({**SERVER, "TOR_PT_EXTENDED_SERVER_PORT": ""}, "TOR_PT_AUTH_COOKIE_FILE")
        found = parseEnvironment(environ)
        self.assertEqual(found.orPort, HostPort("127.0.0.1", 4))
        self.assertEqual(found.extendedORPorts, ())

    def test_cookieAlone(self) -> None:
        """
        A cookie file without its port is nobody's business.
        """
        found = parseEnvironment({**SERVER, "TOR_PT_EXTENDED_SERVER_PORT": ""})
        self.assertEqual(found.extendedORPorts, ())

    def test_extendedORPortAlone(self) -> None:
        """
        Some parents leave the plain port out.
        """
        found = parseEnvironment(without(SERVER, "TOR_PT_ORPORT"))
        self.assertIsNone(found.orPort)
        [extended] = found.extendedORPorts
        self.assertEqual(extended.address, HostPort("127.0.0.1", 5))

    def test_emptyLists(self) -> None:
        """
        Some parents set empty lists where nothing is configured.
        """
        found = parseEnvironment(
            {**SERVER, "TOR_PT_SERVER_BINDADDR": "", "TOR_PT_SERVER_TRANSPORT_OPTIONS": ""}
        )
        self.assertEqual(found.binds, {"x": DEFAULT_BIND, "y": DEFAULT_BIND})
        self.assertEqual(found.options, {})

    def test_missingLists(self) -> None:
        """
        Without an address a server can be reached from outside, as tor has it.
        """
        environ = without(SERVER, "TOR_PT_SERVER_BINDADDR", "TOR_PT_SERVER_TRANSPORT_OPTIONS")
        found = parseEnvironment(environ)
        self.assertEqual(found.binds, {"x": HostPort("0.0.0.0", 0), "y": HostPort("0.0.0.0", 0)})

    def test_someBinds(self) -> None:
        """
        Only methods without an address get the default.
        """
        found = parseEnvironment({**SERVER, "TOR_PT_SERVER_BINDADDR": "y-127.0.0.1:0"})
        self.assertEqual(found.binds, {"x": DEFAULT_BIND, "y": HostPort("127.0.0.1", 0)})

    def test_othersIgnored(self) -> None:
        """
        Addresses and options of methods not asked for are ignored, bad ones too.
        """
        found = parseEnvironment(
            {
                **SERVER,
                "TOR_PT_SERVER_BINDADDR": "z-example.org:1,x-127.0.0.1:2,z-nothing",
                "TOR_PT_SERVER_TRANSPORT_OPTIONS": "z:a=1;x:b=2",
            }
        )
        self.assertEqual(found.binds, {"x": HostPort("127.0.0.1", 2), "y": DEFAULT_BIND})
        self.assertEqual(found.options, {"x": Arguments(b="2")})
        self.assertEqual(found.methodErrors, {})

    def test_oneBadBind(self) -> None:
        """
        A bad address costs its own method only.
        """
        for address in ["example.org:1", "127.0.0.1", "::1:2", "127.0.0.1:99999", "", "[x]:1"]:
            found = parseEnvironment(
                {**SERVER, "TOR_PT_SERVER_BINDADDR": f"x-{address},y-[::1]:3"}
            )
            self.assertEqual(found.binds, {"y": HostPort("::1", 3)}, address)
            self.assertEqual(list(found.methodErrors), ["x"])
            self.assertTrue(found.methodErrors["x"].startswith("TOR_PT_SERVER_BINDADDR: "))
            self.assertNotIn("example", found.methodErrors["x"])

    def test_twoBindsForOne(self) -> None:
        """
        pt-spec allows one address for each method.
        """
        for again in ["x-127.0.0.1:9", "x-bad"]:
            for text in [f"x-127.0.0.1:2,{again}", f"{again},x-127.0.0.1:2"]:
                found = parseEnvironment({**SERVER, "TOR_PT_SERVER_BINDADDR": text})
                self.assertEqual(found.binds, {"y": DEFAULT_BIND})
                self.assertEqual(list(found.methodErrors), ["x"])

    def test_badBindList(self) -> None:
        """
        An entry that belongs to nobody is everybody's error.
        """
        for text in ["127.0.0.1:2", "x-127.0.0.1:2,", ",", "x", "-127.0.0.1:2", "x y-[::1]:2"]:
            self.assertEqual(
                self.errorFrom(TOR_PT_SERVER_BINDADDR=text),
                "ENV-ERROR TOR_PT_SERVER_BINDADDR must be a list of METHOD-ADDRESS:PORT",
            )

    def test_badOptions(self) -> None:
        """
        Options that cannot be read could be anybody's.
        """
        self.assertEqual(
            self.errorFrom(TOR_PT_SERVER_TRANSPORT_OPTIONS="x:a=1;x"),
            "ENV-ERROR TOR_PT_SERVER_TRANSPORT_OPTIONS: option 2 must be METHOD:KEY=VALUE",
        )

    def test_badPorts(self) -> None:
        """
        Traffic goes to an IP address and a port; nothing is resolved.
        """
        for variable in ["TOR_PT_ORPORT", "TOR_PT_EXTENDED_SERVER_PORT"]:
            for text in ["localhost:1", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "::1:5"]:
                line = self.errorFrom(**{variable: text})
                self.assertTrue(line.startswith(f"ENV-ERROR {variable}: "), line)
                self.assertNotIn("127.0.0.1", line)

    def test_noDestination(self) -> None:
        """
        Traffic has to go somewhere.
        """
        for environ in (
            without(SERVER, "TOR_PT_ORPORT", "TOR_PT_EXTENDED_SERVER_PORT"),
            {**SERVER, "TOR_PT_ORPORT": "", "TOR_PT_EXTENDED_SERVER_PORT": ""},
        ):
            error = self.assertRaises(EnvironmentRefused, parseEnvironment, environ)
            self.assertIn("TOR_PT_ORPORT", error.line)

    def test_noCookie(self) -> None:
        """
        The extended port needs its secret, even if there is a plain port too.
        """
        for environ in (
            without(SERVER, "TOR_PT_AUTH_COOKIE_FILE"),
            {**SERVER, "TOR_PT_AUTH_COOKIE_FILE": ""},
        ):
            error = self.assertRaises(EnvironmentRefused, parseEnvironment, environ)
            self.assertEqual(
                error.line,
                "ENV-ERROR TOR_PT_EXTENDED_SERVER_PORT is set, but TOR_PT_AUTH_COOKIE_FILE is not",
            )

    def test_clientsVariablesAreIgnored(self) -> None:
        """
        A server does not read the upstream proxy, which is for clients.
        """
        self.assertIsNone(parseEnvironment({**SERVER, "TOR_PT_PROXY": "bad"}).upstreamProxy)


class SeveralTests(SynchronousTestCase):
    """
    Several destinations, which is for those who start a server themselves.
    """

    flags = {
        "server": "1",
        "transport": "x",
        "bindhost": "127.0.0.1",
        "bindport": "1",
    }

    def parse(self, **more: str) -> Configuration:
        return parseEnvironment({}, {**self.flags, **more})

    def refusal(self, **more: str) -> str:
        error = self.assertRaises(EnvironmentRefused, self.parse, **more)
        return str(error.line)

    def test_extended(self) -> None:
        """
        Each extended ORPort has a cookie of its own.
        """
        found = self.parse(extorport="127.0.0.1:4,[::1]:5", authcookie="/a/cookie,b")
        self.assertEqual(
            found.extendedORPorts,
            (
                ExtendedORPort(HostPort("127.0.0.1", 4), "/a/cookie"),
                ExtendedORPort(HostPort("::1", 5), "b"),
            ),
        )

    def test_oneCookieWithCommas(self) -> None:
        """
        A single file may have any name.
        """
        found = self.parse(extorport="127.0.0.1:4", authcookie="/a,b")
        self.assertEqual(
            found.extendedORPorts, (ExtendedORPort(HostPort("127.0.0.1", 4), "/a,b"),)
        )

    def test_targets(self) -> None:
        """
        So it is with plain targets, by flag or, from PT 2.1 on, by variable.
        """
        first, others = HostPort("127.0.0.1", 4), (HostPort("example.org", 5), HostPort("::1", 6))
        text = "127.0.0.1:4,example.org:5,[::1]:6"
        for flag in ("target", "orport"):
            found = self.parse(**{flag: text})
            self.assertEqual((found.target, found.otherTargets), (first, others))
        variables = {"TOR_PT_ORPORT": text, "TOR_PT_SERVER_TRANSPORTS": "x"}
        found = parseEnvironment({**variables, "TOR_PT_MANAGED_TRANSPORT_VER": "2.1"})
        self.assertEqual((found.target, found.orPort, found.otherTargets), (None, first, others))

    def test_one(self) -> None:
        """
        One is one.
        """
        self.assertEqual(self.parse(target="127.0.0.1:4").otherTargets, ())

    def test_refused(self) -> None:
        """
        Lists of different length, or with nothing between commas, are mistakes.
        """
        for cookies in ("a", "a,b,c", "a,", ",", "a,,b"):
            self.assertEqual(
                self.refusal(extorport="127.0.0.1:4,[::1]:5", authcookie=cookies),
                "ENV-ERROR -authcookie: there must be a file for each of the 2 of -extorport",
            )
        for text in ("127.0.0.1:4,", ",", "127.0.0.1:4,,127.0.0.1:5", "127.0.0.1:4,127.0.0.1:0"):
            self.assertIn("-target: ", self.refusal(target=text))
            cookies = ",".join("c" for _ in text.split(","))
            self.assertIn("-extorport: ", self.refusal(extorport=text, authcookie=cookies))
        for mode in ("transparent-UDP", "STUN"):
            error = self.refusal(target="127.0.0.1:4,127.0.0.1:5", mode=mode)
            self.assertEqual(error, f"ENV-ERROR there is one target in the mode {mode}")

    def test_tor(self) -> None:
        """
        tor knows of no lists.
        """
        for name in ("TOR_PT_ORPORT", "TOR_PT_EXTENDED_SERVER_PORT"):
            environ = {**SERVER, name: "127.0.0.1:4,127.0.0.1:5"}
            error = self.assertRaises(EnvironmentRefused, parseEnvironment, environ)
            self.assertIn(name, str(error.line))
