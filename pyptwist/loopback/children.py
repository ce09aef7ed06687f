"""
A parent for one child: as much of tor's part as a demonstration needs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pyptwist import limits
from pyptwist.errors import ManagedProcessError

#: Starts our own child.
OWN: Final = (sys.executable, "-m", "pyptwist")


class Child(ProcessProtocol):
    """
    A child that ends when this process does, since its standard input does.

    :ivar ready: fires with the words of the line that announces its method.
    :ivar ended: fires when it is gone.
    """

    def __init__(self, reactor: Any, name: str, command: Sequence[str] = OWN) -> None:
        """
        :param name: of the one method asked for.
        :param command: what to start.
        """
        self._reactor = reactor
        self._name = name
        self._command = command
        self._partial = b""
        self._errors = b""
        self.words: list[str] = []
        self.ready: Deferred[list[str]] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def launch(self, state: str, variables: Mapping[str, str]) -> Deferred[list[str]]:
        """
        Start it.

        :param state: its state directory.
        :param variables: what to say besides, without ``TOR_PT_``.
        :returns: see ``ready``; fails with ``ManagedProcessError``.
        """
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TOR_PT_")}
        said = {
            "MANAGED_TRANSPORT_VER": "1",
            "STATE_LOCATION": state,
            "EXIT_ON_STDIN_CLOSE": "1",
            **variables,
        }
        environment = inherited | {f"TOR_PT_{key}": value for key, value in said.items()}
        self._reactor.spawnProcess(self, self._command[0], self._command, environment)
        return self.ready.addTimeout(limits.CHILD_START, self._reactor, _tooLate)

    def stop(self) -> Deferred[None]:
        """
        Tell it to end; kill it if it does not.

        :returns: fires when it is gone.
        """
        transport: Any = self.transport
        if transport is None or self.ended.called:
            return self.ended
        transport.closeStdin()
        killing = self._reactor.callLater(limits.CHILD_END, self._kill)

        def gone(result: None) -> None:
            if killing.active():
                killing.cancel()

        return self.ended.addCallback(gone)

    def outReceived(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._lineReceived(line.decode("ascii", "replace"))

    def errReceived(self, data: bytes) -> None:
        self._errors = (self._errors + data)[-4096:]

    def processEnded(self, reason: Failure) -> None:
        self._fail(f"it ended\n{self._errors.decode('utf-8', 'replace')}".rstrip())
        self.ended.callback(None)

    def _lineReceived(self, line: str) -> None:
        words = line.split(" ")
        if words[0].endswith("-ERROR"):
            self._fail(line)
        elif words[0] in {"CMETHOD", "SMETHOD"} and words[1] == self._name:
            self.words = words
        elif words[0] in {"CMETHODS", "SMETHODS"} and not self.ready.called:
            self.ready.callback(self.words)

    def _fail(self, why: str) -> None:
        if not self.ready.called:
            self.ready.errback(ManagedProcessError(f"the child did not start: {why}"))

    def _kill(self) -> None:
        transport: Any = self.transport
        with contextlib.suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")


def _tooLate(result: object, seconds: float) -> list[str]:
    raise ManagedProcessError(f"the child did not start: no methods within {seconds:g} s")
