"""
A transport connection as an asyncio transport.

Below it is an ``ITransportConnection``, for which this is the protocol and the
producer; above is an asyncio protocol.  What the connection below does not take
at once waits here, so that asyncio's marks and ``drain()`` mean what they mean
with TCP.
"""

from __future__ import annotations

import asyncio
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.tcp import Connection as TCPConnection
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.aio.failures import asOSError

_HIGH = 64 * 1024  # bytes: asyncio's default


@implementer(IProtocol, IPushProducer)
class Connection(asyncio.Transport):
    """
    What asyncio protocols and streams write to.
    """

    _connection: Any = None
    _closing = False  # nothing more is written, or told
    _aborted = False
    _broken: Exception | None = None  # what the protocol above raised
    _patience: Any = None  # for what is to be written before the end
    _full = False  # below
    _paused = False  # the protocol above
    _reading = True
    _flushing = False

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol: Any = protocol
        self._buffer = bytearray()
        self._high, self._low = _HIGH, _HIGH // 4

    # --- asyncio: the connection --------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self._buffer:
                # For ever, else, if the peer reads nothing.
                self._patience = self._loop.call_later(limits.CLOSE_FLUSH, self.abort)
            else:
                self._finish()

    def abort(self) -> None:
        self._closing = self._aborted = True
        self._forgetPatience()
        self._buffer.clear()
        if self._connection is not None:
            self._connection.abortConnection()

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    # --- asyncio: reading ---------------------------------------------------

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        if self.is_reading():
            self._reading = False
            self._connection.pauseProducing()

    def resume_reading(self) -> None:
        if not self._reading and not self._closing:
            self._reading = True
            # What the connection has held back comes in this call, and protocols
            # are not to be told of data while they say this.
            self._loop.call_soon(self._letRead)

    def _letRead(self) -> None:
        if self.is_reading():
            self._connection.resumeProducing()

    # --- asyncio: writing ---------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if not self._closing:
            self._buffer += data
            self._flush()
            self._pauseIfFull()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        """
        :returns: bytes that the connection below has not taken yet.
        """
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = _HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be >= low ({low}) must be >= 0")
        self._high, self._low = high, low
        self._pauseIfFull()

    def _pauseIfFull(self) -> None:
        if len(self._buffer) > self._high and not self._paused:
            self._paused = True
            self._tell(self._protocol.pause_writing)

    def _flush(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._buffer and not self._full and self._connection is not None:
                piece = bytes(self._buffer[: limits.TCP_READ])
                del self._buffer[: limits.TCP_READ]
                self._connection.write(piece)
        finally:
            self._flushing = False

    def _finish(self) -> None:
        self._forgetPatience()
        if self._connection is not None:
            self._connection.unregisterProducer()
            self._connection.loseConnection()

    def _forgetPatience(self) -> None:
        patience, self._patience = self._patience, None
        if patience is not None:
            patience.cancel()

    # --- the protocol's mistakes --------------------------------------------

    def _tell(self, told: Callable[..., object], *arguments: Any) -> Exception | None:
        """
        What protocols raise is for the loop to show, as with asyncio's own
        transports: above Twisted's it would end in a log that nobody reads.

        :returns: that, if anything.
        """
        try:
            told(*arguments)
        except Exception as error:
            message = f"a protocol failed in {getattr(told, '__name__', 'a call')}()"
            self._loop.call_exception_handler(
                {
                    "message": message,
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
            return error
        return None

    # --- Twisted: the producer ----------------------------------------------

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        self._flush()
        if self._paused and len(self._buffer) <= self._low:
            self._paused = False
            self._tell(self._protocol.resume_writing)
        if self._closing and not self._buffer:
            self._finish()

    def stopProducing(self) -> None:
        """
        The connection is lost, and says so.
        """

    # --- Twisted: the protocol ----------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        self._connection = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        self._extra = _extra(self._connection)
        self._connection.registerProducer(self, True)
        self._tell(self._protocol.connection_made, self)

    def dataReceived(self, data: bytes) -> None:
        if not self._closing:
            self._broken = self._tell(self._protocol.data_received, data)
            if self._broken is not None:
                self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        error = reason.value
        self._forgetPatience()
        if self._aborted or error is None or isinstance(error, ConnectionDone):
            error = self._broken
        else:
            error = asOSError(error)
        isEnd = not self._closing and error is None
        self._closing = True
        self._connection = None
        self._buffer.clear()
        # Not at once: protocols are not to be told while they say abort().
        self._loop.call_soon(self._tellLost, isEnd, error)

    def _tellLost(self, isEnd: bool, error: BaseException | None) -> None:
        if isEnd:
            self._tell(self._protocol.eof_received)
        self._tell(self._protocol.connection_lost, error)


class Connections(Factory):
    """
    Makes connections for the asyncio protocols of a factory.

    :ivar open: those that are connected.
    :ivar onLost: called when one of them is not any more.
    """

    noisy = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        build: Callable[[], asyncio.Protocol],
    ) -> None:
        self._loop = loop
        self._build = build
        self.onLost: Callable[[], None] = lambda: None
        self.open: set[Connection] = set()

    def buildProtocol(self, addr: IAddress | None) -> _Known:  # type: ignore[override]
        return _Known(self._loop, self._build(), self)

    def lost(self, connection: Connection) -> None:
        """
        One is not connected any more, and its protocol was told.
        """
        self.open.discard(connection)
        self.onLost()


class _Known(Connection):
    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, owner: Connections
    ) -> None:
        super().__init__(loop, protocol)
        self._owner: Connections | None = owner

    def connectionMade(self) -> None:
        assert self._owner is not None
        self._owner.open.add(self)
        super().connectionMade()

    def _tellLost(self, isEnd: bool, error: BaseException | None) -> None:
        super()._tellLost(isEnd, error)
        # What it builds may know this connection by a reader: that is a cycle.
        owner, self._owner = self._owner, None
        assert owner is not None
        owner.lost(self)


async def connected(
    loop: asyncio.AbstractEventLoop,
    endpoint: IStreamClientEndpoint,
    build: Callable[[], asyncio.Protocol],
) -> tuple[Connection, asyncio.BaseProtocol]:
    """
    Connect an asyncio protocol.

    :param endpoint: of a transport's client.
    :raises OSError: see ``pyptwist.aio.failures``.
    """
    factory = Connections(loop, build)
    try:
        connection: Any = await endpoint.connect(factory).asFuture(loop)
    except asyncio.CancelledError:
        # It may have become ready a moment ago.
        for late in list(factory.open):
            late.abort()
        raise
    except Exception as error:
        raise asOSError(error)  # noqa: B904 - which is its cause
    return connection, connection.get_protocol()


def _extra(connection: Any) -> dict[str, Any]:
    """
    :returns: what ``get_extra_info`` knows.
    """
    known = {
        "peername": _name(connection.getPeer()),
        "sockname": _name(connection.getHost()),
        "pt_method": getattr(connection, "methodName", None),
        "pt_connection": connection,
    }
    below = getattr(connection, "networkConnection", None)
    if isinstance(below, TCPConnection):
        known["socket"] = TransportSocket(below.getHandle())
    return known


def _name(address: Any) -> Any:
    """
    :returns: an address as the socket module has it.
    """
    if isinstance(address, IPv6Address):
        return address.host, address.port, address.flowInfo, address.scopeID
    return getattr(address, "host", None), getattr(address, "port", None)
