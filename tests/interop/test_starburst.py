"""
Our Replicant's server and mail clients of others, who get as far as TLS would begin.
"""

from __future__ import annotations

import smtplib
import ssl
from typing import Any, Final

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment
from pyptwist.testing.streams import Address
from pyptwist.transports.replicant.method import Replicant
from pyptwist.transports.replicant.starburst import GREETINGS
from tests.interop import ours
from tests.interop.exchange import MIB, ends, exchange
from tests.peers import requirePeer

BOTH: Final = {"toneburst": "Starburst", "polish": "DarkStar"}

#: Seconds for which a client waits for a TLS that does not come.
_PATIENCE: Final = 2.0


class TestMailClients(TestCase):
    async def serve(self) -> Address:
        self.server = await ours.serve(self, BOTH, Replicant)
        return self.server.address

    def tearDown(self) -> None:
        """
        Nobody got in.
        """
        self.assertEqual(self.server.streams, [])

    async def test_smtplib(self) -> None:
        """
        Python's, which checks what it hears.
        """
        address = await self.serve()

        def talk() -> tuple[Any, ...]:
            with smtplib.SMTP(*address, local_hostname="[127.0.0.1]", timeout=20) as client:
                greeting, said = client.ehlo()
                features = dict(client.esmtp_features)
                refused = client.docmd("MAIL", "FROM:<a@example.org>")
                unknown = client.docmd("XYZZY")
                noop = client.noop()
                consent = client.docmd("STARTTLS")
                client.close()
                return greeting, said, features, refused[0], unknown[0], noop[0], consent

        greeting, said, features, *codes, consent = await deferToThread(talk)
        self.assertEqual(greeting, 250)
        words = said.splitlines()[0].removeprefix(b"mail.imc.org ")
        self.assertIn(words, GREETINGS)
        self.assertEqual(set(features), {"8bitmime", "dsn", "starttls"})
        self.assertEqual(codes, [530, 502, 250])
        self.assertEqual(consent, (220, b"Go ahead"))

    async def test_quit(self) -> None:
        address = await self.serve()

        def talk() -> tuple[int, bytes]:
            client = smtplib.SMTP(*address, timeout=20)
            client.ehlo()
            return client.quit()

        self.assertEqual(await deferToThread(talk), (221, b"Bye"))

    async def test_startTLS(self) -> None:
        """
        It sends its TLS's first message, and hears nothing.
        """
        address = await self.serve()

        def talk() -> str:
            client = smtplib.SMTP(*address, timeout=_PATIENCE)
            try:
                client.starttls(context=ssl.create_default_context())
            except (TimeoutError, OSError) as error:
                return type(error).__name__
            finally:
                client.close()
            return "TLS"

        self.assertEqual(await deferToThread(talk), "TimeoutError")

    async def test_openssl(self) -> None:
        """
        OpenSSL's, which is asked what it hears.
        """
        host, port = await self.serve()
        command = [requirePeer("openssl"), "s_client", "-starttls", "smtp", "-msg"]
        command += ["-connect", f"{host}:{port}"]
        child = spawn(self, Child("openssl"), command, baseEnvironment())
        # It sends its TLS's first message only once it was told to go ahead.
        await child.whenLine("ClientHello")


class TestOurs(TestCase):
    """
    Ours with ours, over TCP.
    """

    async def test_exchange(self) -> None:
        server = await ours.serve(self, BOTH, Replicant)
        here = await ours.connecting(self, server.address, server.arguments, Replicant)
        await exchange(self, (here, await server.accept()), 4 * MIB)
        here = await ours.connecting(self, server.address, server.arguments, Replicant)
        await ends(self, (here, await server.accept()))
