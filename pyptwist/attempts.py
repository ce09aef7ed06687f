"""
Who waits for a connection: above, the one who called an endpoint's ``connect()``;
beneath, the connection, whose handshake goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectingCancelledError, NoProtocol
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.python.failure import Failure

#: Makes an application's protocol for a peer; None refuses.
Build = Callable[[Any], IProtocol | None]


class Attempt:
    """
    A ``connect()`` whose connection has a handshake of its own.

    Each way that it ends: the connection is ready; its failure, told exactly once if it
    is never ready; the failure of the connection below, when there is none to fail; its
    cancellation, behind which either of these failures may come, and is ignored.

    :ivar result: what ``connect()`` returns.
    """

    def __init__(self) -> None:
        self.result: Deferred[IProtocol] = Deferred(self._cancelled)
        self._below: Deferred[IProtocol] | None = None
        self._connection: Any = None

    def on(self, below: Deferred[IProtocol], connection: Any) -> Deferred[IProtocol]:
        """
        :param below: the attempt to make what the connection stands on.
        :param connection: which has a ``transport`` once it is made, and is closed by
            ``loseConnection`` then.
        :returns: ``result``.
        """
        self._below = below
        self._connection = connection
        below.addCallbacks(ignored, self.failed)
        return self.result

    def ready(self, protocol: IProtocol) -> None:
        """
        :param protocol: the application's, which is connected.
        """
        self._end(self.result.callback, protocol)

    def failed(self, reason: Failure) -> None:
        """
        There is no connection.
        """
        self._end(self.result.errback, reason)

    def _end(self, tell: Callable[[Any], object], what: Any) -> None:
        # A connection that was never made keeps us.
        self._below = self._connection = None
        # The application may have cancelled the attempt while it was connected.
        if not self.result.called:
            tell(what)

    def _cancelled(self, result: Deferred[IProtocol]) -> None:
        connection, below = self._connection, self._below
        if connection.transport is not None:
            result.errback(ConnectingCancelledError(connection.transport.getPeer()))
            connection.loseConnection()
        elif below is not None:
            below.cancel()


class Awaited:
    """
    A connection that has an application once its handshake is done.  Whoever waits for
    that is told once how it ended.
    """

    def __init__(
        self,
        build: Build,
        ready: Callable[[IProtocol], object],
        failed: Callable[[Failure], object],
    ) -> None:
        """
        :param build: makes the application's protocol.
        :param ready: called with that protocol once it is connected.
        :param failed: called instead of ``ready``, at most once.
        """
        self._build: Build | None = build
        self._ready: Callable[[IProtocol], object] | None = ready
        self._failed: Callable[[Failure], object] | None = failed

    def _built(self, peer: IAddress | None) -> IProtocol:
        """
        The handshake is done.

        :returns: the application's protocol.
        :raises Exception: whatever the application's factory raises; ``NoProtocol`` if it
            wants none.
        """
        assert self._build is not None
        protocol = self._build(peer)
        if protocol is None:
            raise NoProtocol
        return protocol

    def _connected(self, protocol: IProtocol, transport: Any) -> None:
        """
        Let the application have its transport, and tell whoever waits.
        """
        ready = self._ready
        assert ready is not None
        self._build = self._ready = self._failed = None
        protocol.makeConnection(transport)
        ready(protocol)

    def _fail(self, reason: Failure) -> None:
        """
        Tell whoever waits, unless he knows.
        """
        failed, self._failed = self._failed, None
        self._build = self._ready = None
        if failed is not None:
            failed(reason)


def ignored(result: object) -> None:
    """
    :param result: that nobody needs.
    """
