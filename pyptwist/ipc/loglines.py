"""
Log messages that the operator must see, as lines to the parent.

tor hides what we write to standard error, and the log file is a file that nobody
looks into before something is known to be wrong.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from pyptwist import limits
from pyptwist.ipc.lines import Severity
from pyptwist.ipc.reporter import Reporter
from pyptwist.safelog import scrub

_SEVERITIES = {
    LogLevel.debug: Severity.DEBUG,
    LogLevel.info: Severity.INFO,
    LogLevel.warn: Severity.WARNING,
    LogLevel.error: Severity.ERROR,
    LogLevel.critical: Severity.ERROR,
}


@implementer(ILogObserver)
class LogLines:
    """
    Passes on our own messages, and failures of anybody's code.

    Addresses are always taken out: the parent's log has rules of its own, which
    we do not know.  There is a bound to how much is passed on, since each failed
    connection may cause a message; what goes beyond it is counted.  A parent that
    wants to hear of less than warnings wants all of it.
    """

    def __init__(
        self, reporter: Reporter, clock: Any, least: Severity | None = Severity.NOTICE
    ) -> None:
        """
        :param clock: the reactor, for the time.
        :param least: of what is passed on; None for nothing.
        """
        self._reporter = reporter
        self._clock = clock
        self._least = least
        self._isBounded = least is None or least.isAtLeast(Severity.NOTICE)
        self._allowance = float(limits.LOG_BURST)
        self._counted: float = clock.seconds()
        self._dropped = 0

    def __call__(self, event: LogEvent) -> None:
        severity = _severity(event)
        if severity is None or self._least is None or not severity.isAtLeast(self._least):
            return
        if self._isBounded and not self._mayPass():
            self._dropped += 1
            return
        text = scrub(_text(event))
        if self._dropped:
            text += f" (before this, {self._dropped} messages were left out)"
        if self._reporter.log(severity, text):
            self._allowance -= 1
            self._dropped = 0
        else:
            self._dropped += 1

    def _mayPass(self) -> bool:
        now: float = self._clock.seconds()
        earned = (now - self._counted) / limits.LOG_INTERVAL
        self._allowance = min(self._allowance + earned, limits.LOG_BURST)
        self._counted = now
        return self._allowance >= 1


def _severity(event: LogEvent) -> Severity | None:
    level = event.get("log_level")
    isOurs = str(event.get("log_namespace", "")).partition(".")[0] == "pyptwist"
    if not isOurs and level is not LogLevel.critical:
        return None
    return _SEVERITIES.get(level)


def _text(event: LogEvent) -> str:
    text = formatEvent(event)
    failure = event.get("log_failure")
    if failure is None:
        return text
    # The traceback is for the log file.
    return f"{text}: {failure.type.__name__}: {failure.getErrorMessage()}"
