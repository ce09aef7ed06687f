"""
Tests for ``pyptwist.doctor.configuration``.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from pyptwist.doctor.case import Finding, Verdict
from pyptwist.doctor.configuration import checkTorrc, installed
from pyptwist.errors import ConfigurationError
from tests.doctor.machines import PROGRAM, MachineCase
from tests.listing.test_inventory import GOOD
from tests.plugins import installPlugins

CLIENT = f"UseBridges 1\nClientTransportPlugin obfs4 exec {PROGRAM}\n"
SERVER = f"BridgeRelay 1\nExtORPort auto\nServerTransportPlugin obfs4 exec {PROGRAM}\n"


class TorrcCase(MachineCase):
    """
    With a program that can be started.
    """

    def setUp(self) -> None:
        super().setUp()
        self.install("usr/bin/python3", mode=0o755)
        self.program = self.install(PROGRAM, "#!/usr/bin/python3\n", 0o755)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def lookup(self, role: str, name: str, stacks: dict[str, str]) -> None:
        self.asked.append((role, name, stacks))
        if name == "strange":
            raise ConfigurationError("there is no strange")
        if name == "broken":
            raise ImportError("no module")

    def check(self, torrc: str | None) -> list[Finding]:
        return self.findings(partial(checkTorrc, lookup=self.lookup), torrc)


class TorrcTests(TorrcCase):
    """
    Tests for ``checkTorrc``.
    """

    def test_well(self) -> None:
        """
        A client's and a server's lines, as the manual has them.
        """
        for torrc in (CLIENT + "Bridge obfs4 192.0.2.7:443", SERVER):
            [finding] = self.check(torrc)
            self.assertEqual(finding.verdict, Verdict.OK)
        self.assertEqual(self.asked, [("client", "obfs4", {}), ("server", "obfs4", {})])
        self.assertEqual(self.check(None), [])

    def test_nothing(self) -> None:
        """
        A torrc without transports says how to get some.
        """
        [finding] = self.check("SocksPort 9050")
        self.assertEqual(finding.verdict, Verdict.NOTE)

    def test_program(self) -> None:
        """
        tor starts what has an absolute path, is there, and is executable.
        """
        self.install("opt/plain")
        self.install("opt/orphan", "#!/usr/bin/nothing\n", 0o755)
        (self.root / "opt/folder").mkdir()
        for path, text, remedy in (
            ("obfs4proxy", "absolute path: obfs4proxy", "exec /usr/bin/obfs4proxy"),
            ("pyptwist", "absolute path", f"exec {PROGRAM}"),
            ("/opt/none", "there is no /opt/none", f"exec {PROGRAM}"),
            ("/opt/folder", "no file that can be started", ""),
            ("/opt/plain", "not executable", "chmod +x /opt/plain"),
            ("/opt/orphan", "wants /usr/bin/nothing", "reinstall"),
        ):
            findings = self.check(f"ClientTransportPlugin a exec {path}")
            self.assertFinds(findings, Verdict.ERROR, text, remedy)
        findings = self.check(f"ClientTransportPlugin a exec {PROGRAM} '--log-file=a b'")
        self.assertFinds(findings, Verdict.ERROR, "no quotes")
        self.install("opt/pt/bin/twistd", mode=0o755)
        findings = self.check("ClientTransportPlugin a exec /opt/pt/bin/twistd -n")
        self.assertFinds(findings, Verdict.ERROR, "needs the word pt", "twistd pt")

    def test_unseen(self) -> None:
        """
        A program may be closed to who asks, or its folder; that is no error of
        torrc's, and does not end the examination.
        """
        self.install("opt/closed", mode=0o711)
        self.install("opt/private/program", mode=0o755)
        openFile, stat = Path.open, os.stat

        def refuseOpen(path: Path, *more: Any) -> Any:
            if path.name == "closed":
                raise PermissionError(13, "Permission denied")
            return openFile(path, *more)

        def refuseStat(path: Any, **more: Any) -> os.stat_result:
            if str(path).endswith("/private/program"):
                raise PermissionError(13, "Permission denied")
            return stat(path, **more)

        self.patch(Path, "open", refuseOpen)
        self.patch(os, "stat", refuseStat)
        torrc = CLIENT + "ClientTransportPlugin a exec /opt/closed\n"
        self.assertEqual([f.verdict for f in self.check(torrc)], [Verdict.OK])
        findings = self.check(CLIENT + "ClientTransportPlugin a exec /opt/private/program\n")
        self.assertFinds(findings, Verdict.NOTE, "not looked at", "sudo ")
        self.assertEqual(len(findings), 1)

    def test_noProgram(self) -> None:
        """
        Where there is no program of ours, the way to get one is named.
        """
        self.program.unlink()
        findings = self.check(CLIENT)
        self.assertFinds(findings, Verdict.ERROR, f"there is no {PROGRAM}", "pip install pyptwist")

    def test_methods(self) -> None:
        """
        Our own program must have the methods that it is to play, stacks included.
        """
        torrc = f"ClientTransportPlugin obfs4,strange,broken,s exec {PROGRAM} --stack s=a|b"
        findings = self.check(torrc)
        self.assertFinds(findings, Verdict.ERROR, "strange: there is no strange", "pyptwist list")
        self.assertFinds(findings, Verdict.ERROR, "broken: ImportError: no module")
        self.assertEqual(self.asked[-1], ("client", "s", {"s": "a|b"}))
        self.install("usr/bin/obfs4proxy", mode=0o755)
        self.check("ClientTransportPlugin strange exec /usr/bin/obfs4proxy")
        self.assertEqual(len(self.asked), 4)

    def test_client(self) -> None:
        """
        Bridges need a program, and to be used.
        """
        findings = self.check(CLIENT + "Bridge meek 192.0.2.7:443\nBridge obfs4 192.0.2.7:443")
        self.assertFinds(findings, Verdict.ERROR, "a Bridge of meek", "ClientTransportPlugin meek")
        self.assertEqual(len(findings), 1)
        findings = self.check(CLIENT.replace("UseBridges 1", "") + "Bridge obfs4 192.0.2.7:443")
        self.assertFinds(findings, Verdict.WARNING, "not used", "UseBridges 1")
        external = "ClientTransportPlugin meek socks5 127.0.0.1:1\nBridge meek 192.0.2.7:443\n"
        [finding] = self.check(CLIENT + external)
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_server(self) -> None:
        """
        A server listens by a method that it has, on a port, and is a bridge.
        """
        findings = self.check(SERVER + "ServerTransportListenAddr obfs3 0.0.0.0:1")
        self.assertFinds(findings, Verdict.WARNING, "obfs3 is to listen", "ServerTransportPlugin")
        for address in ("0.0.0.0:0", "8443"):
            findings = self.check(f"{SERVER}ServerTransportListenAddr obfs4 {address}")
            self.assertFinds(findings, Verdict.ERROR, "no port 0", "0.0.0.0:8443")
        findings = self.check(f"ServerTransportPlugin obfs4 exec {PROGRAM}")
        self.assertFinds(findings, Verdict.NOTE, "by country", "ExtORPort auto")
        self.assertFinds(findings, Verdict.WARNING, "no bridge", "BridgeRelay 1")

    def test_installed(self) -> None:
        """
        Methods are looked up among those that there are.
        """
        for role in ("client", "server"):
            installed(role, "obfs4", {})
            installed(role, "s", {"s": "obfs4|b64"})
            self.assertRaises(ConfigurationError, installed, role, "nonexistent", {})

    def test_uninstalled(self) -> None:
        """
        Why one cannot be used is said; and Twisted's cache is left alone.
        """
        bad = GOOD + "bad = TransportPlugin('bad', client='no.such.module.Thing')\n"
        [folder] = installPlugins(self, {"good": bad})
        installed("client", "reach", {})
        for role, name, why in (
            ("server", "reach", "cannot be a server"),
            ("client", "other", "there are bad, both, reach"),
            ("client", "bad", "no"),
        ):
            error = self.assertRaises(ConfigurationError, installed, role, name, {})
            self.assertIn(why, str(error))
        self.assertFalse((folder / "dropin.cache").exists())
