"""
Tests for ``pyptwist.ipc.dialects``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ipc.dialects import (
    DIALECTS,
    LATEST,
    PT1,
    PT3,
    PT21,
    PT22,
    Agreement,
    Stream,
    negotiate,
)
from pyptwist.ipc.lines import EnvironmentRefused, ProxyRefused, VersionRefused


class DialectTests(SynchronousTestCase):
    """
    The versions of the IPC.
    """

    def test_negotiate(self) -> None:
        """
        Any list that holds a version spoken here will do; the newest is taken,
        and called what the parent calls it.
        """
        for offered, dialect, word in [
            ("1", PT1, "1"),
            ("1,1a,2b,this_is_a_valid_ver", PT1, "1"),
            ("0,,1", PT1, "1"),
            ("2", PT21, "2"),
            ("2.0", PT21, "2.0"),
            ("2,1", PT21, "2"),
            ("2,2.1", PT21, "2.1"),
            ("1,1a,2.2,this_is_a_valid_version", PT22, "2.2"),
            ("2.2.1,2", PT22, "2.2.1"),
            ("3", PT3, "3"),
            ("1,2,2.2,3.0", PT3, "3.0"),
        ]:
            self.assertEqual(negotiate(offered), Agreement(dialect, word), offered)

    def test_nothingInCommon(self) -> None:
        """
        Versions are compared as a whole.
        """
        for offered in ["", "4", "11", "1a", "1.0", "01", "1 ", "2.3,3.1", ",", "3.0.0"]:
            self.assertIsNone(negotiate(offered), offered)

    def test_latest(self) -> None:
        """
        Who asks for nothing gets the newest, in its spec's word.
        """
        self.assertEqual(LATEST, Agreement(PT3, "3.0"))

    def test_words(self) -> None:
        """
        No word means two versions, and each version knows its own.
        """
        words = [word for dialect in DIALECTS for word in dialect.words]
        self.assertEqual(len(words), len(set(words)))
        for dialect in DIALECTS:
            self.assertIn(dialect.version, dialect.words)

    def test_laterVersions(self) -> None:
        """
        Later ones tell of errors on standard error, with codes of sysexits.h, and
        pass over methods that are not known.
        """
        for dialect in (PT21, PT22, PT3):
            self.assertIs(dialect.errorStream, Stream.STDERR)
            self.assertEqual(
                dialect.exitCodes, {"VERSION-ERROR": 78, "ENV-ERROR": 64, "PROXY-ERROR": 69}
            )
            self.assertFalse(dialect.answersUnknown or dialect.hasStatus or dialect.needsState)

    def test_version1(self) -> None:
        """
        Version 1 has one stream, and no exit code that means something but 0.
        """
        self.assertIs(PT1.errorStream, Stream.STDOUT)
        self.assertEqual(Stream.STDOUT.value, 1)
        self.assertEqual(Stream.STDERR.value, 2)
        self.assertEqual(set(PT1.exitCodes.values()), {1})

    def test_exitCodesCoverErrors(self) -> None:
        """
        Every dialect has an exit code for every error that ends the child.
        """
        keywords = {kind.keyword for kind in (VersionRefused, EnvironmentRefused, ProxyRefused)}
        for dialect in DIALECTS:
            self.assertEqual(set(dialect.exitCodes), keywords)
            self.assertNotIn(0, dialect.exitCodes.values())
