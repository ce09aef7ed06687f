"""
What a parent has heard of its child, and whether that is in order (pt-spec 3.3).

::

    VERSION              first, and once
    PROXY DONE           if there is an upstream proxy
    CMETHOD ...          one for each method, in any order
    CMETHODS DONE        once

The last line ends the conversation: what is said of versions and methods after
it changes nothing, and is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from enum import Enum, auto

from pyptwist import limits
from pyptwist.errors import ManagedProcessError
from pyptwist.ipc.dialects import BY_WORD, Dialect
from pyptwist.ipc.messages import (
    ClientMethod,
    LogMessage,
    Message,
    MethodError,
    MethodsDone,
    ProxyAccepted,
    Refusal,
    ServerMethod,
    Status,
    Unknown,
    Version,
)
from pyptwist.safelog import scrub


class ChildRefused(ManagedProcessError):
    """
    The child said that it cannot do what it was asked, or cannot be started at
    all: another try would end in the same way.
    """


class Stage(Enum):
    """
    How far the conversation has come.
    """

    NEW = auto()
    NEGOTIATED = auto()
    DONE = auto()


class Dialogue:
    """
    One conversation with one child.

    :ivar stage: how far it has come.
    :ivar dialect: the version chosen; None before that.
    :ivar clients: methods launched, by name.
    :ivar servers: the same of a server.
    :ivar refused: why methods were not, by name.
    """

    def __init__(
        self, versions: Sequence[str], isServer: bool = False, needsProxy: bool = False
    ) -> None:
        """
        :param versions: that were offered, of ``dialects.BY_WORD``.
        :param isServer: was the child asked to be a server?
        :param needsProxy: was it given an upstream proxy?
        """
        self._versions = versions
        self._isServer = isServer
        self._needsProxy = needsProxy
        self.stage = Stage.NEW
        self.dialect: Dialect | None = None
        self.clients: dict[str, ClientMethod] = {}
        self.servers: dict[str, ServerMethod] = {}
        self.refused: dict[str, str] = {}

    def hear(self, message: Message) -> bool:
        """
        Take note of what the child says.

        :returns: whether it came in its place; other messages are without
            effect.
        :raises ManagedProcessError: if the child cannot be used.
        """
        match message:
            case LogMessage() | Status():
                return True
            case Unknown():
                return False
            case MethodError():
                # In PT 2 and 3 it comes another way than the rest: sooner or later.
                self._requireRoom(self.refused)
                self.refused.setdefault(message.name, scrub(message.text))
                return True
        if self.stage is Stage.DONE:
            return False
        self._hear(message)
        return True

    def client(self, name: str) -> ClientMethod:
        """
        :param name: of a client method.
        :raises ManagedProcessError: if it was not launched, with the reason.
        """
        if name not in self.clients:
            raise self.missing(name)
        return self.clients[name]

    def server(self, name: str) -> ServerMethod:
        """
        :param name: of a server method.
        :raises ManagedProcessError: if it was not launched, with the reason.
        """
        if name not in self.servers:
            raise self.missing(name)
        return self.servers[name]

    def missing(self, name: str) -> ManagedProcessError:
        """
        :param name: of a method that was not launched.
        :returns: an error that says why, if the child did.
        """
        reason = self.refused.get(name)
        return ManagedProcessError(f"the child has no {name}{f': {reason}' if reason else ''}")

    def _hear(self, message: Message) -> None:
        match message:
            case Refusal(keyword, text):
                raise ChildRefused(f"the child refused: {keyword} {scrub(text)}")
            case Version(version):
                self._negotiated(version)
            case _ if self.stage is Stage.NEW:
                raise ManagedProcessError("the child did not begin with VERSION")
            case ProxyAccepted():
                self._needsProxy = False
            case ClientMethod() | ServerMethod():
                self._launched(message)
            case MethodsDone():
                self._done(message.isServer)

    def _negotiated(self, version: str) -> None:
        if self.stage is not Stage.NEW:
            raise ManagedProcessError("the child chose a version twice")
        if version not in self._versions:
            raise ChildRefused("the child chose a version that it was not offered")
        self.dialect = BY_WORD[version]
        self.stage = Stage.NEGOTIATED

    def _launched(self, method: ClientMethod | ServerMethod) -> None:
        self._requireProxy()
        if isinstance(method, ServerMethod) != self._isServer:
            raise ManagedProcessError("the child launched methods of the wrong side")
        self._requireRoom(self.servers if self._isServer else self.clients)
        if isinstance(method, ServerMethod):
            self.servers.setdefault(method.name, method)
        else:
            self.clients.setdefault(method.name, method)

    def _done(self, isServer: bool) -> None:
        self._requireProxy()
        if isServer != self._isServer:
            raise ManagedProcessError("the child launched methods of the wrong side")
        self.stage = Stage.DONE

    def _requireRoom(self, known: Sized) -> None:
        if len(known) >= limits.CHILD_METHODS:
            raise ManagedProcessError("the child reported more methods than there can be")

    def _requireProxy(self) -> None:
        # A child that never heard of upstream proxies would go around ours.
        if self._needsProxy:
            raise ChildRefused("the child did not accept the upstream proxy")
