"""
Children for the tests of the parent's side: a fake one for its clock, and real ones
that misbehave.
"""

from __future__ import annotations

import os
import sys
from textwrap import dedent
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.configuration import Role

GOOD = b"VERSION 1\nCMETHOD x socks5 127.0.0.1:7\nCMETHODS DONE\n"

#: What real ones do, by name, behind ``import os, signal, sys, time``.
BEHAVIOURS = {
    "good": "say(GOOD); wait()",
    "silent": "wait()",
    "nothing": "",
    "version": "say('VERSION 1')",
    "method": "say('VERSION 1', METHOD)",
    "half": "say('VERSION 1'); write('CMETHOD x socks5 127.0')",
    "done": "say(GOOD); sys.exit(3)",
    "killed": "say('VERSION 1'); os.kill(os.getpid(), 9)",
    "refuses": "say('VERSION 1', 'ENV-ERROR the cause 192.0.2.1:5'); sys.exit(64)",
    "refusesAside": "complain('VERSION-ERROR no-version'); sys.exit(78)",
    "unordered": "say(METHOD); wait()",
    "twice": "say(GOOD, 'CMETHODS DONE', 'VERSION 1', METHOD, 'CMETHOD x'); wait()",
    "missing": "say('VERSION 1', 'CMETHODS DONE'); wait()",
    "aside": "say('VERSION 2.1', 'CMETHODS DONE'); complain('CMETHOD-ERROR x why'); wait()",
    "floods": "write('z' * 3000000); say('', *['?' * 99] * 9999, GOOD); wait()",
    "complains": "complain(*['oh 192.0.2.1:5 ' + 'y' * 99] * 9999); say(GOOD); wait()",
    "dies": "complain('first', 'last words for 192.0.2.1:5'); sys.exit(7)",
    "stubborn": "say(GOOD); wait(); time.sleep(99)",
    "deaf": "signal.signal(15, signal.SIG_IGN); say(GOOD); wait(); time.sleep(99)",
    "mute": "say(GOOD); os.close(1); wait()",
}

_PROGRAM = dedent(
    """
    import os, signal, sys, time
    METHOD = "CMETHOD x socks5 127.0.0.1:7"
    GOOD = "VERSION 1\\n" + METHOD + "\\nCMETHODS DONE"
    def write(text): sys.stdout.write(text); sys.stdout.flush()
    def say(*lines): write("".join(line + "\\n" for line in lines))
    def complain(*lines):
        sys.stderr.write("".join(line + "\\n" for line in lines)); sys.stderr.flush()
    def wait(): sys.stdin.read()
    """
)


def behaving(name: str, versions: tuple[str, ...] = ("1",)) -> Assignment:
    """
    :returns: an assignment for a real child.
    """
    command = (sys.executable, "-I", "-S", "-c", _PROGRAM + BEHAVIOURS[name])
    return Assignment(command, Role.CLIENT, ("x",), "/nowhere", versions)


class Process:
    """
    A process transport.
    """

    # The kernel is asked how it is.
    pid = os.getpid()

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.calls: list[str] = []

    def closeStdin(self) -> None:
        self.calls.append("close")

    def signalProcess(self, name: str) -> None:
        self.calls.append(name)
        if name == "GONE":
            raise ProcessExitedAlready

    def loseConnection(self) -> None:
        self.calls.append("lose")

    def say(self, data: bytes) -> None:
        """
        Write to standard output.
        """
        self.protocol.outReceived(data)

    def end(self, code: int = 0, signal: int | None = None) -> None:
        """
        Be gone, and reaped.
        """
        isGood = code == 0 and signal is None
        how = ProcessDone(0) if isGood else ProcessTerminated(code, signal)
        self.protocol.processExited(Failure(how))
        self.protocol.processEnded(Failure(how))


class Reactor(MemoryReactorClock):
    """
    Starts processes that do nothing by themselves.

    :ivar processes: all that were started.
    :ivar spawned: with which program, arguments and environment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.spawned: list[tuple[Any, ...]] = []

    def spawnProcess(self, protocol: Any, *arguments: Any) -> None:
        self.spawned.append(arguments)
        process: Any = Process(protocol)
        self.processes.append(process)
        protocol.makeConnection(process)
