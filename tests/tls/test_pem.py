"""
Tests for ``pyptwist.tls.pem``.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.tls.pem import certificatesIn, readPEM


class FilesTests(SynchronousTestCase):
    """
    Files that are there, and others.
    """

    def refused(self, file: str, where: str = "") -> str:
        """
        :returns: what is said of a file.
        """
        return str(self.assertRaises(ConfigurationError, readPEM, "x", file, where))

    def test_read(self) -> None:
        """
        Up to the bound, and no further.
        """
        path = Path(self.mktemp())
        path.write_bytes(bytes(limits.CERTIFICATES))
        self.assertEqual(readPEM("x", str(path)), bytes(limits.CERTIFICATES))
        path.write_bytes(bytes(limits.CERTIFICATES + 1))
        self.assertEqual(self.refused(str(path)), "the file of 'x' is too large")

    def test_unreadable(self) -> None:
        """
        The option is named; the place only if it may be.
        """
        problem = "cannot be read: No such file or directory"
        self.assertEqual(self.refused("/no/such"), f"the file of 'x' {problem}")
        self.assertEqual(
            self.refused("/no/such", "/no/such"), f"the file of 'x', /no/such, {problem}"
        )
        self.assertIn("cannot be read", self.refused("a\0b"))

    def test_noCertificates(self) -> None:
        """
        What holds none is refused.
        """
        error = self.assertRaises(ConfigurationError, certificatesIn, "x", b"nonsense")
        self.assertEqual(str(error), "the file of 'x' must hold certificates, in PEM")
