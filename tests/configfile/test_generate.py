"""
Tests for ``pyptwist.configfile.generate``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.configfile import generate as module
from pyptwist.configfile.generate import Generated, Wanted, freshOptions, generate
from pyptwist.configfile.methods import rehearse
from pyptwist.configfile.plan import read
from pyptwist.configfile.sections import Section
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.configuration import Mode
from pyptwist.registry import UnknownMethod

_METHODS = (
    "b64",
    "dummy",
    "obfs2",
    "obfs3",
    "obfs4",
    "scramblesuit",
    "obfs4|b64",
    "obfs4 | obfs4",
    "shadow",
    "Replicant",
    "Starbridge",
    "starbridge",
    "shadow | b64",
)


class GenerateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.reactor = MemoryReactorClock()
        self.wanted = Wanted(
            "obfs4",
            HostPort("192.0.2.1", 443),
            HostPort("127.0.0.1", 80),
            HostPort("127.0.0.1", 1080),
            Mode.SOCKS5,
            str(self.directory),
        )

    def generate(self, wanted: Wanted) -> Generated:
        return generate(self.reactor, wanted)

    def section(self, path: str) -> Section:
        """
        :returns: the one in a file, which is sound.
        """
        plan = read(path)
        self.assertEqual(rehearse(self.reactor, plan), [])
        (section,) = plan.sections
        return section

    def test_pairs(self) -> None:
        """
        Whatever the method, both files are sound, and need no state.
        """
        for method in _METHODS:
            generated = self.generate(replace(self.wanted, method=method))
            self.assertIsNone(generated.state)
            server, client = self.section(generated.server), self.section(generated.client)
            self.assertEqual(server.configuration.target, HostPort("127.0.0.1", 80))
            self.assertEqual(server.configuration.binds[server.method], HostPort("0.0.0.0", 443))
            self.assertEqual(client.configuration.listen, HostPort("127.0.0.1", 1080))
            self.assertEqual(client.server[0], HostPort("192.0.2.1", 443))
            self.assertEqual(server.method, client.method)
        self.assertEqual(len(os.listdir(self.directory)), 2 * len(_METHODS))
        for path in self.directory.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_fresh(self) -> None:
        """
        Keys are never the same.
        """
        for method in ("obfs2", "obfs4", "scramblesuit", "obfs2|obfs4"):
            one, other = (freshOptions(method, os.urandom)[0] for _ in range(2))
            self.assertNotEqual(len(one), 0)
            for key in one:
                self.assertNotEqual(one.require(key), other.require(key))

    def test_address(self) -> None:
        """
        Methods whose handshake says where the server is are told.
        """
        for method in ("shadow", "Replicant", "Starbridge", "replicant", "starbridge"):
            server = HostPort("2001:db8::1", 443)
            one, other = (freshOptions(method, os.urandom, server)[0] for _ in range(2))
            self.assertEqual(one.get("serverAddress"), "[2001:db8::1]:443")
            self.assertNotEqual(one.require("serverPrivateKey"), other.require("serverPrivateKey"))

    def test_noAddress(self) -> None:
        """
        Where the address is not known yet, nothing is said of it.
        """
        for method in ("shadow", "Replicant", "Starbridge", "Replicant|b64"):
            options, _ = freshOptions(method, os.urandom)
            self.assertNotEqual(len(options), 0)
            self.assertFalse([key for key in options if key.endswith("serverAddress")])

    def test_hostName(self) -> None:
        """
        Which DarkStar cannot say: then shadow gets a password, and the others an error.
        """
        wanted = replace(self.wanted, server=HostPort("example.org", 443))
        generated = self.generate(replace(wanted, method="shadow"))
        _, arguments = self.section(generated.client).server
        self.assertEqual(set(arguments), {"cipherName", "password"})
        for method in ("Replicant", "Starbridge"):
            with self.assertRaisesRegex(ConfigurationError, "host name"):
                self.generate(replace(wanted, method=method))

    def test_state(self) -> None:
        """
        A method of which nothing is known here gets a directory with its keys.
        """
        self.patch(module, "_KEYS", {})
        for method, name in (("obfs4", "obfs4"), ("obfs4|b64", "obfs4_b64")):
            generated = self.generate(replace(self.wanted, method=method))
            self.assertEqual(generated.state, str(self.directory / f"{name}-state"))
            state = Path(generated.state or "")
            (keys,) = state.rglob("obfs4_state.json")
            self.assertEqual(state.stat().st_mode & 0o777, 0o700)
            self.assertEqual(keys.stat().st_mode & 0o777, 0o600)
            server, client = self.section(generated.server), self.section(generated.client)
            self.assertEqual(server.configuration.stateLocation, str(state))
            certs = [text for key, text in client.server[1].texts() if key.endswith("cert")]
            self.assertIn(certs[0], (keys.parent / "obfs4_bridgeline.txt").read_text())

    def test_mode(self) -> None:
        """
        Both sides have it; the server listens where its clients come from.
        """
        for server, bind in (
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[2001:db8::1]:1", "[::]:1"),
            ("example.org:1", "0.0.0.0:1"),
        ):
            directory = str(self.directory / bind)
            wanted = replace(
                self.wanted,
                server=HostPort.parse(server),
                mode=Mode.TRANSPARENT_UDP,
                directory=directory,
            )
            generated = self.generate(wanted)
            for path in (generated.server, generated.client):
                self.assertIs(self.section(path).configuration.mode, Mode.TRANSPARENT_UDP)
            binds = self.section(generated.server).configuration.binds
            self.assertEqual(str(binds["obfs4"]), bind)

    def test_neverOverwrites(self) -> None:
        """
        Whichever of the files is there, none is written.
        """
        for name in ("obfs4-server.toml", "obfs4-client.toml", "obfs4-state"):
            directory = self.directory / name
            directory.mkdir(parents=True)
            (directory / name).write_text("mine")
            error = self.assertRaises(
                ConfigurationError, self.generate, replace(self.wanted, directory=str(directory))
            )
            self.assertEqual(str(error), f"{directory / name} is there already, and is left alone")
            self.assertEqual(os.listdir(directory), [name])
            self.assertEqual((directory / name).read_text(), "mine")

    def test_dangling(self) -> None:
        """
        Nor is a symbolic link followed that leads nowhere.
        """
        self.directory.mkdir()
        (self.directory / "obfs4-client.toml").symlink_to("elsewhere")
        self.assertRaises(ConfigurationError, self.generate, self.wanted)
        self.assertEqual(os.listdir(self.directory), ["obfs4-client.toml"])

    def test_meanwhile(self) -> None:
        """
        If the second file cannot be written, the first is not there either.
        """
        self.directory.mkdir()
        other = self.directory / "obfs4-client.toml"
        made = module._client

        def client(*arguments: object) -> str:
            other.write_text("mine")
            return made(*arguments)  # type: ignore[arg-type]

        self.patch(module, "_client", client)
        error = self.assertRaises(ConfigurationError, self.generate, self.wanted)
        self.assertEqual(str(error), "the files cannot be written: File exists")
        self.assertEqual(os.listdir(self.directory), ["obfs4-client.toml"])
        self.assertEqual(other.read_text(), "mine")

    def test_stateFails(self) -> None:
        """
        If the keys cannot be kept, nothing is left, and another try is free; but
        what somebody else has put there stays.
        """
        self.patch(module, "_KEYS", {})
        copytree = shutil.copytree

        def full(source: str, to: str, **more: object) -> None:
            copytree(source, to, dirs_exist_ok=True)
            raise OSError(28, "No space left on device")

        self.patch(shutil, "copytree", full)
        self.assertRaises(ConfigurationError, self.generate, self.wanted)
        self.assertEqual(os.listdir(self.directory), [])
        kept = self.directory / "obfs4-state"
        made = module._client

        def client(*arguments: object) -> str:
            kept.mkdir()
            return made(*arguments)  # type: ignore[arg-type]

        self.patch(module, "_client", client)
        self.assertRaises(ConfigurationError, self.generate, self.wanted)
        self.assertEqual(os.listdir(self.directory), ["obfs4-state"])

    def test_unknown(self) -> None:
        self.assertRaises(UnknownMethod, self.generate, replace(self.wanted, method="absent"))
        self.assertFalse(self.directory.exists())
