"""
b64: every write as base64.

::

    object   base64(what one write held), RFC 4648 4, padded, without line breaks
    stream   object object object ...

It hides nothing from whoever looks: 64 different bytes, and nobody else's.  It is
obfsproxy's (0.2.12, ``transports/b64.py``), kept for its users, and a layer for
stacks, where a censor lets printable text pass.

Each object is as long as a multiple of four, so the whole stream is one of groups
of four, wherever an object ends; only that group can hold ``=`` in which one does.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from pyptwist.arguments import Arguments
from pyptwist.caution import warnOnce
from pyptwist.codec import CodecBase, CodecFactory, Transmit
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import FramingError
from pyptwist.interfaces import Context
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds

_REASON: Final = "its base64 is easily told apart from other traffic; use obfs4, alone or above it"

# As much as is right: whole groups, of which the last one may be padded.
_RIGHT: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]=|==))?")


class B64Codec(CodecBase):
    """
    Either side; what is no base64 ends the connection.

    It is ready at once, since there is no handshake.
    """

    def begin(self) -> None:
        self.state = self._decoding
        self.ready()

    def encode(self, data: bytes) -> None:
        self.out.append(Transmit(b2a_base64(data, newline=False)))

    def endOfInput(self) -> None:
        self.finish(FramingError("the peer ended within a group") if self.buffer else None)

    def _decoding(self) -> bool:
        payload, isRight = decode(self.take(len(self.buffer) & ~3))
        self.deliver(payload)
        if not isRight:
            raise FramingError("the peer sent what is no base64")
        return False


class B64ServerCodec(SilentServerCodec, B64Codec):
    """
    The server's side, which answers what is no base64 with silence.
    """

    def __init__(self, drain: float) -> None:
        """
        :param drain: seconds, from ``drainSeconds``.
        """
        super().__init__()
        self.drain = drain

    def begin(self) -> None:
        super().begin()
        B64Codec.begin(self)

    def knowsPeer(self) -> bool:
        # Anybody can write base64.
        return False


def decode(data: bytes) -> tuple[bytes, bool]:
    """
    :param data: whole groups of four.
    :returns: the payload of all that is right, up to the first group that is
        not, and whether there was none.
    """
    pieces: list[bytes] = []
    at = 0
    try:
        while at < len(data):
            mark = data.find(b"=", at)
            if mark & 3 < 2 and mark >= 0:
                raise Error  # the library lets pass a group that is all "="
            end = len(data) if mark < 0 else (mark | 3) + 1
            pieces.append(a2b_base64(data[at:end], strict_mode=True))
            at = end
    except Error:
        right = _RIGHT.match(data, at)
        assert right is not None  # it matches nothing, too
        pieces.append(a2b_base64(right[0]))
    return b"".join(pieces), at == len(data)


class B64(CodecClientTransport, CodecServerTransport):
    """
    The method ``b64``, both sides.  There are no arguments.
    """

    name = "b64"
    admitsAnybody = True

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        warnOnce(self.name, _REASON)
        return B64Codec

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        warnOnce(self.name, _REASON)
        drain = drainSeconds(context.entropy)
        return lambda: B64ServerCodec(drain), Arguments()
