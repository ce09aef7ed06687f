"""
Tests for ``pyptwist.doctor.statedir``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

from pyptwist.doctor.case import Finding, Verdict
from pyptwist.doctor.statedir import checkState, stateDirectory
from pyptwist.state import StateDirectory
from tests.doctor.machines import MachineCase

_ME = os.geteuid()


class StateTests(MachineCase):
    """
    Tests for ``checkState``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path = self.root / "pt_state"

    def examine(self, user: int = _ME) -> list[Finding]:
        return self.findings(checkState, state=str(self.path), user=user)

    def test_ours(self) -> None:
        """
        What our own code makes is sound.
        """
        state = StateDirectory(self.path)
        state.write("obfs4_state.json", b"{}")
        state.subdirectory("stack").write("file", b"")
        [finding] = self.examine()
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("private", finding.text)

    def test_missing(self) -> None:
        """
        One that can be made will be; one that cannot, somebody else may make.
        """
        [finding] = self.examine()
        self.assertEqual(finding.verdict, Verdict.OK)
        self.patch(os, "access", lambda path, mode: False)
        [finding] = self.examine()
        self.assertEqual(finding.verdict, Verdict.NOTE)
        self.assertRegex(finding.remedy, r"^sudo -u \S+ pyptwist doctor$")

    def test_closed(self) -> None:
        """
        What may not be seen is said not to have been.
        """
        self.path.mkdir()
        stat = Path.stat

        def refuse(path: Path, **more: bool) -> os.stat_result:
            if path == self.path:
                raise PermissionError
            return stat(path, **more)

        self.patch(Path, "stat", refuse)
        [finding] = self.examine()
        self.assertEqual(finding.verdict, Verdict.NOTE)
        self.assertIn("not looked at", finding.text)
        self.assertIn("sudo -u ", finding.remedy)

    def test_noDirectory(self) -> None:
        """
        A file is in the way.
        """
        self.path.write_text("")
        self.assertFinds(self.examine(), Verdict.ERROR, "not a directory", f"mv {self.path}")

    def test_fileAbove(self) -> None:
        """
        So is one above it.
        """
        self.path.write_text("")
        self.path /= "inside"
        self.assertFinds(self.examine(), Verdict.ERROR, "above it", "--state")

    def test_gone(self) -> None:
        """
        A file that is replaced at that moment is no matter.
        """
        self.path.mkdir(mode=0o700)
        (self.path / "a").write_text("")
        (self.path / "b").symlink_to("/dev/null")
        found = sorted(os.scandir(self.path), key=lambda entry: entry.name)
        (self.path / "a").unlink()
        self.patch(os, "scandir", lambda path: found)
        self.assertFinds(self.examine(), Verdict.ERROR, "b is a symbolic link")

    def test_everybodys(self) -> None:
        """
        The like of ``/tmp`` is refused.
        """
        self.path.mkdir()
        self.path.chmod(0o1777)
        self.assertFinds(self.examine(), Verdict.ERROR, "for all users", "mkdir -m 700")

    def test_others(self) -> None:
        """
        So is another user's; root looks on behalf of whoever has the parent.
        """
        self.path.mkdir(mode=0o700)
        self.assertFinds(self.examine(_ME + 1), Verdict.ERROR, "belongs to", "sudo chown -R")
        [finding] = self.examine(0)
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_open(self) -> None:
        """
        Others can enter, and read.
        """
        self.path.mkdir()
        self.path.chmod(0o755)
        (self.path / "key").write_text("")
        (self.path / "key").chmod(0o644)
        findings = self.examine()
        self.assertFinds(findings, Verdict.WARNING, "can enter", f"chmod 700 {self.path}")
        self.assertFinds(findings, Verdict.WARNING, "hold keys", f"chmod 600 {self.path}/key")

    def test_locked(self) -> None:
        """
        Its owner cannot use it.
        """
        self.path.mkdir()
        self.path.chmod(0o500)
        self.addCleanup(self.path.chmod, 0o700)
        self.assertFinds(self.examine(), Verdict.ERROR, "cannot use", "chmod 700")

    def test_files(self) -> None:
        """
        Files that will not be used are named.
        """
        self.path.mkdir(mode=0o700)
        (self.path / "link").symlink_to("/dev/null")
        (self.path / "big").write_bytes(bytes(65537))
        (self.path / "pt.log").write_bytes(bytes(65537))
        findings = self.examine()
        self.assertFinds(findings, Verdict.ERROR, "link is a symbolic link", "readlink -f")
        self.assertFinds(findings, Verdict.NOTE, "big is too large", "mv ")
        self.assertEqual(len(findings), 2)

    def test_private(self) -> None:
        """
        In a private directory the modes of files do not matter.
        """
        self.path.mkdir(mode=0o700)
        (self.path / "key").write_text("")
        (self.path / "key").chmod(0o644)
        self.assertEqual([finding.verdict for finding in self.examine()], [Verdict.OK])


class WhichTests(MachineCase):
    """
    Tests for ``stateDirectory``.
    """

    def test_order(self) -> None:
        """
        What was named, the parent's, torrc's, Debian's.
        """
        self.assertIsNone(stateDirectory(self.case()))
        (self.root / "var/lib/tor").mkdir(parents=True)
        debians = self.root / "var/lib/tor/pt_state"
        self.assertEqual(stateDirectory(self.case()), debians)
        torrc = "DataDirectory /data"
        self.assertEqual(stateDirectory(self.case(torrc)), self.root / "data/pt_state")
        environ = {"TOR_PT_STATE_LOCATION": "/parents/"}
        case = self.case(torrc, environ=environ)
        self.assertEqual(stateDirectory(case), Path("/parents"))
        case = self.case(torrc, environ=environ, state="/named")
        self.assertEqual(stateDirectory(case), Path("/named"))

    def test_none(self) -> None:
        """
        Without any of them there is something to say.
        """
        finding = self.one(checkState)
        self.assertEqual(finding.verdict, Verdict.NOTE)
        self.assertEqual(finding.remedy, "pyptwist doctor --state DIRECTORY")

    def test_blanks(self) -> None:
        """
        Commands can be pasted, whatever a directory is called.
        """
        folder = Path(mkdtemp(prefix="a b"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        [finding] = self.findings(checkState, state=str(folder), user=_ME)
        self.assertEqual(finding.remedy, f"chmod 700 '{folder}'")
