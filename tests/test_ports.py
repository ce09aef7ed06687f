"""
Tests for ``tests.ports``.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import ports


class PortTests(SynchronousTestCase):
    def kept(self, text: str) -> range:
        path = Path(self.mktemp())
        path.write_text(text)
        return ports.keptPorts(path)

    def test_kept(self) -> None:
        """
        What the kernel gives is not taken; where it gives all, or does not say, there is
        a port as well.
        """
        self.assertEqual(self.kept("32768\t60999\n"), range(10_000, 32_768))
        for kept in (self.kept("1024\t65535\n"), ports.keptPorts(Path(self.mktemp()))):
            self.assertEqual(len(kept), 0)
            self.patch(ports, "keptPorts", lambda kept=kept: kept)
            given = {ports.freePort() for _ in range(20)}
            self.assertEqual(len(given), 20)
