"""
What the applications say to each other while they are looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyptwist.errors import PTError
from pyptwist.inspection.flows import Side

_REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: www.example.org\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Connection: keep-alive\r\n\r\n"
)
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
_LINE = b"<p>Whoever reads this reads it on the wire, since nobody has hidden it.</p>\n"


@dataclass(frozen=True)
class Turn:
    """
    What one side says before the other one does.
    """

    speaker: Side
    data: bytes


def browsing() -> list[Turn]:
    """
    :returns: a browser that asks for a page of text and for an image, without
        TLS: what a transport does not hide is plain to see.
    """
    page = _LINE * 75
    image = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(1000))
    return [
        Turn(Side.CLIENT, _REQUEST % b"/index.html"),
        Turn(Side.SERVER, _RESPONSE % (b"text/html", len(page)) + page),
        Turn(Side.CLIENT, _REQUEST % b"/image.png"),
        Turn(Side.SERVER, _RESPONSE % (b"image/png", len(image)) + image),
    ]


def echoing(data: bytes) -> list[Turn]:
    """
    :returns: a client that says this, and hears it again.
    """
    return [Turn(Side.CLIENT, data), Turn(Side.SERVER, data)]


class Conversation(Factory):
    """
    Builds the applications of the server's side; and those of the client's.

    :ivar problem: what was wrong with what arrived, if anything.
    """

    noisy = False

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = turns
        self.problem: PTError | None = None

    def buildProtocol(self, addr: IAddress | None) -> Talker:
        talker = Talker(self, Side.SERVER)
        talker.done.addErrback(lambda _: None)  # The client's side tells of it.
        return talker

    def client(self) -> Talker:
        """
        :returns: the client's side of the next connection.
        """
        return Talker(self, Side.CLIENT)


class Talker(Protocol):
    """
    One side of one conversation.  The client ends the connection after the last
    turn.

    :ivar done: fires when all turns are over.
    """

    def __init__(self, conversation: Conversation, side: Side) -> None:
        self._conversation = conversation
        self._side = side
        self._turns = list(conversation.turns)
        self._heard = 0  # bytes of the other side's present turn
        self.done: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self._goOn()

    def dataReceived(self, data: bytes) -> None:
        while data:
            said = b"" if self._isMine() else self._turns[0].data
            mine = data[: len(said) - self._heard]
            if not mine or not said.startswith(mine, self._heard):
                self._complain()
                return
            self._heard += len(mine)
            data = data[len(mine) :]
            if self._heard == len(said):
                self._heard = 0
                del self._turns[0]
                self._goOn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(reason)

    def _goOn(self) -> None:
        transport: Any = self.transport
        while self._turns and self._isMine():
            transport.write(self._turns.pop(0).data)
        if not self._turns and not self.done.called:
            self.done.callback(None)
            if self._side is Side.CLIENT:
                transport.loseConnection()

    def _isMine(self) -> bool:
        """
        Is it not the other side's turn?
        """
        return not self._turns or self._turns[0].speaker is self._side

    def _complain(self) -> None:
        self._conversation.problem = PTError(
            f"the {self._side.value}'s application heard what nobody said"
        )
        transport: Any = self.transport
        transport.abortConnection()
