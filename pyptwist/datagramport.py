"""
A UDP socket, as Twisted's but for what tunnels need.

 - Datagrams of every size are read whole.
 - The kernel may hold a burst while the reactor is busy, and what it had to drop
   is counted.
 - What ICMP says of a connected socket's peer is told to the protocol, and closes
   nothing: a target may come back.
 - Nothing is logged: there is one for each flow.
"""

from __future__ import annotations

import socket
import struct
from errno import EMSGSIZE
from typing import Any

from twisted.internet.base import BasePort
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.udp import Port
from twisted.logger import Logger
from zope.interface import implementer

from pyptwist import limits

# Linux's, which Python has no name for: nine numbers, of which the last is the
# count of datagrams dropped (linux/sock_diag.h).
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")


@implementer(IHalfCloseableDescriptor)
class DatagramPort(Port):
    """
    A ``twisted.internet.interfaces.IListeningPort`` of UDP.
    """

    _log = Logger()

    def __init__(self, reactor: Any, protocol: Any, host: str, port: int) -> None:
        """
        :param protocol: a ``DatagramProtocol``.
        :param host: a local IP address.
        :param port: 0 to 65535; 0 lets the kernel choose.
        """
        super().__init__(port, protocol, host, limits.DATAGRAM, reactor)  # type: ignore[no-untyped-call]
        self._reading = False

    @property
    def dropped(self) -> int:
        """
        Datagrams that came and did not fit into the kernel's buffer; 0 where the
        system does not say.
        """
        try:
            told = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
            return int(_MEMINFO.unpack(told)[-1])
        except (OSError, struct.error):
            return 0

    def createInternetSocket(self) -> socket.socket:
        created: socket.socket = super().createInternetSocket()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            created.setsockopt(socket.SOL_SOCKET, option, limits.DATAGRAM_BUFFER)
        return created

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        if self._connectedAddr is None:
            super().write(datagram, addr)
            return
        try:
            self._send(datagram)
        except BlockingIOError:
            raise
        except OSError:
            # That was about an earlier datagram: this one was not even tried.
            self.protocol.connectionRefused()
            self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        try:
            self.socket.send(datagram)
        except OSError as error:
            if error.errno == EMSGSIZE:
                raise MessageLengthError("a datagram is too long") from error
            raise

    def startReading(self) -> None:
        self._reading = True
        super().startReading()  # type: ignore[no-untyped-call]

    def stopReading(self) -> None:
        self._reading = False
        super().stopReading()  # type: ignore[no-untyped-call]

    def doRead(self) -> None:
        for _ in range(limits.DATAGRAMS_READ):
            if not self._reading:
                return  # the protocol paused or closed us
            try:
                data, address = self.socket.recvfrom(self.maxPacketSize)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP message came.  The kernel has forgotten it with this.
                self.protocol.connectionRefused()
                return
            self._receive(data, address[:2])

    def readConnectionLost(self, reason: Any) -> None:
        """
        What epoll says of an ICMP message, Twisted takes for the end of a
        connection; it reads from us no more.
        """
        self.doRead()
        if self._reading:
            self.reactor.addReader(self)

    def writeConnectionLost(self, reason: Any) -> None:
        """
        There is nothing that could be said by that.
        """

    def _receive(self, data: bytes, address: tuple[str, int]) -> None:
        try:
            self.protocol.datagramReceived(data, address)
        except Exception:
            self._log.failure("a datagram was too much for its protocol")

    def _bindSocket(self) -> None:
        bound = None
        try:
            bound = self.createInternetSocket()
            bound.bind((self.interface, self.port))
        except OSError as error:
            if bound is not None:
                bound.close()
            raise CannotListenError(self.interface, self.port, error) from error
        self._realPortNumber = bound.getsockname()[1]
        self.connected = True
        self.socket = bound
        self.fileno = bound.fileno  # type: ignore[method-assign]

    def abortConnection(self) -> None:
        """
        Close it: nothing waits that could be flushed.
        """
        self.stopListening()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = None) -> None:
        self._realPortNumber = None
        BasePort.connectionLost(self, reason)
        self.protocol.doStop()
        self.socket.close()
        del self.socket, self.fileno
        stopped = self.__dict__.pop("d", None)
        if stopped is not None:
            stopped.callback(None)
