"""
Children that several endpoints share: one process for all methods of a command.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred, gatherResults

from pyptwist.ipc.assignment import Assignment
from pyptwist.ipc.parent import ManagedTransport


class Pool:
    """
    Finds a child for an assignment, or makes one.

    A child that runs cannot be given more methods: endpoints that come later
    with a method that it was not asked for get another one.

    :ivar temporaryState: a state directory for children that need none.  A child
        makes it, and ``stop`` removes it.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._transports: list[ManagedTransport] = []
        # Nobody can guess it, and put something there.
        name = f"pyptwist-{secrets.token_hex(16)}"
        self.temporaryState = os.path.join(tempfile.gettempdir(), name)

    def find(self, assignment: Assignment) -> ManagedTransport:
        """
        :returns: a child that has, or will have, the methods asked for; shared
            by all whose assignments differ in nothing else.  Nothing is
            started here.
        """
        for transport in self._transports:
            merged = _merged(transport.assignment, assignment)
            if merged == transport.assignment:
                return transport
            if merged is not None and transport.isIdle:
                transport.assignment = merged
                return transport
        transport = ManagedTransport(self._reactor, assignment)
        self._transports.append(transport)
        return transport

    def stop(self) -> Deferred[Any]:
        """
        :returns: fires when all are gone.
        """
        stopping = gatherResults([transport.stop() for transport in self._transports])
        return stopping.addCallback(self._clear)

    def _clear(self, result: object) -> None:
        shutil.rmtree(self.temporaryState, ignore_errors=True)


_pools: WeakKeyDictionary[Any, Pool] = WeakKeyDictionary()


def poolOf(reactor: Any) -> Pool:
    """
    :returns: the one pool that endpoint strings have, which ends its children when
        the reactor does.
    """
    if reactor not in _pools:
        pool = _pools[reactor] = Pool(reactor)
        reactor.addSystemEventTrigger("before", "shutdown", pool.stop)
    return _pools[reactor]


def _merged(one: Assignment, other: Assignment) -> Assignment | None:
    """
    :returns: an assignment for both; None if they differ in more than methods.
    """
    methods = tuple(dict.fromkeys([*one.methods, *other.methods]))
    merged = replace(one, methods=methods)
    return merged if merged == replace(other, methods=methods) else None
