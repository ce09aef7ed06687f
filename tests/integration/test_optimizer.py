"""
``Optimizer`` as real processes: under tor, and from a configuration file.
"""

from __future__ import annotations

import json
import re
import stat
from typing import Any, Final

from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.faketor import FakeTor
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.socksclient import SocksRefused
from pyptwist.testing.streams import Address, Stream, connect, payload, sha256, together
from pyptwist.transports.obfs3 import Obfs3
from pyptwist.transports.optimizer.health import HEALTH_FILE
from tests.interop.ours import Server, serve

_SIZE: Final = 256 * 1024
_NOWHERE: Final = ("192.0.2.1", 1)


def at(address: Address) -> str:
    """
    :returns: it, as it is written.
    """
    return "{}:{}".format(*address)


class OptimizerTests(TestCase):
    """
    Three transports, of which one is dead.
    """

    async def setUp(self) -> None:  # type: ignore[override]
        closed = listen(self)
        await closed.stop()
        self.obfs4: Server = await serve(self)
        self.obfs3: Server = await serve(self, method=Obfs3)
        config: dict[str, Any] = {"serverAddress": at(self.obfs4.address), **self.obfs4.arguments}
        self.transports: list[dict[str, Any]] = [
            {"name": "dummy", "config": {"serverAddress": at(closed.address)}},
            {"name": "obfs4", "config": config},
            {"name": "OBFS3", "config": {"serverAddress": at(self.obfs3.address)}},
        ]

    async def assertCarries(self, near: Stream, server: Server) -> None:
        """
        Bytes pass both ways.
        """
        far = await server.accept()
        await deferLater(theReactor(), 0)  # it was built by now, and is connected next
        up, down = payload(_SIZE, 1), payload(_SIZE, 2)
        *_, there, here = await together(
            near.send(up), far.send(down), far.digest(_SIZE), near.digest(_SIZE)
        )
        self.assertEqual([there, here], [sha256(up), sha256(down)])

    async def test_underTor(self) -> None:
        """
        Arguments as tor hands them on: one connection goes by obfs4, the next by obfs3,
        past the dead one between them; what is wrong is a SOCKS error.
        """
        tor = FakeTor(self, "Optimizer")
        client = await tor.client(twistdCommand())
        text = json.dumps(self.transports, separators=(",", ":"))
        given = {"transports": text, "strategy": "rotate"}
        for server in (self.obfs4, self.obfs3, self.obfs4):
            await self.assertCarries(await tor.through(client, _NOWHERE, given), server)
        for wrong in (
            {"transports": text[:-1]},
            {**given, "strategy": "best"},
            {"transports": json.dumps(self.transports[:1]), "rounds": "1"},
        ):
            with self.assertRaises(SocksRefused):
                await tor.through(client, _NOWHERE, wrong)
        await tor.end(client, client.closeInput)
        tor.assertDiscreet(self.obfs4.arguments)

    async def test_file(self) -> None:
        """
        From a configuration file; what was learnt is in its state directory.
        """
        directory = freshDirectory(self)
        directory.mkdir(mode=0o700)
        entries = "\n".join(
            f"[[client.options.transports]]\nname = {json.dumps(entry['name'])}\n"
            + "".join(
                f"config.{key} = {json.dumps(value)}\n" for key, value in entry["config"].items()
            )
            for entry in self.transports
        )
        path = directory / "pt.toml"
        path.write_text(
            '[[client]]\nmethod = "Optimizer"\nmode = "transparent-TCP"\n'
            'listen = "127.0.0.1:0"\n[client.options]\nstrategy = "minimize-dial-duration"\n'
            + entries
        )
        path.chmod(0o600)
        command = [*pyptwistCommand(), "check-config", str(path)]
        child = spawn(self, Child("check-config"), command, baseEnvironment())
        self.assertEqual(await child.whenEnded(), Ended(0, None), child.errors)
        command = [*pyptwistCommand(), "-config", str(path)]
        child = spawn(self, Child("pyptwist"), command, baseEnvironment())
        line = await child.whenLine(r"^client-Optimizer: .* on ([0-9.]+):([0-9]+), ")
        near = await connect(self, (line[1], int(line[2])))
        await self.assertCarries(near, self.obfs4)
        child.signal("TERM")
        self.assertEqual(await child.whenEnded(), Ended(0, None), child.errors)
        [health] = directory.rglob(HEALTH_FILE)
        self.assertEqual(stat.S_IMODE(health.stat().st_mode), 0o600)
        known = json.loads(health.read_text())["transports"]
        self.assertEqual(sorted(good for good, *_ in known.values()), [0, 1])
        self.assertIsNone(re.search(rb"127\.0\.0\.1", health.read_bytes() + child.errors))
