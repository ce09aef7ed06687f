"""
What the modes for datagrams say and count, on both sides.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import MessageLengthError
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyptwist.errors import Cause, causeOfFailure
from pyptwist.metrics import Drop, Metrics


def logFailure(log: Logger, methodName: str, what: str, reason: Failure) -> None:
    """
    Write one line, without an address; or all of what nobody foresaw.

    :param what: happened.
    """
    cause = causeOfFailure(reason)
    if cause is Cause.INTERNAL:
        log.failure("{method}: {what}", reason, method=methodName, what=what)
        return
    log.warn(
        "{method}: {what}: {cause}: {why}",
        method=methodName,
        what=what,
        cause=cause.value,
        why=reason.getErrorMessage(),
    )


def sendDatagram(
    metrics: Metrics, port: Any, datagram: bytes, address: tuple[str, int] | None
) -> None:
    """
    Send one, or count why not.

    :param port: the UDP transport; None if it is closed.
    :param address: None if the port is connected.
    """
    if port is None:
        metrics.datagramsDropped[Drop.FAILED] += 1
        return
    try:
        port.write(datagram, address)
    except MessageLengthError:
        metrics.datagramsDropped[Drop.OVERSIZE] += 1
    except OSError:
        metrics.datagramsDropped[Drop.KERNEL] += 1
    else:
        metrics.datagramsSent += 1


class KernelDrops:
    """
    Counts what the kernel dropped of what came for one port.
    """

    __slots__ = ("_counted", "_metrics")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted = 0

    def look(self, port: Any) -> None:
        """
        :param port: the UDP transport, which may say in ``dropped`` how many.
        """
        dropped: int = getattr(port, "dropped", 0)
        if dropped != self._counted:
            self._metrics.datagramsDropped[Drop.KERNEL] += dropped - self._counted
            self._counted = dropped
