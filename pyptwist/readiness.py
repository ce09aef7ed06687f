"""
Tells the service manager that started this process when it serves, and when it
ends: so ``systemctl start`` returns when clients can connect, and fails if they never
can.

systemd-watchdog and its like are not used: they wait for the manager, raise what the
socket does, and leave the variable to children.

Source: sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from twisted.logger import Logger

_VARIABLE: Final = "NOTIFY_SOCKET"


class Manager:
    """
    The service manager; nobody, if this process has none that wants to be told.

    Telling it neither waits nor raises: a manager that does not listen is not the
    clients' trouble, and what it does then is up to it.
    """

    _log = Logger()

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """
        :param environ: such as ``os.environ``; it loses the variable, for programs
            that this one starts must not speak in its place.
        """
        self._address = environ.pop(_VARIABLE, "")

    def ready(self) -> None:
        """
        All that was asked for is served.
        """
        self._tell("READY=1")

    def failed(self, why: str) -> None:
        """
        Something is not served, and the end comes of it.

        :param why: in one line, without addresses; of several, the last is shown.
        """
        # A line of its own would be a message of its own.
        self._tell("STATUS=" + " ".join(why.split()))

    def stopping(self) -> None:
        """
        The end has begun.
        """
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(state.encode("utf-8", "replace"), _socketAddress(self._address))
        except OSError as error:
            why = error.strerror or str(error)
            self._log.warn(
                "the service manager could not be told {state}: {why}", state=state, why=why
            )


def _socketAddress(text: str) -> bytes:
    """
    :param text: a path, or ``@`` and an abstract name.
    :raises OSError: if it is neither; managers of whole machines have others.
    """
    if not text.startswith(("/", "@")):
        raise OSError(f"{_VARIABLE} is neither a path nor an abstract name")
    address = os.fsencode(text)
    return b"\0" + address[1:] if text.startswith("@") else address
