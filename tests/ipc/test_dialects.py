"""
Tests for ``pyptwist.ipc.dialects``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ipc.dialects import DIALECTS, PT1, Stream, negotiate
from pyptwist.ipc.lines import EnvironmentRefused, ProxyRefused, VersionRefused


class DialectTests(SynchronousTestCase):
    """
    The versions of the IPC.
    """

    def test_negotiate(self) -> None:
        """
        Any list that holds a version spoken here will do.
        """
        for offered in ["1", "1,2", "2,1", "1,1a,2b,this_is_a_valid_ver", "0,,1"]:
            self.assertIs(negotiate(offered), PT1, offered)

    def test_nothingInCommon(self) -> None:
        """
        Versions are compared as a whole.
        """
        for offered in ["", "2", "11", "1a", "1.0", "01", "1 ", "2,3.0", ","]:
            self.assertIsNone(negotiate(offered), offered)

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
