"""
Tests for ``pyptwist.testing.orport``, whose users are here made by hand: the
package's own client of it is one in ``tests.integration.test_managed``.
"""

from __future__ import annotations

import hmac

from twisted.trial.unittest import TestCase

from pyptwist.extorport import readCookie
from pyptwist.testing.orport import ExtendedORPort
from pyptwist.testing.streams import Stream, connect

_NONCE = bytes(range(32))
_TOLD = b"\0\1\0\x0e192.0.2.7:5678" + b"\0\2\0\x04mine"
_DONE = b"\0\0\0\0"
_OKAY, _DENY = b"\x10\0\0\0", b"\x10\1\0\0"


class ExtendedORPortTests(TestCase):
    def setUp(self) -> None:
        self.port = ExtendedORPort(self)
        self.cookie = readCookie(self.port.environment["TOR_PT_AUTH_COOKIE_FILE"])

    async def greet(self, cookie: bytes) -> tuple[Stream, bytes]:
        """
        :returns: a connection, and what is said to who has this cookie.
        """
        host, _, port = self.port.environment["TOR_PT_EXTENDED_SERVER_PORT"].rpartition(":")
        stream = await connect(self, (host, int(port)))
        self.assertEqual(await stream.read(2), b"\1\0")
        stream.write(b"\1" + _NONCE)
        theirs, nonce = await stream.read(32), await stream.read(32)
        label = b"ExtORPort authentication server-to-client hash"
        self.assertEqual(theirs, hmac.digest(self.cookie, label + _NONCE + nonce, "sha256"))
        label = b"ExtORPort authentication client-to-server hash"
        stream.write(hmac.digest(cookie, label + _NONCE + nonce, "sha256"))
        return stream, await stream.read(1)

    async def enter(self, said: bytes) -> tuple[Stream, bytes]:
        """
        :returns: a connection that is authenticated, and the verdict.
        """
        stream, status = await self.greet(self.cookie)
        self.assertEqual(status, b"\1")
        stream.write(said)
        return stream, await stream.read(4)

    async def test_letIn(self) -> None:
        """
        A client is announced, and then its bytes come; what is not known of it
        is empty, and what is not understood is skipped.
        """
        for told, expected in (
            (_TOLD, ("192.0.2.7:5678", "mine")),
            (b"\x77\x77\0\3abc", ("", "")),
        ):
            near, verdict = await self.enter(told + _DONE)
            self.assertEqual(verdict, _OKAY)
            client = await self.port.accept()
            self.assertEqual((client.userAddress, client.transport), expected)
            near.write(b"hello")
            self.assertEqual(await client.stream.read(5), b"hello")
        self.assertEqual(self.port.faults, [])

    async def test_turnedAway(self) -> None:
        """
        Or it is not let in, by what was told of it.
        """
        self.port.verdict = lambda *told: told != ("192.0.2.7:5678", "mine")
        near, verdict = await self.enter(_TOLD + _DONE)
        self.assertEqual(verdict, _DENY)
        self.assertEqual(await near.readToEnd(), b"")
        self.assertEqual(self.port.faults, [])

    async def test_wrongCookie(self) -> None:
        """
        A server that has another cookie is noticed.
        """
        near, status = await self.greet(bytes(32))
        self.assertEqual((status, await near.readToEnd()), (b"\0", b""))
        self.assertIn("cookie", self.port.faults[0])

    async def test_wrongType(self) -> None:
        """
        So is one that would rather not prove that it has one.
        """
        host, _, port = self.port.environment["TOR_PT_EXTENDED_SERVER_PORT"].rpartition(":")
        stream = await connect(self, (host, int(port)))
        stream.write(b"\2")
        self.assertEqual(await stream.readToEnd(), b"\1\0")
        self.assertIn("not offered", self.port.faults[0])

    async def test_tooEarly(self) -> None:
        """
        And one that does not wait.
        """
        await self.enter(_TOLD + _DONE + b"too early")
        self.assertIn("before OKAY", self.port.faults[0])
