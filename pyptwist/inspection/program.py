"""
The command's work: record, print, draw.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred

from pyptwist.errors import Cause, ConfigurationError, PTError, causeOf
from pyptwist.inspection.conversation import browsing, echoing
from pyptwist.inspection.flows import SEGMENT
from pyptwist.inspection.loopback import Stage
from pyptwist.inspection.memory import record
from pyptwist.inspection.plan import Plan
from pyptwist.inspection.report import report
from pyptwist.inspection.subjects import DATAGRAM, Subject, unit
from pyptwist.loopback.pair import OWN
from pyptwist.registry import Methods
from pyptwist.tables import show

if TYPE_CHECKING:
    from pyptwist.inspection import Options

_IN_MEMORY = """\
{method}: {count} connections, in memory.  A {word} is what was written at once{cut};
a gap is the time that the method waited by itself.{note}
"""

_ON_LOOPBACK = """\
{method}: {count} connections each, on the loopback interface.  Both were measured alike.
A {word} is what could be read at once{cut}.{note}
  ours:   {ours}
  theirs: {theirs}
"""

_CUT = f", cut at {SEGMENT} bytes"
_SOCKETS = "\nThe datagrams between a client's socket and the server's count as a connection."


def run(options: Options) -> None:
    """
    :raises ConfigurationError: if it cannot be done as asked.
    :raises SystemExit: if the method, or the other implementation, fails.
    """
    if options["plot"] is not None:
        from pyptwist.inspection.plot import requirePlotting

        requirePlotting()
    data = options.payload()
    turns = browsing() if data is None else echoing(data)
    plan = Plan(options.method, turns, options["connections"], options.options, options.arguments)
    if options["against"] is None:
        _inMemory(options, plan)
    else:
        _against(options, plan)


def _inMemory(options: Options, plan: Plan) -> None:
    try:
        flows = record(plan, Methods(options.stacks), options["fresh"], _warn)
    except ConfigurationError:
        raise
    except Exception as error:
        _explain(plan.method, error)
    subjects = [Subject(plan.method, flows)]
    show(_introduction(_IN_MEMORY, plan, subjects))
    _show(options, plan, subjects)


def _warn(text: str) -> None:
    print(f"pyptwist: {text}", file=sys.stderr)


def _against(options: Options, plan: Plan) -> None:
    from twisted.internet.task import react

    stacks = [f"--stack={name}={text}" for name, text in options.stacks.items()]
    commands = {"ours": [*OWN, *stacks], "theirs": _command(options["against"])}

    async def main(reactor: Any) -> None:
        stage = Stage(reactor, plan)
        subjects = []
        for name, command in commands.items():
            try:
                subjects.append(Subject(name, await stage.record(command)))
            except Exception as error:
                if stage.isOver:  # interrupted: what fails now is of no interest
                    return
                _explain(f"{name} ({shlex.join(command)})", error)
        words = {name: shlex.join(command) for name, command in commands.items()}
        show(_introduction(_ON_LOOPBACK, plan, subjects, **words))
        try:
            _show(options, plan, subjects)
        except ConfigurationError as error:
            _explain(plan.method, error)

    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))


def _introduction(text: str, plan: Plan, subjects: Sequence[Subject], **words: str) -> str:
    word = unit(subjects)
    cut, note = ("", _SOCKETS) if word == DATAGRAM else (_CUT, "")
    return text.format(
        method=plan.method, count=plan.connections, word=word, cut=cut, note=note, **words
    )


def _show(options: Options, plan: Plan, subjects: Sequence[Subject]) -> None:
    if not all(subject.flows for subject in subjects):
        raise ConfigurationError(f"{plan.method} made no connection that could be looked at")
    show(report(subjects, plan.turns[0].data))
    if options["plot"] is not None:
        from pyptwist.inspection.plot import plot

        names = " and ".join(subject.name for subject in subjects)
        title = plan.method if len(subjects) == 1 else f"{plan.method}: {names}"
        plot(options["plot"], f"{title}, {plan.connections} connections", subjects)
        show(f"\nHistograms are in {options['plot']}")


def _command(text: str) -> list[str]:
    """
    :returns: the words of a command, its program by its path.
    :raises ConfigurationError: if there is no such program.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"--against: {error}") from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise ConfigurationError(f"--against: there is no program {text!r}")
    return [program, *words[1:]]


def _explain(what: str, error: Exception) -> NoReturn:
    """
    :param what: failed.
    :raises SystemExit: with the reason, if that was foreseen; else the error
        itself, whose traceback then tells where.
    """
    if isinstance(error, PTError) or causeOf(error) is not Cause.INTERNAL:
        raise SystemExit(f"pyptwist: {what}: {error}") from error
    raise error
