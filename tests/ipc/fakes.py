"""
What a child has around it, as its tests want it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed

from pyptwist.arguments import Arguments
from pyptwist.ipc import lines
from pyptwist.ipc.launch import Launched
from pyptwist.registry import UnknownMethod


class FakePort:
    """
    A port that listens until it is told not to.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 4001) -> None:
        self._address = IPv4Address("TCP", host, port)
        self.stopped = False
        self.stopping: Callable[[], Any] = lambda: succeed(None)

    def getHost(self) -> IPv4Address:
        return self._address

    def stopListening(self) -> Any:
        self.stopped = True
        return self.stopping()


class FakeFactory:
    """
    A mode's factory; its connections close when the test says so.
    """

    def __init__(self) -> None:
        self.connections: set[object] = set()
        self.closed = False

    def closeAll(self) -> None:
        self.closed = True


class FakeSide:
    """
    A role whose methods do what the test wants.

    :ivar outcomes: what launching a method gives or raises, by name.
    """

    doneLine = lines.CLIENT_METHODS_DONE

    def __init__(self) -> None:
        self.outcomes: dict[str, Any] = {}
        self.launched: list[Launched] = []
        self.settled: list[str] = []
        self.message: str | None = None
        self.problem: Exception | None = None

    def find(self, name: str) -> str:
        outcome = self.outcomes.get(name)
        if isinstance(outcome, UnknownMethod):
            raise outcome
        return name

    async def launch(self, name: str) -> Launched:
        outcome = self.outcomes.get(name)
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, Deferred):
            await outcome
        port = outcome if isinstance(outcome, FakePort) else FakePort()
        self.launched.append(Launched(name, port, FakeFactory(), Arguments()))
        return self.launched[-1]

    def line(self, launched: Launched) -> str:
        return lines.clientMethodLine(launched.name, launched.address)

    def errorLine(self, name: str, message: str) -> str:
        return lines.clientMethodErrorLine(name, message)

    def settle(self, launched: Sequence[Launched]) -> str | None:
        self.settled = [method.name for method in launched]
        if self.problem is not None:
            raise self.problem
        return self.message


class FakeLifeline:
    """
    Notes what is asked of it.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")
