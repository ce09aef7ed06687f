"""
Tests for ``pyptwist.ipc.parsing`` with flags; those with the environment alone are
in ``test_configuration`` and ``test_serverconfiguration``.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.ipc.configuration import (
    DEFAULT_BIND,
    DEFAULT_LISTEN,
    Configuration,
    ExtendedORPort,
    Mode,
    Role,
)
from pyptwist.ipc.dialects import PT1, PT3, PT21
from pyptwist.ipc.flags import FLAGS
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.lines import Severity, StartError
from pyptwist.ipc.parsing import DEFAULT_STATE, errorDialect, parseEnvironment
from tests.ipc.environments import CLIENT, SERVER

NOTHING: Mapping[str, str] = {}
_SERVER = {"server": "1", "transport": "x", "bindhost": "::1", "bindport": "1", "target": "h:2"}


def parse(environ: Mapping[str, str] = NOTHING, /, **flags: str) -> Configuration:
    return parseEnvironment(environ, flags)


class ClientTests(SynchronousTestCase):
    """
    A client by flags.
    """

    def test_least(self) -> None:
        """
        A method is all that is needed.
        """
        found = parse(transport="x")
        self.assertEqual((found.version, found.dialect), ("3.0", PT3))
        self.assertIs(found.role, Role.CLIENT)
        self.assertEqual(found.methods, ("x",))
        self.assertEqual(found.stateLocation, DEFAULT_STATE)
        self.assertEqual(found.listen, DEFAULT_LISTEN)
        self.assertIs(found.mode, Mode.SOCKS5)
        self.assertIsNone(found.target)
        self.assertIsNone(found.logLevel)
        self.assertFalse(found.exitOnStdinClose or found.hasParent)

    def test_everything(self) -> None:
        """
        All flags of a client.
        """
        found = parseEnvironment(
            {},
            {
                "client": "1",
                "transports": "x,y",
                "options": '{"x": {"a": 1}}',
                "mode": "transparent-TCP",
                "state": "s",
                "proxylistenaddr": "[::1]:0",
                "proxy": "http://192.0.2.1:1",
                "targethost": "2001:db8::1",
                "targetport": "443",
                "ptversion": "2",
                "exit-on-stdin-close": "1",
                "ipcLogLevel": "INFO",
            },
        )
        self.assertEqual((found.version, found.dialect), ("2", PT21))
        self.assertEqual(found.methods, ("x", "y"))
        self.assertEqual(found.clientOptions, {"x": Arguments(a=1)})
        self.assertIs(found.mode, Mode.TRANSPARENT_TCP)
        self.assertEqual(found.stateLocation, "s")
        self.assertEqual(found.listen, HostPort("::1", 0))
        self.assertEqual(found.target, HostPort("2001:db8::1", 443))
        self.assertIsNotNone(found.upstreamProxy)
        self.assertIs(found.logLevel, Severity.INFO)
        self.assertTrue(found.exitOnStdinClose and found.hasParent)
        self.assertEqual(found.methodErrors, {})

    def test_modes(self) -> None:
        """
        By the specs' flag and by shapeshifter-dispatcher's.
        """
        for mode in Mode:
            self.assertIs(parse(transport="x", mode=mode.value).mode, mode)
        for flags, mode in (
            (("transparent",), Mode.TRANSPARENT_TCP),
            (("udp",), Mode.STUN),
            (("transparent", "udp"), Mode.TRANSPARENT_UDP),
        ):
            given = dict.fromkeys(flags, "1")
            self.assertIs(parse(transport="x", **given).mode, mode)

    def test_flows(self) -> None:
        """
        What the modes of datagrams hold is the operator's choice.
        """
        flags = {"flowQueue": "0", "flowIdle": "60", "flowMaximum": "9"}
        found = parse(transport="x", udp="1", **flags)
        self.assertEqual(found.flows, FlowBounds(queue=0, idle=60, maximum=9))
        self.assertEqual(parse(transport="x", udp="1").flows, FlowBounds())

    def test_optionsFile(self) -> None:
        """
        A file is read as the flag is.
        """
        read: list[str] = []

        def readFile(path: str) -> str:
            read.append(path)
            return '{"serverAddress": "h:1"}'

        flags = {"transport": "x", "optionsFile": "some.json"}
        found = parseEnvironment({}, flags, readFile)
        self.assertEqual(read, ["some.json"])
        self.assertEqual(found.clientOptions, {"x": Arguments(serverAddress="h:1")})

    def test_version1(self) -> None:
        """
        Under tor, flags add to what tor says, and change nothing else.
        """
        plain = parse(CLIENT)
        self.assertEqual((plain.version, plain.dialect, plain.hasParent), ("1", PT1, True))
        self.assertEqual(plain.listen, DEFAULT_LISTEN)
        self.assertIs(plain.logLevel, Severity.NOTICE)
        found = parse({**CLIENT, "TOR_PT_CLIENT_TRANSPORTS": "x"}, proxylistenport="9")
        self.assertEqual(found.listen.port, 9)
        self.assertEqual(found.stateLocation, plain.stateLocation)
        self.assertEqual(parse(CLIENT, options="x:a=1").clientOptions, {"x": Arguments(a="1")})


class ServerTests(SynchronousTestCase):
    """
    A server by flags.
    """

    def test_parts(self) -> None:
        found = parse(**_SERVER)
        self.assertIs(found.role, Role.SERVER)
        self.assertEqual(found.binds, {"x": HostPort("::1", 1)})
        self.assertEqual((found.target, found.orPort), (HostPort("h", 2), None))

    def test_list(self) -> None:
        """
        A method that the list leaves out cannot run where an address is asked for.
        """
        flags = {
            "server": "1",
            "transports": "x,y,z",
            "bindaddr": "y-127.0.0.1:1,x-[::1]:2,other-bad",
            "orport": "127.0.0.1:3",
            "extorport": "127.0.0.1:4",
            "authcookie": "cookie",
            "options": '{"y": {"a": {}}, "w": {}}',
        }
        found = parseEnvironment({}, flags)
        self.assertEqual(found.binds, {"y": HostPort("127.0.0.1", 1), "x": HostPort("::1", 2)})
        self.assertEqual(
            found.methodErrors, {"z": "-bindaddr: there is no address for this method"}
        )
        self.assertEqual(found.target, HostPort("127.0.0.1", 3))
        self.assertEqual(
            found.extendedORPorts, (ExtendedORPort(HostPort("127.0.0.1", 4), "cookie"),)
        )
        self.assertEqual(found.options, {"y": Arguments(a={})})
        found = parseEnvironment({}, {**flags, "ptversion": "2.1"})
        self.assertEqual(found.binds["z"], DEFAULT_BIND)

    def test_variables(self) -> None:
        """
        What is not said by flags comes from the environment, and a flag takes the
        place of all that means the same.
        """
        environ = {**SERVER, "TOR_PT_MANAGED_TRANSPORT_VER": "2.1"}
        found = parse(environ)
        self.assertEqual((found.target, found.orPort), (None, HostPort("127.0.0.1", 4)))
        self.assertEqual(found.options["x"].get("a"), "1")
        found = parse(environ, targethost="h", targetport="5", options='{"x": {}, "y": {}}')
        self.assertEqual((found.target, found.orPort), (HostPort("h", 5), None))
        self.assertEqual(found.options["x"], Arguments())
        self.assertEqual(found.binds["x"], HostPort("127.0.0.1", 2))

    def test_names(self) -> None:
        """
        From PT 2.1 on the destination may be a name; tor never says one.
        """
        environ = {**SERVER, "TOR_PT_ORPORT": "localhost:4"}
        self.assertRaises(StartError, parse, environ)
        found = parse({**environ, "TOR_PT_MANAGED_TRANSPORT_VER": "2"})
        self.assertEqual(found.orPort, HostPort("localhost", 4))


class AnyTests(SynchronousTestCase):
    """
    What holds for both sides.
    """

    def test_errorDialect(self) -> None:
        """
        Who offers versions as tor does is answered as tor is.
        """
        environ = {"TOR_PT_MANAGED_TRANSPORT_VER": "9"}
        self.assertIs(errorDialect(environ, {}), PT1)
        self.assertIs(errorDialect(environ, {"client": "1"}), PT1)
        self.assertIs(errorDialect(environ, {"ptversion": "9"}), PT3)
        self.assertIs(errorDialect({}, {"client": "1"}), PT3)

    @given(
        st.sampled_from([{"transport": "x"}, _SERVER]),
        st.dictionaries(
            st.sampled_from(sorted(FLAGS)),
            st.text(st.sampled_from('xy1,-:;=\\[].@/{}"\n\udc80é'))
            | st.text()
            | st.sampled_from(["127.0.0.1:1", "STUN", "x", "2.1", "{}", "1"]),
            max_size=4,
        ),
    )
    def test_garbage(self, flags: dict[str, str], changes: dict[str, str]) -> None:
        """
        Whatever the flags hold, either there is a configuration in which each of a
        server's methods has an address or an error, or there is one line to write.
        """
        try:
            found = parseEnvironment({}, {**flags, **changes})
        except StartError as error:
            self.assertTrue(error.line.isascii() and error.line.isprintable())
        else:
            if found.role is Role.SERVER:
                self.assertEqual(set(found.methods), {*found.binds, *found.methodErrors})
                self.assertTrue(found.target or found.extendedORPorts)
