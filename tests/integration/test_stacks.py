"""
Stacks as a parent's children, defined on the command line.
"""

from __future__ import annotations

import re
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import freshDirectory, pyptwistCommand, twistdCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.testing.streams import Stream
from pyptwist.testing.wiretap import Tap
from tests.interop.exchange import MIB, OPTIONS, ends, exchange
from tests.peers import requirePeer

_STACK: Final = ["--stack", "b64_obfs4=obfs4|b64"]


def _prefixed(arguments: dict[str, str]) -> dict[str, str]:
    return {f"obfs4-{key}": value for key, value in arguments.items()}


class Stacks(TestCase):
    timeout = 120

    async def _joined(self, server: list[str], client: list[str]) -> tuple[Tap, Stream, Stream]:
        """
        :returns: the wire, and both ends.
        """
        destination = listen(self)
        there = await launchServer(
            self,
            [*server, *_STACK],
            destination.address,
            ["b64_obfs4"],
            {"b64_obfs4": _prefixed({**OPTIONS, "iat-mode": "0"})},
        )
        bridge = there.method("b64_obfs4")
        tap = Tap(self, bridge.address)
        here = await launchClient(self, [*client, *_STACK], ["b64_obfs4"])
        method = here.method("b64_obfs4")
        stream = await socksConnect(self, method.address, tap.address, bridge.arguments)
        return tap, stream, await destination.accept()

    async def test_bothForms(self) -> None:
        """
        ``pyptwist`` and ``twistd pt`` know what their command line defines; payload
        passes, and the wire shows the lowest layer.
        """
        for server, client in (
            (pyptwistCommand(), twistdCommand()),
            (twistdCommand(), pyptwistCommand()),
        ):
            tap, here, there = await self._joined(server, client)
            await exchange(self, (here, there), 4 * MIB)
            await ends(self, (here, there))
            for record in (tap.toServer, tap.toClient):
                self.assertGreater(len(record), 4 * MIB * 4 // 3)
                self.assertTrue(re.fullmatch(rb"[A-Za-z0-9+/=]*", bytes(record)))

    async def test_announced(self) -> None:
        """
        A bridge keeps a layer's keys in a directory of its own, and says what
        clients need with the layer's name in front; after a restart that is the
        same.
        """
        state = freshDirectory(self)
        for mode in ("1", "0"):
            child = await launchServer(
                self,
                [*pyptwistCommand(), *_STACK],
                ("127.0.0.1", 1),
                ["b64_obfs4"],
                {"b64_obfs4": {"obfs4-iat-mode": mode}},
                state=state,
            )
            await child.whenLine("^LOG SEVERITY=notice ")
            arguments = child.method("b64_obfs4").arguments
            self.assertEqual(sorted(arguments), ["obfs4-cert", "obfs4-iat-mode"])
            self.assertEqual(arguments["obfs4-iat-mode"], mode)
            lines = (state / "bridgelines.txt").read_text()
            cert = re.findall(r"^Bridge b64_obfs4 .* obfs4-cert=(\S+)", lines, re.MULTILINE)
            self.assertEqual(cert, [arguments["obfs4-cert"]])
            self.assertTrue((state / "b64_obfs4" / "obfs4" / "obfs4_state.json").is_file())
            first = self.__dict__.setdefault("_first", cert)
            self.assertEqual(cert, first)
            child.closeInput()
            await child.whenEnded()

    async def test_obfs4proxy(self) -> None:
        """
        A layer that changes nothing leaves obfs4 to be what obfs4proxy speaks.
        """
        destination = listen(self)
        server = await launchServer(
            self, [requirePeer("obfs4proxy")], destination.address, ["obfs4"]
        )
        bridge = server.method("obfs4")
        client = await launchClient(
            self, [*pyptwistCommand(), "--stack", "plain=obfs4|dummy"], ["plain"]
        )
        proxy = client.method("plain").address
        here = await socksConnect(self, proxy, bridge.address, _prefixed(bridge.arguments))
        await exchange(self, (here, await destination.accept()), MIB)

    async def test_wrongArguments(self) -> None:
        """
        Who forgets the layer's name is refused.
        """
        client = await launchClient(self, [*pyptwistCommand(), *_STACK], ["b64_obfs4"])
        connecting = socksConnect(
            self, client.method("b64_obfs4").address, ("127.0.0.1", 1), {"cert": "x"}
        )
        with self.assertRaises(SocksRefused):
            await connecting

    async def test_wrongDefinitions(self) -> None:
        """
        A stack that lacks a layer, or has a method's name, is refused by itself;
        all other methods run.
        """
        stacks = ["lame=dummy|absent", "obfs4=dummy|dummy", "loop=dummy|loop", "good=dummy|dummy"]
        options = [word for stack in stacks for word in ("--stack", stack)]
        child = await launchClient(
            self,
            [*pyptwistCommand(), *options],
            ["lame", "obfs4", "loop", "good", "dummy"],
        )
        self.assertEqual(sorted(child.methods), ["dummy", "good"])
        self.assertIn("no transport method 'absent'", child.refused["lame"])
        self.assertIn("give the stack another name", child.refused["obfs4"])
        self.assertIn("a layer of itself", child.refused["loop"])
