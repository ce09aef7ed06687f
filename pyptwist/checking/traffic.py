"""
What is said to a bridge's destination once the handshake is done, and what counts
as an answer.

A transport knows nothing of what stands behind it, so whoever checks must: a tor
ORPort answers to TLS, a web server to a request, an echo service repeats.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure

from pyptwist.errors import HandshakeFailed, PTError

_HANDSHAKE, _ALERT = 22, 21  # types of TLS records, RFC 8446, section 5.1
_VERSION = b"\3"  # all of TLS, whatever comes behind it
_SERVER_HELLO = 2  # RFC 8446, section 4; whoever echoes says 1
_HEAD: Final = 6  # bytes: the record's type, version, length; the message's type


class Talk(Protocol):
    """
    What a client says, and what it expects.

    :ivar data: that it says.
    """

    data: bytes

    def heard(self, received: bytes) -> str | None:
        """
        :param received: what came last.
        :returns: a note for people, once all has come; None until then.
        :raises PTError: if that cannot be an answer.
        """


class TLSTalk:
    """
    A ClientHello, as a tor that connects to an ORPort begins: anonymous, under a
    made-up name, and without a look at certificates.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # tor's certificates are signed by nobody
        outgoing = ssl.MemoryBIO()
        name = f"www.{entropy(8).hex()}.com"
        hello = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
        try:
            hello.do_handshake()
        except ssl.SSLWantReadError:
            self.data = outgoing.read()
        self._received = b""

    def heard(self, received: bytes) -> str | None:
        self._received += received[:_HEAD]
        isKnown = self._received[0] in (_HANDSHAKE, _ALERT)
        if not isKnown or self._received[1:2] not in (b"", _VERSION):
            raise HandshakeFailed("there was an answer, but not in TLS")
        if len(self._received) < _HEAD:
            return None
        if self._received[0] == _ALERT:
            return "TLS answered with an alert"
        if self._received[_HEAD - 1] != _SERVER_HELLO:
            raise HandshakeFailed("the answer is no TLS server's")
        return "TLS answered"


class RequestTalk:
    """
    Any request, and an answer of some length.
    """

    def __init__(self, data: bytes, wanted: int = 1) -> None:
        """
        :param data: the request.
        :param wanted: bytes of answer that are enough.
        """
        self.data = data
        self._wanted = wanted
        self._count = 0

    def heard(self, received: bytes) -> str | None:
        self._count += len(received)
        return f"{self._count} bytes of answer" if self._count >= self._wanted else None


class EchoTalk:
    """
    Unpredictable bytes, which are to come back as they are.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._count = 0

    def heard(self, received: bytes) -> str | None:
        end = self._count + len(received)
        if self.data[self._count : end] != received:
            raise HandshakeFailed("what came back is not what was sent")
        self._count = end
        return f"{end // 1024} KiB there and back" if end == len(self.data) else None


class Conversation(TwistedProtocol):
    """
    Has a talk over one transport connection.

    :ivar whenOver: fires with the talk's note; fails with why there is none.
    :ivar whenLost: fires when the connection is gone.
    """

    transport: Any = None

    def __init__(self, talk: Talk, progress: Callable[[], object]) -> None:
        """
        :param progress: called whenever something comes.
        """
        self.whenOver: Deferred[str] = Deferred()
        self.whenLost: Deferred[None] = Deferred()
        self._talk = talk
        self._progress = progress

    def connectionMade(self) -> None:
        sending = FileSender().beginFileTransfer(BytesIO(self._talk.data), self.transport)
        # Whatever stops the sending ends the connection, which tells.
        sending.addErrback(lambda reason: None)

    def dataReceived(self, data: bytes) -> None:
        self._progress()
        if self.whenOver.called:
            return
        try:
            note = self._talk.heard(data)
        except PTError:
            self.whenOver.errback(Failure())
        else:
            if note is not None:
                self.whenOver.callback(note)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.whenOver.called:
            self.whenOver.errback(reason)
        self.whenLost.callback(None)
