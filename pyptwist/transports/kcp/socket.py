"""
UDP sockets: to send what may get lost, and to hear who sends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from twisted.internet.error import MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from pyptwist.transports.kcp.cookies import Address


class Socket(DatagramProtocol):
    """
    What is bound to one.

    :ivar port: the ``IListeningPort``, from ``bind`` to ``close``.
    """

    noisy = False

    def __init__(
        self,
        received: Callable[[bytes, Address], object],
        refused: Callable[[], object],
        stopped: Callable[[], object],
    ) -> None:
        """
        :param received: called with each datagram, and where it came from.
        :param refused: called when the peer's machine says that nobody is there.
        :param stopped: called when somebody else has closed the socket.
        """
        self.port: Any = None
        self._received: Callable[[bytes, Address], object] | None = received
        self._refused: Callable[[], object] | None = refused
        self._stopped: Callable[[], object] | None = stopped

    def bind(self, network: Any, host: str, port: int) -> None:
        """
        :param network: the ``INetwork``.
        """
        self.port = network.bindDatagrams(self, host, port)

    def write(self, datagram: bytes, address: Address | None = None) -> None:
        """
        Send one, if the system takes it.

        :param address: None if the socket is connected.
        """
        if self.port is not None:
            with contextlib.suppress(OSError, MessageLengthError):
                self.port.write(datagram, address)

    def close(self) -> Any:
        """
        Hear nothing more.

        :returns: what ``stopListening`` does.
        """
        port, self.port = self.port, None
        self._received = self._refused = self._stopped = None
        return None if port is None else port.stopListening()

    # --- DatagramProtocol ---------------------------------------------------

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self._received is not None:
            self._received(datagram, addr)

    def connectionRefused(self) -> None:
        if self._refused is not None:
            self._refused()

    def stopProtocol(self) -> None:
        stopped, self._stopped = self._stopped, None
        self.port = self._received = self._refused = None
        if stopped is not None:
            stopped()
