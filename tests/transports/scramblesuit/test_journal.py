"""
Handshakes that are remembered on the disk.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import Any

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory, Transmit
from pyptwist.errors import ReplayDetected
from pyptwist.interfaces import ICodec
from pyptwist.state import StateDirectory
from pyptwist.testing import memoryContext
from pyptwist.transports.scramblesuit.journal import JOURNAL_FILE, Journal
from pyptwist.transports.scramblesuit.method import ScrambleSuit

MAC = bytes(range(16))
NOW = 1_700_000_000.5
MOST = limits.HANDSHAKE_JOURNAL // 12


def number(n: int) -> bytes:
    return n.to_bytes(8, "big") + bytes(8)


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.where = self.mktemp()
        self.path = os.path.join(self.where, JOURNAL_FILE)
        self.now = NOW
        self.journal = self.again()

    def again(self) -> Journal:
        """
        The journal of a listener that begins now.
        """
        return Journal(StateDirectory(self.where), lambda: self.now)

    def test_onceForAll(self) -> None:
        """
        What one has seen, the others have seen, too.
        """
        others = self.again()
        self.assertFalse(self.journal.seenBefore(MAC))
        for journal in (self.journal, others, self.again()):
            self.assertTrue(journal.seenBefore(MAC))
            self.assertFalse(journal.seenBefore(os.urandom(16)))

    def test_file(self) -> None:
        """
        Nobody else reads it, and it holds what is needed.
        """
        self.journal.seenBefore(MAC)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), int(NOW).to_bytes(4, "big") + MAC[:8])
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_forgotten(self) -> None:
        """
        When no date of that time is accepted any more, and not before.
        """
        self.journal.seenBefore(MAC)
        self.now += limits.REPLAY_LIFETIME - 1
        self.assertTrue(self.again().seenBefore(MAC))
        self.now += 1
        self.assertFalse(self.again().seenBefore(MAC))

    def test_clockGoesBack(self) -> None:
        self.journal.seenBefore(MAC)
        self.now -= 600
        self.assertTrue(self.again().seenBefore(MAC))

    def test_bounded(self) -> None:
        """
        The oldest go, half of them at a time.
        """
        for n in range(MOST):
            self.journal.seenBefore(number(n))
        self.assertEqual(os.stat(self.path).st_size, limits.HANDSHAKE_JOURNAL)
        self.assertFalse(self.journal.seenBefore(number(MOST)))
        self.assertEqual(os.stat(self.path).st_size, 12 * (MOST // 2 + 1))
        self.assertTrue(self.again().seenBefore(number(MOST)))
        self.assertTrue(self.again().seenBefore(number(MOST // 2)))
        self.assertFalse(self.again().seenBefore(number(MOST // 2 - 1)))

    def test_torn(self) -> None:
        """
        Half a record at the end spoils nothing that comes later.
        """
        self.journal.seenBefore(MAC)
        with open(self.path, "ab") as file:
            file.write(b"torn")
        self.assertFalse(self.journal.seenBefore(number(1)))
        for mac in (MAC, number(1)):
            self.assertTrue(self.again().seenBefore(mac))

    def test_unusable(self) -> None:
        """
        A file that cannot be is warned of once, and stops nobody.
        """
        os.makedirs(self.path)
        warnings: list[str] = []

        @provider(ILogObserver)
        def note(event: LogEvent) -> None:
            warnings.append(event["log_format"])

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        for _ in range(2):
            self.assertFalse(self.journal.seenBefore(MAC))
        self.assertEqual(len(warnings), 1)


class ReplayTests(SynchronousTestCase):
    """
    A censor who recorded what a client said first.
    """

    def setUp(self) -> None:
        self.context = memoryContext(self.mktemp())
        self.bridge = self.serve()
        mine = replace(self.context, stateDirectory=StateDirectory(self.mktemp()))
        self.client = ScrambleSuit().clientCodecFor(mine, HostPort("192.0.2.1", 443), self.known)

    def serve(self) -> CodecFactory:
        """
        :returns: makes codecs of a server that starts now, on the same state.
        """
        context = replace(self.context, entropy=os.urandom)
        codec, self.known = ScrambleSuit().serverCodec(context, Arguments())
        return codec

    def answered(self, make: CodecFactory, request: bytes) -> tuple[bytes, ICodec]:
        server = make()
        server.start(0.0)
        effects = server.receive(request, 0.0)
        return b"".join(bytes(e.data) for e in effects if isinstance(e, Transmit)), server

    def test_otherListeners(self) -> None:
        """
        Neither a server that has started again answers him, nor one on another
        address; be it a password's message or a ticket's.
        """
        for name in ("password", "ticket"):
            client: Any = self.client()
            [first] = [e for e in client.start(0.0) if isinstance(e, Transmit)]
            request = bytes(first.data)
            answer, _ = self.answered(self.bridge, request)
            self.assertTrue(answer, name)
            client.receive(answer, 0.0)
            client.receive(b"", 0.0)
            self.assertTrue(client.isReady)
            for make in (self.bridge, self.serve()):
                answer, server = self.answered(make, request)
                self.assertEqual(answer, b"", name)
                self.assertIsInstance(server.refusal, ReplayDetected)
