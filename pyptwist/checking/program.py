"""
The command's work: check one line after the other, or some at a time, and show
what comes of it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.task import react
from twisted.logger import LogLevel, globalLogBeginner

from pyptwist import safelog
from pyptwist.checking import report
from pyptwist.checking.probe import Plan, Probe, Result
from pyptwist.checking.stages import Stage
from pyptwist.tables import show

if TYPE_CHECKING:
    from pyptwist.checking import Options

_ERASE = "\r\x1b[K"
_INTERRUPTED = 130  # what shells say of SIGINT


class Progress:
    """
    A line that says what is going on, for who watches: on a terminal alone.
    """

    def __init__(self, file: TextIO, total: int) -> None:
        """
        :param total: how many lines there are.
        """
        self._file = file if file.isatty() else None
        self._total = total
        self._under: dict[int, Stage] = {}
        self._done = 0

    def entered(self, number: int, stage: Stage) -> None:
        """
        A stage of one check has begun.
        """
        self._under[number] = stage
        self._draw()

    def ended(self, number: int) -> None:
        """
        A check is over.
        """
        self._under.pop(number, None)
        self._done += 1
        self._draw()

    def erase(self) -> None:
        """
        Make room for something else.
        """
        if self._file is not None:
            print(_ERASE, end="", file=self._file, flush=True)

    def _draw(self) -> None:
        if self._file is not None:
            under = ", ".join(f"{number}: {stage.value}" for number, stage in self._under.items())
            text = f"{self._done} of {self._total} checked  {under}"[:78]
            print(f"{_ERASE}{text}", end="", file=self._file, flush=True)


async def checkAll(
    reactor: Any,
    plan: Plan,
    lines: Sequence[str],
    jobs: int,
    progress: Progress,
    ended: Callable[[Result], object],
) -> list[Result]:
    """
    :param jobs: how many to check at a time.
    :param ended: called with each result, as it comes.
    :returns: all of them, in the order of the lines.
    :raises CancelledError: if it is cancelled, and all checks with it.
    """
    waiting = iter(list(enumerate(lines, 1)))
    results: dict[int, Result] = {}

    async def work() -> None:
        for number, text in waiting:
            result = await Probe(reactor, plan, number, progress.entered).check(text)
            results[number] = result
            progress.ended(number)
            progress.erase()
            ended(result)

    working = [Deferred.fromCoroutine(work()) for _ in range(jobs)]
    try:
        await gatherResults(working, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    return [results[number] for number in sorted(results)]


class Printer:
    """
    Shows results as they come, or all in the end.
    """

    def __init__(self, file: TextIO, isJSON: bool, showAddress: bool) -> None:
        self._file = file
        self._isJSON = isJSON
        self._showAddress = showAddress

    def one(self, result: Result) -> None:
        """
        One has come.
        """
        if not self._isJSON:
            show(report.asText(result, self._showAddress), self._file)

    def all(self, results: Sequence[Result]) -> None:
        """
        No more will come.
        """
        if self._isJSON:
            show(report.asJSON(results, self._showAddress), self._file)
        elif len(results) > 1:
            show(f"\n{report.summary(results)}", self._file)


def run(options: Options) -> NoReturn:
    """
    Check, and print what came of it.

    :raises SystemExit: with 0 if all is well, 1 if a bridge failed.
    """
    globalLogBeginner.beginLoggingTo(
        [safelog.observerTo(safelog.standardError(), LogLevel.warn)], redirectStandardIO=False
    )
    plan, lines, jobs = options.plan(), options.lines, options["jobs"]
    printer = Printer(sys.stdout, bool(options["json"]), bool(options["show-addresses"]))
    progress = Progress(sys.stderr, len(lines))
    status = _INTERRUPTED

    async def main(reactor: Any) -> None:
        nonlocal status
        checking = Deferred.fromCoroutine(
            checkAll(reactor, plan, lines, jobs, progress, printer.one)
        )
        reactor.addSystemEventTrigger("before", "shutdown", checking.cancel)
        try:
            results = await checking
        except CancelledError:
            return
        printer.all(results)
        status = 1 if any(result.cause is not None for result in results) else 0

    # What plugins print while they are imported is not our answer.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
        except SystemExit as exit_:
            progress.erase()
            sys.exit(exit_.code or status)
