"""
Starburst: the beginning of a conversation between mail servers, up to where they would
begin TLS.

::

    S  220 mail.imc.org SMTP service ready
    C  EHLO mail.imc.org
    S  250-mail.imc.org GREETING
       250-8BITMIME
       250-DSN
       250 STARTTLS
    C  STARTTLS
    S  220 Go ahead

Lines end in CR LF.  The greeting goes with the hour of the day where the server is.

The server of the reference closes when it hears anything else, which no mail server
does.  This one answers whatever it is asked as Postfix would that wants TLS first, for
as long as mail servers have patience.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from zope.interface import implementer

from pyptwist import limits
from pyptwist.codec import CodecBase
from pyptwist.errors import HandshakeFailed, HandshakeTimeout
from pyptwist.interfaces import Context
from pyptwist.transports.replicant.interfaces import IToneburst, ITonebursts

_HOST: Final = b"mail.imc.org"

#: By the hour, modulo their number.
GREETINGS: Final = (
    b"offers a warm hug of welcome",
    b"is my domain name.",
    b"I am glad to meet you",
    b"says hello",
    b"Hello",
)

#: Bytes of the server's longest answer: the reference's.
_LONGEST_ANSWER: Final = 253
#: Bytes of a client's longest line (RFC 5321, section 4.5.3.1.4).
_LONGEST_LINE: Final = 512

_OPENING: Final = re.compile(rb"220 [a-zA-Z0-9.-]+ SMTP service ready\r\n")
_CAPABILITIES: Final = re.compile(rb"(?s:.*?)250 STARTTLS\r\n")
_CONSENT: Final = re.compile(rb"[^\r\n]+\r\n")

_COMMANDS: Final = frozenset(
    (b"AUTH", b"BDAT", b"DATA", b"ETRN", b"EXPN", b"HELP", b"MAIL", b"RCPT", b"RSET", b"VRFY")
)


@implementer(IToneburst)
class _SmtpCodec(CodecBase):
    """
    What both sides have in common.
    """

    def rest(self) -> bytes:
        return self.take(len(self.buffer))

    def timer(self) -> None:
        self.finish(HandshakeTimeout())

    def _agreed(self) -> bool:
        self.nextTimer = None
        self.ready()
        return False

    def _idle(self) -> bool:
        return False


class SmtpClient(_SmtpCodec):
    """
    The side that connects.
    """

    def begin(self) -> None:
        self._await(self._opening)

    def _await(self, state: Callable[[], bool]) -> None:
        self.state = state
        self.nextTimer = self.now + limits.SMTP_ANSWER

    def _opening(self) -> bool:
        if self._heard(_OPENING):
            self.transmit(b"EHLO " + _HOST + b"\r\n")
            self._await(self._capabilities)
            return True
        return False

    def _capabilities(self) -> bool:
        if self._heard(_CAPABILITIES):
            # One piece, and one write: the reference's server wants it in one read.
            self.transmit(b"STARTTLS\r\n")
            self._await(self._consent)
            return True
        return False

    def _consent(self) -> bool:
        if self._heard(_CONSENT):
            self.state = self._idle
            return self._agreed()
        return False

    def _heard(self, answer: re.Pattern[bytes]) -> bool:
        """
        Remove an answer from the buffer.

        :returns: whether it was there.
        :raises HandshakeFailed: it never will.
        """
        found = answer.match(self.buffer, 0, _LONGEST_ANSWER)
        if found is not None:
            length = found.end()
            del found  # which keeps the buffer from being changed
            del self.buffer[:length]
            return True
        isLine = answer is not _CAPABILITIES and b"\n" in self.buffer
        if isLine or len(self.buffer) >= _LONGEST_ANSWER:
            raise HandshakeFailed("the server does not speak Starburst")
        return False


class SmtpServer(_SmtpCodec):
    """
    The side that is connected to.
    """

    def __init__(self, hour: Callable[[], int]) -> None:
        """
        :param hour: of the day, 0 to 23.
        """
        super().__init__()
        self._hour = hour
        self._commands = 0
        self._errors = 0
        self._isGreeted = False
        self._isTooLong = False
        self.state = self._command

    def begin(self) -> None:
        self.nextTimer = self.now + limits.SMTP_SESSION
        self._say(b"220 " + _HOST + b" SMTP service ready")

    def timer(self) -> None:
        self._say(b"421 " + _HOST + b" Error: timeout exceeded")
        super().timer()

    def _command(self) -> bool:
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) >= _LONGEST_LINE:
                self._isTooLong = True
                self.buffer.clear()
            return False
        line = self.take(end + 1).rstrip(b"\r\n")
        isTooLong, self._isTooLong = self._isTooLong or end >= _LONGEST_LINE, False
        self._commands += 1
        if isTooLong:
            self._wrong(b"500 Error: line too long")
        elif self._answer(*_parsed(line)):
            self.state = self._idle
            return self._agreed()
        elif self._commands >= limits.SMTP_COMMANDS:
            self._end(b"421 " + _HOST + b" Error: too many commands")
        return True

    def _answer(self, verb: bytes, argument: bytes) -> bool:
        """
        :returns: whether it was the end of the conversation.
        """
        if verb == b"STARTTLS":
            return self._startTLS(argument)
        if verb == b"EHLO" and argument:
            self._isGreeted = True
            self._say(*_capabilities(self._hour()))
        elif verb == b"HELO" and argument:
            self._say(b"250 " + _HOST)
        elif verb in (b"EHLO", b"HELO"):
            self._wrong(b"501 Syntax: " + verb + b" hostname")
        elif verb == b"NOOP":
            self._say(b"250 Ok")
        elif verb == b"QUIT":
            self._end(b"221 Bye")
        elif verb in _COMMANDS:
            self._wrong(b"530 Must issue a STARTTLS command first")
        elif verb:
            self._wrong(b"502 Error: command not recognized")
        else:
            self._wrong(b"500 Error: bad syntax")
        return False

    def _startTLS(self, argument: bytes) -> bool:
        if argument:
            self._wrong(b"501 Syntax: STARTTLS")
        elif not self._isGreeted:
            self._wrong(b"503 Error: send EHLO first")
        else:
            self._say(b"220 Go ahead")
            return True
        return False

    def _say(self, *lines: bytes) -> None:
        self.transmit(b"".join(line + b"\r\n" for line in lines))

    def _wrong(self, answer: bytes) -> None:
        self._say(answer)
        self._errors += 1
        if self._errors >= limits.SMTP_ERRORS:
            self._end(b"421 " + _HOST + b" Error: too many errors")

    def _end(self, answer: bytes) -> None:
        self._say(answer)
        self.finish(HandshakeFailed("the peer wanted to send mail"))


@implementer(ITonebursts)
class Starburst:
    """
    The toneburst ``Starburst``.
    """

    name = "Starburst"
    clientMode = "SMTPClient"
    serverMode = "SMTPServer"

    def client(self, context: Context) -> Callable[[], IToneburst]:
        return SmtpClient

    def server(self, context: Context) -> Callable[[], IToneburst]:
        return lambda: SmtpServer(lambda: time.localtime(context.wallClock()).tm_hour)


def _parsed(line: bytes) -> tuple[bytes, bytes]:
    """
    :returns: the verb in capitals, and what follows.
    """
    verb, _, argument = line.strip().partition(b" ")
    return verb.upper(), argument.strip()


def _capabilities(hour: int) -> list[bytes]:
    greeting = b"250-" + _HOST + b" " + GREETINGS[hour % len(GREETINGS)]
    return [greeting, b"250-8BITMIME", b"250-DSN", b"250 STARTTLS"]
