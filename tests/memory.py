"""
A codec that is easy to reason about, for the tests of what drives codecs.
"""

from __future__ import annotations

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase, CodecFactory, Transmit
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed, FramingError
from pyptwist.interfaces import Context


class HelloCodec(CodecBase):
    """
    Each side says ``hello``, then bytes are sent as they are, but for ``!``,
    which is a framing error, and ``~``, which ends the stream in order.
    """

    maximumBuffer = 64 * 1024

    def begin(self) -> None:
        self.state = self._hello
        self.transmit(b"hello")

    def _hello(self) -> bool:
        if len(self.buffer) < 5:
            return False
        if self.take(5) != b"hello":
            raise AuthenticationFailed()
        self.ready()
        self.state = self._stream
        return True

    def _stream(self) -> bool:
        if not self.buffer:
            return False
        data = self.take(len(self.buffer))
        for stop in (b"!", b"~"):
            if stop in data:
                self.deliver(data.partition(stop)[0])
                self.finish(FramingError() if stop == b"!" else None)
                return False
        self.deliver(data)
        return False


class DrainingCodec(HelloCodec):
    """
    As a server should: whoever fails hears nothing, for seven seconds.
    """

    def failed(self, error: Exception) -> None:
        assert isinstance(error, AuthenticationFailed)
        self.drainUntil(self.now + 7, error)


class SlowCodec(HelloCodec):
    """
    Sends a kibibyte a second, holding back the rest.
    """

    def encode(self, data: bytes) -> None:
        self._waiting = getattr(self, "_waiting", b"") + data
        self.backlog = len(self._waiting)
        if self.nextTimer is None:
            self.nextTimer = self.now + 1

    def timer(self) -> None:
        piece, self._waiting = self._waiting[:1024], self._waiting[1024:]
        self.backlog = len(self._waiting)
        self.out.append(Transmit(piece))
        if self.backlog:
            self.nextTimer = self.now + 1


class Hello(CodecClientTransport, CodecServerTransport):
    """
    The method of these codecs.
    """

    name = "hello"
    codec: CodecFactory = HelloCodec

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return self.codec

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return self.codec, Arguments({"greeting": "hello"})


class Slow(Hello):
    """
    The slow one.
    """

    name = "slow"
    codec = SlowCodec


class Draining(Hello):
    """
    The one whose server drains.
    """

    name = "draining"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return DrainingCodec, Arguments()
