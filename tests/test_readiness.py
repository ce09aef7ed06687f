"""
Tests for ``pyptwist.readiness``.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.readiness import Manager


class ManagerTests(SynchronousTestCase):
    def listen(self, address: str = "") -> socket.socket:
        """
        :param address: a path; by default the kernel chooses an abstract name.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.setblocking(False)
        listening.bind(address)
        return listening

    def path(self, name: str) -> str:
        """
        :returns: a path that is short enough for a socket, wherever the tests run.
        """
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return os.path.join(folder, name)

    def assertTold(self, listening: socket.socket, address: str) -> None:
        environ = {"NOTIFY_SOCKET": address, "HOME": "/"}
        manager = Manager(environ)
        # What programs of ours get.
        self.assertEqual(environ, {"HOME": "/"})
        self.assertRaises(BlockingIOError, listening.recv, 100)
        with capturedLogs() as events:
            manager.ready()
            self.assertEqual(listening.recv(100), b"READY=1")
            manager.stopping()
            self.assertEqual(listening.recv(100), b"STOPPING=1")
        self.assertEqual(events, [])

    def assertNotTold(self, address: str, why: str) -> None:
        with capturedLogs() as events:
            Manager({"NOTIFY_SOCKET": address}).ready()
        [event] = events
        self.assertEqual(event["log_level"].name, "warn")
        self.assertEqual((event["state"], event["why"]), ("READY=1", why))

    def test_path(self) -> None:
        path = self.path("notify")
        self.assertTold(self.listen(path), path)

    def test_bytes(self) -> None:
        """
        A path is of bytes, not of text.
        """
        path = self.path(os.fsdecode(b"\xff"))
        self.assertTold(self.listen(path), path)

    def test_abstract(self) -> None:
        listening = self.listen()
        name = listening.getsockname()
        self.assertEqual(name[:1], b"\0")
        self.assertTold(listening, "@" + os.fsdecode(name[1:]))

    def test_nobody(self) -> None:
        """
        Without a manager there is nothing to say, or to complain of.
        """
        for environ in ({}, {"NOTIFY_SOCKET": ""}):
            manager = Manager(environ)
            with capturedLogs() as events:
                manager.ready()
                manager.stopping()
            self.assertEqual(events, [])

    def test_failed(self) -> None:
        """
        Why is one line, or it could say anything else.
        """
        listening = self.listen()
        manager = Manager({"NOTIFY_SOCKET": "@" + os.fsdecode(listening.getsockname()[1:])})
        for why, told in (
            ("the port is taken", b"the port is taken"),
            ("no\nREADY=1\r\n", b"no READY=1"),
            ("\u2013 \udcff", b"\xe2\x80\x93 ?"),
        ):
            manager.failed(why)
            self.assertEqual(listening.recv(100), b"STATUS=" + told)

    def test_gone(self) -> None:
        self.assertNotTold(self.path("notify"), os.strerror(errno.ENOENT))

    def test_impossible(self) -> None:
        """
        An address that is none is not tried: it could be a file beside us.
        """
        why = "NOTIFY_SOCKET is neither a path nor an abstract name"
        for address in ("vsock:2:1234", "notify", "./notify", "\x00x"):
            self.assertNotTold(address, why)
        self.assertNotTold("/" + "x" * 108, "AF_UNIX path too long")

    def test_busy(self) -> None:
        """
        A manager that does not read is not waited for.
        """
        listening = self.listen()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with self.assertRaises(BlockingIOError):
                while True:
                    other.sendto(b"x", listening.getsockname())
            address = "@" + os.fsdecode(listening.getsockname()[1:])
            self.assertNotTold(address, os.strerror(errno.EAGAIN))
