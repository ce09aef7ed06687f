"""
One state directory, used by turns by obfs4proxy and by us: the identity stays.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import TestCase

from pyptwist.arguments import Arguments
from pyptwist.state import StateDirectory
from pyptwist.testing.environments import freshDirectory
from pyptwist.testing.processes import launchServer
from pyptwist.transports.obfs4.identity import (
    BRIDGE_LINE_FILE,
    STATE_FILE,
    Identity,
    loadIdentity,
)
from tests.peers import requirePeer

#: Nobody listens there; no test here gets as far as to dial it.
NOWHERE = ("127.0.0.1", 9)


class TestStateFiles(TestCase):
    def setUp(self) -> None:
        self.where = freshDirectory(self)

    async def theirs(self, options: dict[str, str] | None = None) -> Arguments:
        """
        Let obfs4proxy start and stop.

        :returns: what it published.
        """
        peer = [requirePeer("obfs4proxy")]
        # Its own log goes there, too: the directory must exist.
        self.where.mkdir(mode=0o700, exist_ok=True)
        server = await launchServer(
            self,
            peer,
            NOWHERE,
            options={"obfs4": options} if options else None,
            state=self.where,
        )
        await server.stop()
        return Arguments(server.method("obfs4").arguments)

    def ours(self, options: Arguments | None = None) -> Identity:
        return loadIdentity(options or Arguments(), StateDirectory(self.where), os.urandom)

    def files(self) -> tuple[bytes, list[bytes]]:
        """
        :returns: the state, and what is no comment in the bridge line file.
        """
        lines = (self.where / BRIDGE_LINE_FILE).read_bytes().splitlines(keepends=True)
        for name in (STATE_FILE, BRIDGE_LINE_FILE):
            self.assertEqual((self.where / name).stat().st_mode & 0o777, 0o600)
        return (
            (self.where / STATE_FILE).read_bytes(),
            [line for line in lines if not line.startswith(b"#")],
        )

    async def test_theyBegin(self) -> None:
        """
        We take over their keys, and write both files as they did.
        """
        published = await self.theirs()
        before = self.files()
        self.assertEqual(self.ours().clientArguments, published)
        self.assertEqual(self.files(), before)

    async def test_weBegin(self) -> None:
        """
        They take over our keys, and write both files as we did.
        """
        identity = self.ours()
        before = self.files()
        self.assertEqual(await self.theirs(), identity.clientArguments)
        self.assertEqual(self.files(), before)

    async def test_mode(self) -> None:
        """
        An iat-mode given once is kept, by either and for either.
        """
        identity = self.ours(Arguments({"iat-mode": "1"}))
        self.assertEqual(await self.theirs(), identity.clientArguments)
        published = await self.theirs({"iat-mode": "2"})
        self.assertEqual(self.ours().clientArguments, published)
        self.assertEqual(self.ours().iatMode, 2)

    async def test_options(self) -> None:
        """
        From the same options both publish the same; and what they leave behind,
        where the public key is empty, is read by us.
        """
        options = {
            "node-id": bytes(range(20)).hex(),
            "private-key": bytes(range(0x80, 0xA0)).hex(),
            "drbg-seed": bytes(range(30)).hex(),
            "iat-mode": "1",
        }
        published = await self.theirs(options)
        self.assertIn(b'"public-key":""', (self.where / STATE_FILE).read_bytes())
        identity = self.ours()
        self.assertEqual(identity.clientArguments, published)
        self.assertEqual(identity, Identity.fromOptions(Arguments(options)))

    async def test_damaged(self) -> None:
        """
        What they refuse as damaged, we refuse.
        """
        self.ours()
        whole = (self.where / STATE_FILE).read_bytes()
        for damaged in (b"", whole[:-1], whole.replace(b'"node-id":"', b'"node-id":"0')):
            (self.where / STATE_FILE).write_bytes(damaged)
            server = await launchServer(
                self, [requirePeer("obfs4proxy")], NOWHERE, state=self.where
            )
            self.assertIn("obfs4", server.refused)
            await server.stop()
            self.assertRaises(ValueError, self.ours)
            self.assertEqual((self.where / STATE_FILE).read_bytes(), damaged)
