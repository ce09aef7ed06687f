"""
How tries failed, and the one error that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist.errors import Cause, ConfigurationError, NoneConnected


class Failures:
    """
    Those of one connection's search.
    """

    _log = Logger()

    def __init__(self, labels: Sequence[str]) -> None:
        """
        :param labels: what transports are called, by number.
        """
        self._labels = labels
        self._counts: Counter[int] = Counter()
        self._texts: dict[int, str] = {}
        self._causes: Counter[Cause] = Counter()
        self._last: BaseException | None = None

    def add(self, number: int, cause: Cause, error: BaseException | None) -> None:
        """
        :param number: of the transport.
        :param error: what it failed with; None if it was only too slow.
        """
        self._counts[number] += 1
        self._causes[cause] += 1
        self._texts[number] = cause.value
        # These say in words what the cause does not.
        if isinstance(error, NoneConnected | ConfigurationError):
            self._texts[number] = f"{cause.value} ({error})"
        elif cause is Cause.INTERNAL and error is not None:
            label = self._labels[number]
            self._log.failure("Transport {label} broke off", Failure(error), label=label)
        self._last = error or self._last

    def error(self) -> NoneConnected:
        """
        :returns: what tells of all of them, with the cause of most, caused by the last.
        """
        told = []
        for number, text in sorted(self._texts.items()):
            count = self._counts[number]
            told.append(f"{self._labels[number]}: {text}{f', {count} times' * (count > 1)}")
        error = NoneConnected(
            f"none of {len(self._labels)} transports connected: {'; '.join(told)}"
        )
        for cause, _ in self._causes.most_common(1):
            error.cause = cause
        error.__cause__ = self._last
        return error
