"""
dummy: every byte as it is.

It hides nothing.  It is here to test everything around a method, to measure what
that costs, and to show the least that a method can be.
"""

from __future__ import annotations

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase, CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.interfaces import Context


class DummyCodec(CodecBase):
    """
    Ready at once; what comes is delivered, what is sent is transmitted.
    """

    def begin(self) -> None:
        self.state = self._stream
        self.ready()

    def _stream(self) -> bool:
        self.deliver(self.take(len(self.buffer)))
        return False


class Dummy(CodecClientTransport, CodecServerTransport):
    """
    The method ``dummy``, both sides.  There are no arguments.
    """

    name = "dummy"
    admitsAnybody = True

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return DummyCodec

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return DummyCodec, Arguments()
