"""
The parent's side of the PT 1 IPC protocol, as much as a benchmark needs.

A command is launched as tor launches it: the configuration in ``TOR_PT_*``, the
answers as lines on standard output, standard input held open for its life.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.socks import Address, argumentsFromSmethod

#: Seconds a command may take until it has reported its methods.
START_LIMIT = 30.0
#: Seconds from SIGTERM to SIGKILL.
STOP_LIMIT = 5.0
#: Bytes of standard error shown when a command fails.
_TAIL = 2000

_METHOD = re.compile(
    r"(CMETHOD (?P<client>\S+) socks5|SMETHOD (?P<server>\S+)) (?P<host>\S+):(?P<port>\d+)"
    r"(.* ARGS:(?P<arguments>\S*))?"
)
_ERROR = re.compile(r"(ENV|VERSION|PROXY|[CS]METHOD)-ERROR\b")
_DONE = re.compile(r"[CS]METHODS DONE\b")


class LaunchFailed(Exception):
    """
    A command did not become a working PT client or server.
    """


@dataclass(frozen=True, slots=True)
class Command:
    """
    One of the two things that are compared.

    :ivar argv: the command line, already split.
    :ivar environment: what is added to this process's environment.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = [f"{key}={value}" for key, value in self.environment.items()]
        return " ".join([*settings, *self.argv])


class Child:
    """
    A launched PT process that has reported its method.

    :ivar pid: its process id.
    :ivar startup: seconds from just before its launch to its DONE line.
    :ivar address: where it listens: for SOCKS5 (a client) or for clients (a server).
    :ivar arguments: what a client needs to reach this server, in the form for
        SOCKS; empty for a client.
    """

    def __init__(self, command: Command, method: str, variables: Mapping[str, str], home: Path):
        """
        Launch ``command`` and wait for its DONE line.

        To be called in the main thread: a transport may have asked the kernel
        to end it together with the thread that launched it.

        :param method: the only transport method it is asked for.
        :param variables: ``TOR_PT_*`` for this side, without the common ones.
        :param home: a directory for its state and its standard error.
        :raises LaunchFailed: no such program, an error line, its end, or silence.
        """
        self.arguments = ""
        self._command = command
        self._errors = home / "stderr"
        begun = time.perf_counter()
        self._process = self._launch(_environment(command, variables, home))
        self.pid = self._process.pid
        try:
            self.address = self._awaitMethod(method)
        except BaseException:
            self.stop()
            raise
        self.startup = self._ready - begun

    def stop(self) -> None:
        """
        End the process as tor does (SIGTERM and a closed standard input), and
        by force what is left of it after ``STOP_LIMIT`` seconds.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"{self._command}: killed, {STOP_LIMIT:.0f} s after SIGTERM", file=sys.stderr)
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):
            # It leads a process group of its own: whatever it launched and left.
            os.killpg(self.pid, signal.SIGKILL)
        self._reader.join(STOP_LIMIT)
        self._process.stdout.close()

    def _launch(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        try:
            with self._errors.open("wb") as errors:
                process = subprocess.Popen(
                    self._command.argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise LaunchFailed(f"{self._command}: {error.strerror}") from error
        assert process.stdout is not None
        self._lines: queue.SimpleQueue[tuple[float, str | None]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        return process

    def _read(self, stdout: IO[bytes]) -> None:
        # To the end, also long after DONE: a full pipe would stop the transport.
        wanted = True
        for raw in stdout:
            now = time.perf_counter()
            line = raw.decode("ascii", "backslashreplace").rstrip("\r\n")
            if wanted:
                self._lines.put((now, line))
            wanted = wanted and not _DONE.match(line)
        if wanted:
            self._lines.put((time.perf_counter(), None))

    def _awaitMethod(self, method: str) -> Address:
        address = None
        limit = time.perf_counter() + START_LIMIT
        while True:
            try:
                left = max(0.0, limit - time.perf_counter())
                self._ready, line = self._lines.get(timeout=left)
            except queue.Empty:
                raise self._failure(f"not ready after {START_LIMIT:.0f} s") from None
            if line is None:
                raise self._failure("ended before it was ready")
            if _ERROR.match(line):
                raise self._failure(line)
            found = _METHOD.match(line)
            if found and method in found.group("client", "server"):
                address = found["host"], int(found["port"])
                self.arguments = argumentsFromSmethod(found["arguments"] or "")
            if _DONE.match(line):
                break
        if address is None:
            raise self._failure(f"did not report {method}")
        return address

    def _failure(self, reason: str) -> LaunchFailed:
        tail = self._errors.read_bytes()[-_TAIL:].decode("utf-8", "backslashreplace")
        return LaunchFailed(f"{self._command}: {reason}\n{tail}".rstrip())


def _environment(command: Command, variables: Mapping[str, str], home: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TOR_PT_")}
    return {
        **inherited,
        "TOR_PT_MANAGED_TRANSPORT_VER": "1",
        # As from tor: with a slash behind it, and not there yet.
        "TOR_PT_STATE_LOCATION": f"{home / 'state'}/",
        "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
        **variables,
        **command.environment,
    }


def launchClient(command: Command, method: str, home: Path) -> Child:
    """
    Launch the client side of ``method``.

    :raises LaunchFailed: see ``Child``.
    """
    return Child(command, method, {"TOR_PT_CLIENT_TRANSPORTS": method}, home)


def launchServer(command: Command, method: str, home: Path, orPort: int) -> Child:
    """
    Launch the server side of ``method`` on a port that the kernel chooses.

    :param orPort: the port on 127.0.0.1 that it forwards to.
    :raises LaunchFailed: see ``Child``.
    """
    variables = {
        "TOR_PT_SERVER_TRANSPORTS": method,
        "TOR_PT_SERVER_BINDADDR": f"{method}-127.0.0.1:0",
        "TOR_PT_ORPORT": f"127.0.0.1:{orPort}",
        "TOR_PT_EXTENDED_SERVER_PORT": "",
    }
    return Child(command, method, variables, home)
