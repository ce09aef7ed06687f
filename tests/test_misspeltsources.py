"""
Tests for the rule of ``pyptwist.misspelt``, wherever options come from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from twisted.internet.endpoints import clientFromString, quoteStringArgument, serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import misspelt
from pyptwist.addresses import HostPort
from pyptwist.arguments import JSON, Arguments
from pyptwist.configfile.generate import freshOptions
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ipc.child import Child
from pyptwist.ipc.configuration import Configuration, Mode, Role
from pyptwist.ipc.dialects import PT3
from pyptwist.ipc.launch import ClientSide, ServerSide
from pyptwist.metrics import Metrics
from pyptwist.modes.socks5 import Socks5Factory
from pyptwist.proxies.socks5server import ALL_METHODS, Request
from pyptwist.registry import Methods, serverTransports
from pyptwist.services import TransportTunnel
from pyptwist.state import StateDirectory
from pyptwist.strangers import decoy
from pyptwist.testing.codecs import memoryContext
from pyptwist.testing.datagrams import MemoryDatagramNetwork
from tests.ipc.fakes import FakeLifeline
from tests.ipc.parents import Parent
from tests.test_misspelt import said

BRIDGE = HostPort("192.0.2.7", 443)
CERT = "HszPy3vWd8gkkHv4cPIcBpZRlPcONjK6IcC0Ux4pSUS2+DoXvTWkzm5FlMvAFYNVTFqK6Q"
KEY = "AgSTYvjq8/yVBEWTSpr5C5jwLbU9ZbOIoqFEfFqYn9D1O7tbkT8K4dOKc8rtVF0yYoNhGzP6e5zFb2P0sxQ86xA"


class SourceCase(SynchronousTestCase):
    """
    Methods as they are installed, in memory.
    """

    def setUp(self) -> None:
        self.patch(misspelt, "_warned", set())
        self.network = MemoryDatagramNetwork()
        self.methods = Methods()
        self.context: Context = memoryContext(self.mktemp(), "x", self.network)

    def serve(self, method: str, options: Mapping[str, JSON], **more: Any) -> Arguments:
        """
        :returns: what clients need.
        """
        endpoint = decoy.serverEndpoint(
            self.methods.server(method),
            self.context,
            BRIDGE,
            Arguments(options),
            self.network,
            **more,
        )
        return endpoint.clientArguments

    def dial(self, method: str, line: Mapping[str, JSON], own: Any = None) -> list[str]:
        """
        An application asks for a bridge.

        :param line: what the bridge line says.
        :param own: what this process's operator says.
        :returns: the warnings.
        """
        client = self.methods.client(method)
        factory = Socks5Factory(client, self.context, ALL_METHODS, own and Arguments(own))
        events: list[LogEvent] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        try:
            factory.clientEndpoint(Request(BRIDGE, Arguments(line)))
        finally:
            globalLogPublisher.removeObserver(observer)
        return [event["text"] for event in events if event.get("name") == client.name]


class ServerTests(SourceCase):
    """
    The operator's options of servers, from wherever.
    """

    def test_refused(self) -> None:
        """
        What is misspelt is refused, in layers and in objects as well.
        """
        darkStar = {"type": "DarkStar", "serverPrivatKey": "x"}
        for method, key, value, told, meant in (
            ("obfs4", "iat-mod", "2", "iat-mod", "iat-mode"),
            ("obfs4", "decoi", "127.0.0.1:1", "decoi", "decoy"),
            ("obfs4", "proxy-protocl", "1", "proxy-protocl", "proxy-protocol"),
            ("smux|obfs4", "obfs4-itmode", "1", "obfs4-itmode", "obfs4-iat-mode"),
            ("obfs2", "shared_secret", "x", "shared_secret", "shared-secret"),
            ("scramblesuit", "iatmode", "1", "iatmode", "iat-mode"),
            ("Replicant", "polihs", "DarkStar", "polihs", "polish"),
            ("Replicant", "polish", darkStar, "polish.serverPrivatKey", "polish.serverPrivateKey"),
            ("shadow", "ciphername", "aes-256-gcm", "ciphername", "cipherName"),
            ("webtunnel", "urll", "https://x/y", "urll", "url"),
            ("kcp", "keepalives", "9", "keepalives", "keepalive"),
        ):
            with self.subTest(method=method, key=key):
                error = self.assertRaises(ConfigurationError, self.serve, method, {key: value})
                self.assertIn(said(told, meant), str(error))
                self.assertNotIn("127.0.0.1", str(error))

    def test_hint(self) -> None:
        """
        What is less similar is warned of, and what is not at all is nobody's business.
        """
        warnings: list[str] = []
        self.serve("obfs4", {"mode": "2", "other": "x"}, warn=warnings.append)
        self.assertEqual(warnings, [said("mode", "iat-mode")])

    def test_sound(self) -> None:
        """
        Nothing is said of what is right: of no method, to servers or clients.
        """
        names = [*serverTransports(), "smux|obfs4", "Replicant|b64", "obfs4|kcp"]
        for method in names:
            options, _ = freshOptions(method, os.urandom, BRIDGE)
            if method == "meek" or method == "meek_lite":
                options = Arguments({"disable-tls": "1", "url": "https://x.example/"})
            with self.subTest(method=method):
                needed = self.serve(method, dict(options.items()), warn=self.fail)
                self.assertEqual(self.dial(method, dict(needed.items())), [])

    def test_reference(self) -> None:
        """
        What torrcs have for obfs4proxy goes on working; so do files of
        shapeshifter-dispatcher's, and of kcptun's.
        """
        state: dict[str, JSON] = {
            "node-id": "00" * 20,
            "private-key": "11" * 32,
            "public-key": "22" * 32,
            "drbg-seed": "33" * 24,
            "iat-mode": "1",
        }
        dispatcher: dict[str, JSON] = {
            "transport": "Replicant",
            "bindAddress": "",
            "serverAddress": str(BRIDGE),
            "polish": {"type": "DarkStar"},
            "toneburst": None,
        }
        files: list[tuple[str, dict[str, JSON]]] = [
            ("obfs4", state),
            ("obfs4", {"iat-mode": "2"}),
            ("obfs4", {}),
            ("Replicant", dispatcher),
            ("kcp", {"framing": "kcptun", "acknodelay": False, "crypt": "none", "nocomp": True}),
        ]
        for method, options in files:
            self.serve(method, options, warn=self.fail)

    def test_oneMethod(self) -> None:
        """
        Under tor it costs the method whose option it is, and no other.
        """
        reactor, parent = MemoryReactorClock(), Parent(self)
        options = {name: Arguments({"iat-mod": "1"}) for name in ("obfs4", "obfs3")}
        configuration = Configuration(
            "1",
            Role.SERVER,
            os.path.abspath(self.mktemp()),
            ("obfs3", "obfs4"),
            binds=dict.fromkeys(("obfs3", "obfs4"), HostPort("127.0.0.1", 0)),
            options=options,
            orPort=HostPort("127.0.0.1", 9),
        )
        state = StateDirectory(configuration.stateLocation)
        context = Context(reactor, self.network, state, Metrics())
        side = ServerSide(context, self.network, self.methods, configuration)
        lifeline: Any = FakeLifeline()
        parent.reporter.write("VERSION 1")
        child = Child(reactor, configuration, parent.reporter, side, lifeline)
        child.startService()
        reactor.run()
        told = parent.heard()
        self.assertIn(f"SMETHOD-ERROR obfs4 {said('iat-mod', 'iat-mode')}", told)
        self.assertTrue([line for line in told if line.startswith("SMETHOD obfs3 ")])
        self.assertIn("SMETHODS DONE", told)


class BridgeLineTests(SourceCase):
    """
    What applications, tor above all, bring with each connection.
    """

    def test_warned(self) -> None:
        """
        There may be newer keys than ours: a warning, and the connection is made.
        """
        known = {"cert": CERT, "iat-mode": "0"}
        layers = {f"obfs4-{key}": value for key, value in known.items()}
        for method, line, warnings in (
            ("obfs4", {**known, "new": "192.0.2.1:1"}, []),
            ("obfs4", {**known, "certs": "x"}, []),
            ("kcp", {"framin": "x"}, [said("framin", "framing")]),
            ("smux|obfs4", {**layers, "smux-buffr": "1"}, [said("smux-buffr", "smux-buffer")]),
            ("meek", {"url": "https://x.example/", "fronting": "1"}, []),
        ):
            with self.subTest(method=method, line=line):
                self.assertEqual(self.dial(method, line), warnings)
                self.assertEqual(self.dial(method, line), [])

    def test_protecting(self) -> None:
        """
        Whoever would be unprotected without noticing is not connected.
        """
        toneburst = {"tonebrst": "Starburst", "serverPublicKey": KEY}
        for method, line, key, meant in (
            ("meek", {"url": "https://x.example/", "fornt": "y.example"}, "fornt", "front"),
            ("meek", {"target": "https://x.example/|y.example"}, "target", "targets"),
            ("webtunnel", {"url": "https://x.example/a", "crt": "A" * 43}, "crt", "cert"),
            ("meek", {"urll": "https://x.example/"}, "urll", "url"),
            ("meek", {"target": "https://x.example/|y.example"}, "target", "targets"),
            ("webtunnel", {"url": "https://x/y", "servernam": "z"}, "servernam", "servername"),
            (
                "webtunnel",
                {"url": "https://x/y", "sni-immitation": "z"},
                "sni-immitation",
                "sni-imitation",
            ),
            ("obfs2", {"shared-secrt": "x"}, "shared-secrt", "shared-secret"),
            ("scramblesuit", {"password": "A" * 32, "iat_mode": "1"}, "iat_mode", "iat-mode"),
            ("Replicant", {"polihs": "DarkStar"}, "polihs", "polish"),
            ("Replicant", toneburst, "tonebrst", "toneburst"),
            ("obfs4", {"cert": CERT, "iat-mod": "1"}, "iat-mod", "iat-mode"),
            (
                "b64|obfs2",
                {"obfs2-sharedsecret": "x"},
                "obfs2-sharedsecret",
                "obfs2-shared-secret",
            ),
        ):
            with self.subTest(method=method, line=line):
                error = self.assertRaises(ConfigurationError, self.dial, method, line)
                self.assertIn(said(key, meant), str(error))

    def test_own(self) -> None:
        """
        What the operator adds for all connections is refused, with a line that is sound.
        """
        line = {"obfs4-cert": CERT, "obfs4-iat-mode": "0"}
        for own in ({"smux-buffr": "1"}, {"smux-buffr": "1", "smux-windo": "2"}):
            error = self.assertRaises(ConfigurationError, self.dial, "smux|obfs4", line, own)
            self.assertIn(said("smux-buffr", "smux-buffer"), str(error))
        self.assertEqual(
            self.dial("smux|obfs4", {**line, "smux-buffr": "1"}, {"smux-streams": "2"}),
            [said("smux-buffr", "smux-buffer")],
        )

    def test_transparent(self) -> None:
        """
        Where all is known at the start, it is told then; what came in a bridge line of a
        configuration file is that.
        """
        for mode in (Mode.TRANSPARENT_TCP, Mode.STUN):
            for handed in (frozenset[str](), frozenset({"framin"})):
                configuration = Configuration(
                    "3.0",
                    Role.CLIENT,
                    "/nonexistent",
                    ("kcp",),
                    dialect=PT3,
                    mode=mode,
                    target=BRIDGE,
                    clientOptions={"kcp": Arguments(framin="x")},
                    handed=handed,
                )
                side = ClientSide(self.context, self.network, self.methods, configuration)
                launching = self.launch(side)
                if handed:
                    self.assertIsNone(launching)
                else:
                    self.assertEqual(launching, said("framin", "framing"))

    def test_tunnel(self) -> None:
        """
        A service that programs make of a bridge line begins nothing without what protects.
        """
        line = "meek 192.0.2.1:1 url=https://x.example/ fornt=y.example"
        service = TransportTunnel(self.network.clock, line, network=self.network)
        failure = self.failureResultOf(service.start(), ConfigurationError)
        self.assertEqual(failure.getErrorMessage(), said("fornt", "front"))

    def launch(self, side: ClientSide) -> str | None:
        """
        :returns: why kcp cannot be; None if it can.
        """
        try:
            side.launch("kcp").send(None)
        except StopIteration:
            return None
        except ConfigurationError as error:
            return str(error)
        return None

    def test_nested(self) -> None:
        """
        So it is with what Optimizer chooses among, as JSON or as text.
        """
        good: dict[str, JSON] = {"cert": CERT, "iat-mode": "0", "serverAddress": "192.0.2.1:1"}
        wrong: dict[str, JSON] = {"name": "kcp", "config": {"framin": "x"}}
        sound: dict[str, JSON] = {"name": "obfs4", "config": good}
        told = said("transports 2.framin", "transports 2.framing")
        for transports in ([sound], [sound, wrong]):
            forms: list[JSON] = [list(transports), json.dumps(transports, separators=(",", ":"))]
            for form in forms:
                self.patch(misspelt, "_warned", set())
                line, isSound = {"transports": form}, len(transports) == 1
                self.assertEqual(self.dial("Optimizer", line), [] if isSound else [told])
                if isSound:
                    self.dial("Optimizer", {}, line)
                    continue
                error = self.assertRaises(ConfigurationError, self.dial, "Optimizer", {}, line)
                self.assertIn(told, str(error))


class EndpointStringTests(SourceCase):
    """
    ``pt:`` and ``ptexec:`` strings.
    """

    def quoted(self, **pairs: str) -> str:
        return ":".join(f"{key}={quoteStringArgument(text)}" for key, text in pairs.items())

    def test_client(self) -> None:
        """
        What is written there is the operator's, keys of the form itself included; a
        bridge line in it is a bridge line.
        """
        good = self.quoted(cert=CERT)
        kcp = quoteStringArgument("kcp 192.0.2.1:443 framin=x")
        for text, key, meant in (
            (f"pt:obfs4:192.0.2.1:443:{good}:iat-mod=0", "iat-mod", "iat-mode"),
            (f"pt:obfs4:192.0.2.1:443:{good}:iat-mode=0:proxi=x", "proxi", "proxy"),
            ("pt:kcp:192.0.2.1:443:bindAdress=127.0.0.1", "bindAdress", "bindAddress"),
            ("pt:kcp:192.0.2.1:443:framin=x", "framin", "framing"),
            ("pt:meek:fornt=x.example:" + self.quoted(url="https://y/"), "fornt", "front"),
            (f"pt:bridge={kcp}:mod=fast", "mod", "mode"),
            ("ptexec:x:192.0.2.1:443:command=true:prxy=socks5", "prxy", "proxy"),
            (f"pt:bridge={kcp}", "", ""),
            ("ptexec:x:192.0.2.1:443:command=true:version=2", "", ""),
        ):
            with self.subTest(text=text):
                if not key:
                    clientFromString(MemoryReactorClock(), text)
                    continue
                error = self.assertRaises(ValueError, clientFromString, MemoryReactorClock(), text)
                self.assertIn(said(key, meant), str(error))
                self.assertEqual(str(error).count(said(key, meant)), 1)

    def test_server(self) -> None:
        """
        The same for servers.
        """
        state = quoteStringArgument(os.path.abspath(self.mktemp()))
        for text, key, meant in (
            (f"pt:obfs4:443:state={state}:iat-mod=2", "iat-mod", "iat-mode"),
            (f"pt:obfs4:443:stat={state}", "stat", "state"),
            ("pt:obfs3:443:interfac=127.0.0.1", "interfac", "interface"),
            (f"pt:obfs4:443:state={state}:iat-mode=2:interface=127.0.0.1", "", ""),
        ):
            with self.subTest(text=text):
                if not key:
                    serverFromString(MemoryReactorClock(), text)
                    continue
                error = self.assertRaises(ValueError, serverFromString, MemoryReactorClock(), text)
                self.assertIn(said(key, meant), str(error))
                self.assertEqual(str(error).count(said(key, meant)), 1)
