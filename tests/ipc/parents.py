"""
The parent's end of the pipe, for tests in one process.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ipc.reporter import Reporter


class Parent:
    """
    Reads what a reporter writes.

    :ivar reporter: writes into our pipe.
    :ivar writing: that end of the pipe.
    """

    def __init__(self, test: SynchronousTestCase) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.reporter = Reporter(self.writing)
        test.addCleanup(self.leave)
        test.addCleanup(self._closeWriting)

    def heard(self) -> list[str]:
        """
        :returns: the lines written since the last call.
        """
        try:
            text = os.read(self._reading, 1 << 20).decode("ascii")
        except BlockingIOError:
            return []
        if text and not text.endswith("\n"):
            raise ValueError("the last line has no end")
        return text.splitlines()

    def fill(self) -> int:
        """
        Fill the pipe, as a parent would see it that does not read.

        :returns: how many bytes went in.
        """
        os.set_blocking(self.writing, False)
        count = 0
        try:
            while True:
                count += os.write(self.writing, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(self.writing, True)
        return count

    def drain(self) -> bytes:
        """
        :returns: all that is in the pipe.
        """
        data = b""
        try:
            while piece := os.read(self._reading, 1 << 16):
                data += piece
        except BlockingIOError:
            pass
        return data

    def leave(self) -> None:
        """
        Close our end.
        """
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1

    def _closeWriting(self) -> None:
        # The reporter closes it when it learns that we left, and then the number
        # may be another file's.
        if self.reporter._descriptor is not None:
            os.close(self.writing)
