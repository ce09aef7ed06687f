"""
Where a transport method keeps what must outlive the process: its keys.

A directory that only its owner may enter, with files that only their owner may
read, each replaced whole or not at all.  Nothing is touched before something is
really written or read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator

from pyptwist import limits
from pyptwist.errors import ConfigurationError, LocalProtocolError

_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600

# A planted link or pipe must neither redirect nor block us.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class StateDirectory:
    """
    A private directory of small files.

    It is made, with its parents, by the first ``write``: mode 0700 whatever the
    umask.  One that exists and is ours is tightened to that.  Everything that
    is wrong with it is a ``ConfigurationError`` that says how to put it right.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """
        :param path: need not exist.  A relative one counts from the present
            working directory, also if that changes later.
        """
        self._path = os.path.abspath(os.fspath(path))

    def __repr__(self) -> str:
        return f"<StateDirectory {self._path}>"

    def path(self, name: str) -> str:
        """
        :param name: of a file: one path component of 1 to 200 bytes that does
            not begin with a dot.
        :returns: the absolute path that the file has, or would have.
        :raises LocalProtocolError: if the name is none.
        """
        return os.path.join(self._path, _checked(name))

    def subdirectory(self, name: str) -> StateDirectory:
        """
        :param name: see ``path``.
        :returns: a private directory inside this one, which need not exist.
        :raises LocalProtocolError: if the name is none.
        """
        return StateDirectory(self.path(name))

    def create(self) -> None:
        """
        Make the directory, if need be, and make it private: for who opens files
        in it by ``path``.

        :raises ConfigurationError: if it cannot be made, is no directory, or
            is not ours alone.
        """
        os.close(self._openForWriting())

    def read(self, name: str) -> bytes | None:
        """
        :param name: see ``path``.
        :returns: the file's bytes; None if it, or the directory, is missing.
        :raises ConfigurationError: if it is there but cannot be read, is no
            plain file, or is larger than ``limits.STATE_FILE``.
        """
        path = self.path(name)
        try:
            directory = self._open(reading=True)
        except FileNotFoundError:
            return None
        try:
            return _read(directory, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(_readProblem(path, error)) from error
        finally:
            os.close(directory)

    def write(self, name: str, data: bytes) -> None:
        """
        Replace a file: whatever happens, the old bytes are there or the new
        ones, on the disk too, and never a mixture.  Its mode is 0600.

        :param name: see ``path``.
        :param data: all that is to be in it; at most ``limits.STATE_FILE`` bytes.
        :raises ConfigurationError: if it cannot be written.
        """
        if len(data) > limits.STATE_FILE:
            raise LocalProtocolError(f"{name} would be too large for a state file")
        self._change(_replace, name, data)

    def append(self, name: str, data: bytes) -> None:
        """
        Write to the end of a file, which is made if need be, with mode 0600, in one
        system call.  It does not wait for the disk: a machine that loses its power
        may lose it.

        :param name: see ``path``.
        :param data: some bytes.  That the file stays small enough to be read is the
            caller's business.
        :raises ConfigurationError: if it cannot be written.
        """
        self._change(_append, name, data)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """
        Read a file, and write what depends on it, with no other process between::

            with state.claimed() as isOurs: ...

        :returns: gives False if another process is at it: nobody waits for that here.
            What is wrong with the directory is told by who reads and writes.
        """
        try:
            directory = self._open()
        except (FileNotFoundError, ConfigurationError):
            yield True
            return
        try:
            yield _isLocked(directory)
        finally:
            os.close(directory)  # which ends the lock

    # --- inside -------------------------------------------------------------

    def _change(self, change: Callable[[int, str, bytes], None], name: str, data: bytes) -> None:
        path = self.path(name)
        directory = self._openForWriting()
        try:
            change(directory, name, data)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {path} ({error.strerror}); let this user write to that "
                "directory, or name another state directory"
            ) from error
        finally:
            os.close(directory)

    # Everything goes through a descriptor of the directory, so that what was
    # checked is what is used, even if somebody renames directories meanwhile.

    def _open(self, reading: bool = False) -> int:
        """
        :param reading: root may look at the directories of others, as an operator
            does who wants the bridge line of tor's user.
        :returns: a descriptor of the directory, which is ours.
        :raises FileNotFoundError: if there is none.
        """
        try:
            directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except NotADirectoryError as error:
            raise ConfigurationError(
                f"{self._path} is not a directory; remove it, or name another state directory"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"cannot open the state directory {self._path} ({error.strerror}); let this user "
                "read and write it, or name another one"
            ) from error
        owner = os.fstat(directory).st_uid
        if owner != os.geteuid() and not (reading and os.geteuid() == 0):
            os.close(directory)
            raise ConfigurationError(
                f"the state directory {self._path} belongs to user {owner}, but this process "
                f"runs as user {os.geteuid()}; run it as that user, give this user the "
                "directory, or name another one"
            )
        return directory

    def _openForWriting(self) -> int:
        try:
            _makeDirectories(self._path)
            directory = self._open()
        except OSError as error:
            raise ConfigurationError(
                f"cannot make the state directory {self._path} ({error.strerror}); make it and "
                "give it to this user, or name another one"
            ) from error
        try:
            self._tighten(directory)
        except BaseException:
            os.close(directory)
            raise
        return directory

    def _tighten(self, directory: int) -> None:
        mode = stat.S_IMODE(os.fstat(directory).st_mode)
        if mode & stat.S_ISVTX:
            # /tmp and its like, when we are root: others live there.
            raise ConfigurationError(
                f"{self._path} is a directory for all users; name one of your own inside it"
            )
        if mode & ~_PRIVATE_DIRECTORY:
            try:
                os.fchmod(directory, _PRIVATE_DIRECTORY)
            except OSError as error:
                raise ConfigurationError(
                    f"other users can enter {self._path} ({error.strerror}); "
                    f"run: chmod 700 {self._path}"
                ) from error


def _isLocked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: as well as can be had there.
        return True
    return True


def _checked(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise LocalProtocolError("a state file's name must be one path component, without a dot")
    if len(os.fsencode(name)) > 200:
        raise LocalProtocolError("a state file's name must be at most 200 bytes long")
    return name


def _makeDirectories(path: str) -> None:
    """
    As os.makedirs, but parents are private too: who may write to a parent can
    put another directory in the place of ours.
    """
    parent = os.path.dirname(path)
    if parent != path and not os.path.lexists(parent):
        _makeDirectories(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, _PRIVATE_DIRECTORY)
        # An umask can take away even the owner's rights.
        os.chmod(path, _PRIVATE_DIRECTORY)


def _read(directory: int, name: str) -> bytes:
    descriptor = os.open(name, _READ, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limits.STATE_FILE + 1)
    finally:
        os.close(descriptor)
    if len(data) > limits.STATE_FILE:
        raise OSError(errno.EFBIG, "it is too large")
    return data


def _readProblem(path: str, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; put the file itself there"
    return f"cannot read {path} ({error.strerror}); let this user read it, or remove it"


def _append(directory: int, name: str, data: bytes) -> None:
    descriptor = os.open(name, _APPEND, _PRIVATE_FILE, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError(errno.EINVAL, "it is no plain file, or has another name as well")
        os.fchmod(descriptor, _PRIVATE_FILE)
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _replace(directory: int, name: str, data: bytes) -> None:
    # A name that nobody can foresee, and that another process cannot share.
    temporary = f".{name}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, _CREATE, _PRIVATE_FILE, dir_fd=directory)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, _PRIVATE_FILE)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(temporary, dir_fd=directory)
        raise
    with contextlib.suppress(OSError):
        # Not every file system can do this to a directory; the file is whole
        # either way.
        os.fsync(directory)
