"""
``pyptwist.proxies.socks4a``.
"""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.protocols.socks import SOCKSv4
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.errors import Cause, ConfigurationError, UpstreamProxyError
from pyptwist.interfaces import ICodec
from pyptwist.proxies.socks4a import Socks4aClient
from pyptwist.testing.codecs import Side
from tests.proxies.driving import PAYLOAD, TunnelMixin, everyCut, outcome

TARGET = HostPort("192.0.2.7", 443)
GRANTED = bytes.fromhex("00 5a 1234 01020304")


def request(target: HostPort, userId: bytes = b"") -> bytes:
    return outcome(Socks4aClient(target, userId), []).sent


class RequestTests(SynchronousTestCase):
    """
    What the proxy is asked.
    """

    def test_address(self) -> None:
        """
        An IPv4 address goes as SOCKS4 has it.
        """
        self.assertEqual(request(TARGET), bytes.fromhex("04 01 01bb c0000207 00"))

    def test_userId(self) -> None:
        """
        The user id stands between the address and the end.
        """
        self.assertEqual(request(TARGET, b"joe"), bytes.fromhex("04 01 01bb c0000207") + b"joe\0")

    def test_name(self) -> None:
        """
        A name goes as it is, behind an address that cannot exist.
        """
        self.assertEqual(
            request(HostPort("example.org", 80), b"joe"),
            bytes.fromhex("04 01 0050 00000001") + b"joe\0example.org\0",
        )

    def test_ipv6(self) -> None:
        """
        An IPv6 address goes as its text.
        """
        self.assertEqual(
            request(HostPort("2001:db8::1", 80)),
            bytes.fromhex("04 01 0050 00000001 00") + b"2001:db8::1\0",
        )

    def test_refused(self) -> None:
        """
        What cannot be said is found before anything is sent.
        """
        for host in ("0.0.0.5", "büro.example", "a..b", "fe80::1%eth0", "a" * 64 + ".org"):
            self.assertRaises(ConfigurationError, Socks4aClient, HostPort(host, 80))
        self.assertRaises(ConfigurationError, Socks4aClient, HostPort("192.0.2.7", 0))
        self.assertRaises(ConfigurationError, Socks4aClient, TARGET, b"a\0b")
        self.assertRaises(ConfigurationError, Socks4aClient, TARGET, b"a" * 256)


class ReplyTests(TunnelMixin, SynchronousTestCase):
    """
    What is made of the answer.
    """

    accepting = GRANTED

    def make(self) -> ICodec:
        return Socks4aClient(TARGET)

    def test_refusals(self) -> None:
        """
        Each code has its own text, and is known as soon as it is there.
        """
        texts = set()
        for code in (*range(90), *range(91, 256)):
            failure = outcome(self.make(), [bytes([0, code])]).failure
            assert failure is not None
            kind, text, cause = failure
            self.assertEqual((kind, cause), (UpstreamProxyError, Cause.UPSTREAM_PROXY))
            texts.add(text)
        self.assertEqual(len(texts), 4)

    def test_notSocks(self) -> None:
        """
        Another first byte ends it at once.
        """
        for first in range(1, 256):
            self.assertIsNot(outcome(self.make(), [bytes([first])]).failure, None)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=40), st.booleans())
    def test_garbage(self, data: bytes, begunWell: bool) -> None:
        """
        Whatever comes, it comes to the same in any pieces, and no exception.
        """
        everyCut(self, self.make, b"\0" * begunWell + data)


class _Server(SOCKSv4):
    """
    Twisted's own SOCKS4a server, with nothing behind it but a note.
    """

    def __init__(self, refuse: bool = False) -> None:
        super().__init__(reactor=cast(Any, self))
        self.asked: list[tuple[str, int]] = []
        self.resolved: list[str] = []
        self.beyond = StringTransport()
        self._refuse = refuse

    def resolve(self, name: str) -> Deferred[str]:
        self.resolved.append(name)
        return succeed("192.0.2.99")

    def connectClass(self, host: str, port: int, klass: Any, *args: Any) -> Deferred[Any]:
        self.asked.append((host, port))
        if self._refuse:
            done: Deferred[Any] = Deferred()
            done.errback(ConnectionRefusedError())
            return done
        outgoing = klass(*args)
        outgoing.makeConnection(self.beyond)
        return succeed(outgoing)


class AgainstTwistedTests(SynchronousTestCase):
    """
    With Twisted's SOCKS4a server as the proxy.
    """

    def _meet(self, target: HostPort, refuse: bool = False) -> tuple[Side, _Server]:
        server, wire = _Server(refuse), StringTransport()
        server.makeConnection(wire)
        side = Side(Socks4aClient(target, b"joe"))
        side.apply(side.codec.start(0.0))
        server.dataReceived(side.takeOutbox())
        side.apply(side.codec.receive(wire.value(), 0.0))
        return side, server

    def test_address(self) -> None:
        """
        The proxy connects to the address, and passes payload on.
        """
        side, server = self._meet(TARGET)
        self.assertTrue(side.isReady)
        self.assertEqual((server.asked, server.resolved), ([("192.0.2.7", 443)], []))
        side.apply(side.codec.send(PAYLOAD, 0.0))
        server.dataReceived(side.takeOutbox())
        self.assertEqual(server.beyond.value(), PAYLOAD)

    def test_name(self) -> None:
        """
        It is the proxy who resolves.
        """
        side, server = self._meet(HostPort("example.org", 80))
        self.assertTrue(side.isReady)
        self.assertEqual(
            ([bytes(cast(Any, name)) for name in server.resolved], server.asked),
            ([b"example.org"], [("192.0.2.99", 80)]),
        )

    def test_refused(self) -> None:
        """
        Its refusal is one for us, too.
        """
        side, _ = self._meet(TARGET, refuse=True)
        self.assertIsInstance(side.error, UpstreamProxyError)
