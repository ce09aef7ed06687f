"""
Tests for ``pyptwist.ipc.configuration``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.ipc.configuration import Role
from pyptwist.ipc.dialects import PT1, Agreement
from pyptwist.ipc.lines import EnvironmentRefused, ProxyRefused, StartError, VersionRefused
from pyptwist.ipc.parsing import chooseDialect, isManaged, parseEnvironment
from tests.ipc.environments import CLIENT, COMMON, SERVER, without

VARIABLES = sorted(
    {
        *CLIENT,
        *SERVER,
        "TOR_PT_PROXY",
        "TOR_PT_OUTBOUND_BIND_ADDRESS_V4",
        "TOR_PT_OUTBOUND_BIND_ADDRESS_V6",
    }
)


class ClientTests(SynchronousTestCase):
    """
    The client side's variables.
    """

    def test_plain(self) -> None:
        """
        What tor sets for a client without extras.
        """
        found = parseEnvironment({**CLIENT, "HOME": "/root", "PATH": "/bin"})
        self.assertEqual(found.version, "1")
        self.assertIs(found.role, Role.CLIENT)
        self.assertEqual(found.stateLocation, "/var/lib/tor/pt_state/")
        self.assertEqual(found.methods, ("x", "y"))
        self.assertIs(found.exitOnStdinClose, True)
        for nothing in (found.upstreamProxy, found.outboundV4, found.outboundV6, found.orPort):
            self.assertIsNone(nothing)
        self.assertEqual((found.extendedORPorts, found.otherTargets), ((), ()))
        self.assertEqual((found.binds, found.options, found.methodErrors), ({}, {}, {}))

    def test_proxy(self) -> None:
        """
        tor does not percent-encode: the last ``@`` ends the password.
        """
        for text, scheme, username, password in [
            ("socks4a://127.0.0.1:9", "socks4a", None, None),
            ("socks5://us:p@:w@127.0.0.1:9", "socks5", "us", "p@:w"),
            ("http://user:pass@127.0.0.1:9", "http", "user", "pass"),
        ]:
            proxy = parseEnvironment({**CLIENT, "TOR_PT_PROXY": text}).upstreamProxy
            assert proxy is not None
            self.assertEqual(proxy.scheme, scheme)
            self.assertEqual(proxy.address, HostPort("127.0.0.1", 9))
            self.assertEqual((proxy.username, proxy.password), (username, password))

    def test_badProxy(self) -> None:
        """
        A proxy that cannot be used ends the child by a line of its own.
        """
        for text in ["socks9://127.0.0.1:1", "127.0.0.1:1", "socks5://127.0.0.1", "socks5://"]:
            error = self.assertRaises(
                ProxyRefused, parseEnvironment, {**CLIENT, "TOR_PT_PROXY": text}
            )
            self.assertTrue(error.line.startswith("PROXY-ERROR "), error.line)
            self.assertNotIn("127.0.0.1", error.line)

    def test_errorsComeBeforeTheProxy(self) -> None:
        """
        pt-spec reads the proxy last.
        """
        environ = without({**CLIENT, "TOR_PT_PROXY": "bad"}, "TOR_PT_STATE_LOCATION")
        self.assertRaises(EnvironmentRefused, parseEnvironment, environ)

    def test_emptyProxy(self) -> None:
        """
        An empty variable is an unset one.
        """
        self.assertIsNone(parseEnvironment({**CLIENT, "TOR_PT_PROXY": ""}).upstreamProxy)

    def test_outbound(self) -> None:
        """
        Source addresses, with brackets around IPv6 only.
        """
        found = parseEnvironment(
            {
                **CLIENT,
                "TOR_PT_OUTBOUND_BIND_ADDRESS_V4": "127.0.0.2",
                "TOR_PT_OUTBOUND_BIND_ADDRESS_V6": "[::1]",
            }
        )
        self.assertEqual((found.outboundV4, found.outboundV6), ("127.0.0.2", "::1"))

    def test_emptyOutbound(self) -> None:
        """
        An empty variable is an unset one.
        """
        found = parseEnvironment(
            {
                **CLIENT,
                "TOR_PT_OUTBOUND_BIND_ADDRESS_V4": "",
                "TOR_PT_OUTBOUND_BIND_ADDRESS_V6": "",
            }
        )
        self.assertEqual((found.outboundV4, found.outboundV6), (None, None))

    def test_badOutbound(self) -> None:
        """
        A source address that cannot be kept to must not be ignored.
        """
        for variable, value in [
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V4", "::1"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V4", "192.0.2.1:80"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V4", "localhost"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V6", "::1"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V6", "[192.0.2.1]"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V6", "[]"),
            ("TOR_PT_OUTBOUND_BIND_ADDRESS_V6", "["),
        ]:
            error = self.assertRaises(
                EnvironmentRefused, parseEnvironment, {**CLIENT, variable: value}
            )
            self.assertTrue(error.line.startswith(f"ENV-ERROR {variable} must be an IPv"))

    def test_serversVariablesAreIgnored(self) -> None:
        """
        A client does not read what is for servers.
        """
        environ = {**CLIENT, "TOR_PT_ORPORT": "bad", "TOR_PT_SERVER_BINDADDR": "bad"}
        self.assertIsNone(parseEnvironment(environ).orPort)


class CommonTests(SynchronousTestCase):
    """
    What holds for both sides.
    """

    def test_isManaged(self) -> None:
        """
        A parent is known by the versions that it offers.
        """
        self.assertTrue(isManaged(CLIENT))
        self.assertTrue(isManaged({"TOR_PT_MANAGED_TRANSPORT_VER": ""}))
        self.assertFalse(isManaged({}))
        self.assertFalse(isManaged({"TOR_PT_STATE_LOCATION": "/"}))

    def test_versions(self) -> None:
        """
        A list with a version that is spoken here is fine.
        """
        for offered in ["1", "9,1", "1,1a,2b"]:
            environ = {**CLIENT, "TOR_PT_MANAGED_TRANSPORT_VER": offered}
            self.assertEqual(chooseDialect(environ), Agreement(PT1, "1"))
            self.assertEqual(parseEnvironment(environ).version, "1")

    def test_noVersionInCommon(self) -> None:
        """
        That comes before any other error, in the words that tor expects.
        """
        environ = {"TOR_PT_MANAGED_TRANSPORT_VER": "1a,3.1"}
        for function in (chooseDialect, parseEnvironment):
            error = self.assertRaises(VersionRefused, function, environ)
            self.assertEqual(error.line, "VERSION-ERROR no-version")

    def test_required(self) -> None:
        """
        The parent must offer versions and a directory.
        """
        for variable in ["TOR_PT_MANAGED_TRANSPORT_VER", "TOR_PT_STATE_LOCATION"]:
            for environ in (without(CLIENT, variable), {**CLIENT, variable: ""}):
                error = self.assertRaises(EnvironmentRefused, parseEnvironment, environ)
                self.assertEqual(error.line, f"ENV-ERROR {variable} is not set")

    def test_relativePath(self) -> None:
        """
        tor passes a relative DataDirectory on as it is; pt-spec would not have it.
        """
        found = parseEnvironment({**CLIENT, "TOR_PT_STATE_LOCATION": "data/pt_state/"})
        self.assertEqual(found.stateLocation, "data/pt_state/")

    def test_exitOnStdinClose(self) -> None:
        """
        Exactly ``1`` means yes.
        """
        for value in ["", "0", "true", "11", " 1", "yes"]:
            environ = {**CLIENT, "TOR_PT_EXIT_ON_STDIN_CLOSE": value}
            self.assertIs(parseEnvironment(environ).exitOnStdinClose, False, value)
        missing = without(CLIENT, "TOR_PT_EXIT_ON_STDIN_CLOSE")
        self.assertIs(parseEnvironment(missing).exitOnStdinClose, False)

    def test_role(self) -> None:
        """
        One list of methods tells the role; an empty one counts if it is alone.
        """
        client, server = "TOR_PT_CLIENT_TRANSPORTS", "TOR_PT_SERVER_TRANSPORTS"
        for lists, role, methods in [
            ({client: "x"}, Role.CLIENT, ("x",)),
            ({server: "x"}, Role.SERVER, ("x",)),
            ({client: ""}, Role.CLIENT, ()),
            ({server: ""}, Role.SERVER, ()),
            ({client: "", server: "x"}, Role.SERVER, ("x",)),
            ({client: "x", server: ""}, Role.CLIENT, ("x",)),
        ]:
            found = parseEnvironment({**without(SERVER, server), **lists})
            self.assertEqual((found.role, found.methods), (role, methods), lists)

    def test_noRole(self) -> None:
        """
        A process is one side, and one only.
        """
        for lists, text in [
            ({}, "neither of"),
            ({"TOR_PT_CLIENT_TRANSPORTS": "x", "TOR_PT_SERVER_TRANSPORTS": "x"}, "both of"),
            ({"TOR_PT_CLIENT_TRANSPORTS": "", "TOR_PT_SERVER_TRANSPORTS": ""}, "both of"),
        ]:
            error = self.assertRaises(EnvironmentRefused, parseEnvironment, {**COMMON, **lists})
            self.assertIn(text, error.line)

    def test_methods(self) -> None:
        """
        Each method once, in the parent's order; what is no name is no method.
        """
        for text, methods in [
            ("obfs4", ("obfs4",)),
            ("y,x,y,x", ("y", "x")),
            ("*", ()),
            ("x,,a b,y\nz,4x,é,_", ("x", "_")),
        ]:
            found = parseEnvironment({**CLIENT, "TOR_PT_CLIENT_TRANSPORTS": text})
            self.assertEqual(found.methods, methods)

    def test_repr(self) -> None:
        """
        A configuration may be logged: it shows no address and no secret.
        """
        self.assertEqual(repr(parseEnvironment(SERVER)), "<Configuration server x,y>")
        empty = parseEnvironment({**CLIENT, "TOR_PT_CLIENT_TRANSPORTS": ""})
        self.assertEqual(repr(empty), "<Configuration client of nothing>")

    @given(
        st.sampled_from([CLIENT, SERVER]),
        st.dictionaries(
            st.sampled_from(VARIABLES),
            st.text(st.sampled_from("xy1,-:;=\\[].@/\n\udc80é")) | st.text(),
            max_size=3,
        ),
    )
    def test_garbage(self, environ: dict[str, str], changes: dict[str, str]) -> None:
        """
        Whatever the variables hold, either there is a configuration in which each
        method has an address or an error, or there is one line to write.
        """
        try:
            found = parseEnvironment({**environ, **changes})
        except StartError as error:
            self.assertTrue(error.line.isascii() and error.line.isprintable())
        else:
            if found.role is Role.SERVER:
                self.assertEqual(set(found.methods), {*found.binds, *found.methodErrors})
                self.assertEqual(set(found.binds) & set(found.methodErrors), set())
