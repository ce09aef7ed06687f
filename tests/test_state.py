"""
Tests for ``pyptwist.state``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import ConfigurationError, LocalProtocolError
from pyptwist.state import StateDirectory

_NOBODY = 65534


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


class StateCase(SynchronousTestCase):
    def setUp(self) -> None:
        # Not below the working directory: others may be unable to enter it.
        self.base = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.base)
        self.where = self.base / "state"
        self.state = StateDirectory(self.where)

    def assertRefused(self, text: str, name: str = "keys") -> None:
        error = self.assertRaises(ConfigurationError, self.state.write, name, b"new")
        self.assertIn(text, str(error))
        self.assertIn(str(self.where), str(error))

    def beNobody(self) -> None:
        """
        Root may do anything, so permissions show nothing to it.
        """
        if os.geteuid() == 0:
            os.chown(self.base, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
            self.addCleanup(os.seteuid, 0)


class TestLazy(StateCase):
    def test_untouched(self) -> None:
        """
        Asking for what is not there makes nothing.
        """
        self.assertIsNone(self.state.read("keys"))
        self.assertEqual(self.state.path("keys"), str(self.where / "keys"))
        self.assertEqual(os.listdir(self.base), [])

    def test_missingFile(self) -> None:
        self.state.create()
        self.assertIsNone(self.state.read("keys"))

    def test_subdirectory(self) -> None:
        """
        A directory inside is as private, and is not there before it is needed.
        """
        inside = self.state.subdirectory("one").subdirectory("two")
        self.assertEqual(inside.path("keys"), str(self.where / "one" / "two" / "keys"))
        self.assertIsNone(inside.read("keys"))
        self.assertEqual(os.listdir(self.base), [])
        inside.write("keys", b"secret")
        for path in (self.where, self.where / "one", self.where / "one" / "two"):
            self.assertEqual(mode(path), 0o700)
        for name in ("", "..", "a/b", ".hidden"):
            self.assertRaises(LocalProtocolError, self.state.subdirectory, name)

    def test_relative(self) -> None:
        """
        A relative path means the directory of now, not of later.
        """
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.base)
        state = StateDirectory("state/")
        os.chdir(before)
        state.write("keys", b"1")
        self.assertEqual((self.where / "keys").read_bytes(), b"1")

    def test_repr(self) -> None:
        self.assertEqual(repr(self.state), f"<StateDirectory {self.where}>")


class TestModes(StateCase):
    def _underUmask(self, umask: int) -> None:
        self.where = self.base / "a" / "b" / "state"
        self.state = StateDirectory(self.where)
        before = os.umask(umask)
        try:
            self.state.write("keys", b"secret")
            self.state.write("keys", b"secret 2")
        finally:
            os.umask(before)
        self.assertEqual(mode(self.where / "keys"), 0o600)
        for directory in (self.where, self.where.parent, self.where.parent.parent):
            self.assertEqual(mode(directory), 0o700, directory)
        self.assertEqual(self.state.read("keys"), b"secret 2")

    def test_openUmask(self) -> None:
        self._underUmask(0)

    def test_usualUmask(self) -> None:
        self._underUmask(0o022)

    def test_privateUmask(self) -> None:
        self._underUmask(0o077)

    def test_absurdUmask(self) -> None:
        """
        An umask that takes the owner's rights makes no unusable directory.
        """
        self._underUmask(0o777)

    def test_tightened(self) -> None:
        """
        A directory of ours that others may enter is closed to them, and so is
        a file that is replaced.
        """
        os.mkdir(self.where)
        os.chmod(self.where, 0o777)
        (self.where / "keys").write_bytes(b"old")
        os.chmod(self.where / "keys", 0o644)
        self.state.write("keys", b"new")
        self.assertEqual(mode(self.where), 0o700)
        self.assertEqual(mode(self.where / "keys"), 0o600)

    def test_parentsLeftAlone(self) -> None:
        """
        A parent that was there before keeps its mode.
        """
        os.chmod(self.base, 0o755)
        self.state.write("keys", b"new")
        self.assertEqual(mode(self.base), 0o755)

    def test_readingTightensNothing(self) -> None:
        os.mkdir(self.where)
        os.chmod(self.where, 0o755)
        (self.where / "keys").write_bytes(b"old")
        self.assertEqual(self.state.read("keys"), b"old")
        self.assertEqual(mode(self.where), 0o755)


class TestRefused(StateCase):
    def test_notADirectory(self) -> None:
        self.where.write_bytes(b"")
        self.assertRefused("is not a directory")
        self.assertRaises(ConfigurationError, self.state.read, "keys")

    def test_parentNotADirectory(self) -> None:
        self.where.write_bytes(b"")
        self.where = self.where / "below"
        self.state = StateDirectory(self.where)
        self.assertRefused("cannot make")

    def test_notWritable(self) -> None:
        self.beNobody()
        os.mkdir(self.where)
        (self.where / "keys").write_bytes(b"old")
        os.chmod(self.where, 0o500)
        self.addCleanup(os.chmod, self.where, 0o700)
        # It is ours, so being unable to write is cured by taking the right.
        self.patch(os, "fchmod", lambda descriptor, mode: None)
        self.assertRefused("let this user write")
        self.assertEqual(self.state.read("keys"), b"old")
        self.assertEqual(os.listdir(self.where), ["keys"])

    def test_notReadable(self) -> None:
        self.beNobody()
        self.state.write("keys", b"old")
        os.chmod(self.where / "keys", 0)
        error = self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertIn("let this user read it", str(error))
        os.chmod(self.where, 0)
        self.addCleanup(os.chmod, self.where, 0o700)
        error = self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertIn("cannot open the state directory", str(error))

    def test_cannotBeMade(self) -> None:
        self.beNobody()
        os.chmod(self.base, 0o500)
        self.addCleanup(os.chmod, self.base, 0o700)
        self.assertRefused("cannot make")

    def test_rootLooks(self) -> None:
        """
        root reads the files of tor's user, but writes none among them.
        """
        self.state.write("file", b"data")
        real = os.fstat

        class Another:
            def __init__(self, descriptor: int) -> None:
                self._real = real(descriptor)
                self.st_uid = self._real.st_uid + 1000

            def __getattr__(self, name: str) -> Any:
                return getattr(self._real, name)

        self.patch(os, "fstat", Another)
        self.patch(os, "geteuid", lambda: 0)
        self.assertEqual(self.state.read("file"), b"data")
        self.assertRaises(ConfigurationError, self.state.write, "file", b"other")

    def test_somebodyElses(self) -> None:
        """
        Who owns the directory can exchange its files: neither written nor read.
        """
        self.state.write("keys", b"old")
        self.patch(os, "geteuid", lambda: os.stat(self.where).st_uid + 1)
        self.assertRefused("belongs to user")
        self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertEqual((self.where / "keys").read_bytes(), b"old")

    def test_forAll(self) -> None:
        """
        Root does not shut others out of /tmp.
        """
        os.mkdir(self.where)
        os.chmod(self.where, 0o1777)
        self.assertRefused("for all users")
        self.assertEqual(mode(self.where), 0o1777)

    def test_cannotTighten(self) -> None:
        def fail(descriptor: int, mode: int) -> None:
            raise PermissionError(1, "Operation not permitted")

        os.mkdir(self.where)
        os.chmod(self.where, 0o755)
        self.patch(os, "fchmod", fail)
        self.assertRefused(f"chmod 700 {self.where}")

    def test_tooLarge(self) -> None:
        os.mkdir(self.where)
        (self.where / "keys").write_bytes(bytes(limits.STATE_FILE + 1))
        error = self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertIn("too large", str(error))
        self.assertRaises(
            LocalProtocolError, self.state.write, "keys", bytes(limits.STATE_FILE + 1)
        )

    def test_largest(self) -> None:
        self.state.write("keys", bytes(limits.STATE_FILE))
        self.assertEqual(self.state.read("keys"), bytes(limits.STATE_FILE))

    def test_names(self) -> None:
        for name in ("", ".", "..", "a/b", "/etc/passwd", ".hidden", "a\0b", "x" * 201):
            for use in (self.state.path, self.state.read):
                self.assertRaises(LocalProtocolError, use, name)
            self.assertRaises(LocalProtocolError, self.state.write, name, b"")
        self.assertEqual(os.listdir(self.base), [])


class TestAppended(StateCase):
    """
    Files that grow.
    """

    def test_grows(self) -> None:
        """
        What was there stays, and nobody else may read it.
        """
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)
        for piece in (b"one", b"two"):
            self.state.append("journal", piece)
        self.assertEqual(self.state.read("journal"), b"onetwo")
        self.assertEqual((mode(self.where), mode(self.where / "journal")), (0o700, 0o600))
        self.assertEqual(os.listdir(self.where), ["journal"])
        self.assertRaises(LocalProtocolError, self.state.append, "../journal", b"")

    def test_planted(self) -> None:
        """
        No link is followed, no pipe waited for, nobody else's file changed.
        """
        os.mkdir(self.where)
        other = self.base / "other"
        other.write_bytes(b"other")
        os.symlink(other, self.where / "link")
        os.link(other, self.where / "hard")
        os.mkfifo(self.where / "pipe")
        os.mkdir(self.where / "directory")
        for name in ("link", "hard", "pipe", "directory"):
            error = self.assertRaises(ConfigurationError, self.state.append, name, b"new")
            self.assertIn("cannot write", str(error))
        self.assertEqual(other.read_bytes(), b"other")

    def test_short(self) -> None:
        """
        A disk that takes a part only has taken nothing of use, and is said to be
        full.
        """
        self.patch(os, "write", lambda descriptor, data: len(data) - 1)
        error = self.assertRaises(ConfigurationError, self.state.append, "journal", b"new")
        self.assertIn("No space left", str(error))


class TestPlanted(StateCase):
    """
    What somebody laid there before the directory was private.
    """

    def setUp(self) -> None:
        super().setUp()
        os.mkdir(self.where)
        self.other = self.base / "other"
        self.other.write_bytes(b"other")

    def test_linkNotRead(self) -> None:
        os.symlink(self.other, self.where / "keys")
        error = self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertIn(f"{self.where}/keys is a symbolic link", str(error))

    def test_linkReplaced(self) -> None:
        """
        Writing replaces the link, and never writes to what it names.
        """
        os.symlink(self.other, self.where / "keys")
        self.state.write("keys", b"new")
        self.assertEqual(self.other.read_bytes(), b"other")
        self.assertEqual(self.state.read("keys"), b"new")

    def test_hardLinkReplaced(self) -> None:
        os.link(self.other, self.where / "keys")
        self.state.write("keys", b"new")
        self.assertEqual(self.other.read_bytes(), b"other")

    def test_foreseenTemporary(self) -> None:
        """
        Even a temporary file whose name was guessed is not written through.
        """
        self.patch(sys.modules["secrets"], "token_hex", lambda count: "guessed")
        os.symlink(self.other, self.where / ".keys.guessed")
        self.assertRefused("cannot write")
        self.assertEqual(self.other.read_bytes(), b"other")

    def test_pipe(self) -> None:
        """
        A named pipe does not make us wait for a writer.
        """
        os.mkfifo(self.where / "keys")
        error = self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertIn("no plain file", str(error))

    def test_directory(self) -> None:
        os.mkdir(self.where / "keys")
        self.assertRaises(ConfigurationError, self.state.read, "keys")
        self.assertRefused("cannot write")
        self.assertEqual(os.listdir(self.where), ["keys"])

    def test_linkedDirectory(self) -> None:
        """
        The directory itself may be a link: that is the operator's own doing.
        """
        link = self.base / "link"
        os.symlink(self.where, link)
        StateDirectory(link).write("keys", b"new")
        self.assertEqual((self.where / "keys").read_bytes(), b"new")

    def test_danglingDirectory(self) -> None:
        self.where = self.base / "link"
        os.symlink(self.base / "nowhere", self.where)
        self.state = StateDirectory(self.where)
        self.assertRefused("cannot make")
        self.assertIsNone(self.state.read("keys"))


class TestInterrupted(StateCase):
    def _failing(self, function: str) -> None:
        """
        The old file survives, and nothing else is left.
        """

        def fail(*arguments: object, **more: object) -> None:
            raise OSError(28, "No space left on device")

        self.state.write("keys", b"old")
        with self.subTest(function):
            patch = self.patch(os, function, fail)
            self.assertRefused("No space left")
            patch.restore()
            self.assertEqual(os.listdir(self.where), ["keys"])
            self.assertEqual(self.state.read("keys"), b"old")

    def test_diskFull(self) -> None:
        self._failing("fsync")

    def test_renameFails(self) -> None:
        self._failing("replace")

    def test_descriptors(self) -> None:
        """
        Neither success nor failure leaves a descriptor open.
        """
        before = len(os.listdir("/proc/self/fd"))
        self._failing("replace")
        os.mkdir(self.where / "directory")
        self.assertRaises(ConfigurationError, self.state.read, "directory")
        self.assertIsNone(self.state.read("nothing"))
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_killed(self) -> None:
        """
        A process that dies in the middle leaves the old file, and does not
        hinder the next one.
        """
        self.state.write("keys", b"old")
        code = (
            "import os, sys\n"
            "from pyptwist.state import StateDirectory\n"
            "os.fsync = lambda descriptor: os._exit(9)\n"
            "StateDirectory(sys.argv[1]).write('keys', b'new')\n"
        )
        command = [sys.executable, "-c", code, str(self.where)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.assertEqual(subprocess.call(command, env=environment), 9)
        self.assertEqual(self.state.read("keys"), b"old")
        self.state.write("keys", b"new")
        self.assertEqual(self.state.read("keys"), b"new")

    def test_someFileSystems(self) -> None:
        """
        A file system that cannot sync directories does not prevent the write.
        """
        real = os.fsync

        def fsync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(22, "Invalid argument")
            real(descriptor)

        self.patch(os, "fsync", fsync)
        self.state.write("keys", b"new")
        self.assertEqual(self.state.read("keys"), b"new")


class TestClaims(StateCase):
    def claim(self) -> bool:
        """
        :returns: whether somebody else would get it now.
        """
        with StateDirectory(self.where).claimed() as isOurs:
            return isOurs

    def test_one(self) -> None:
        """
        One at a time has it, who may read and write meanwhile.
        """
        self.state.create()
        with self.state.claimed() as isOurs:
            self.assertTrue(isOurs)
            self.state.write("keys", b"new")
            self.assertFalse(self.claim())
        self.assertTrue(self.claim())

    def test_error(self) -> None:
        """
        It is free again, whatever happened.
        """
        self.state.create()
        with self.assertRaises(ValueError), self.state.claimed():
            raise ValueError
        self.assertTrue(self.claim())

    def test_nothingToClaim(self) -> None:
        """
        No directory is made for it; and that it is none is told later.
        """
        self.assertTrue(self.claim())
        self.assertFalse(self.where.exists())
        self.where.write_bytes(b"")
        self.assertTrue(self.claim())

    def test_withoutLocks(self) -> None:
        """
        Some file systems have none.
        """
        self.state.create()

        def fail(descriptor: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, "no locks")

        self.patch(fcntl, "flock", fail)
        self.assertTrue(self.claim())
