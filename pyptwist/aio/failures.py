"""
Failures as asyncio programs expect them: kinds of ``OSError``.

============== ================================================
cause          exception
============== ================================================
dns            ``socket.gaierror``
refused        ``ConnectionRefusedError``
timeout        ``TimeoutError``
closed-by-peer ``ConnectionResetError``
unreachable    ``OSError``, with the kernel's ``errno`` if known
others         ``ConnectionFailed``, a ``ConnectionError``
============== ================================================

The first error is the ``__cause__`` of these; ``pyptwist.errors.causeOf`` names
its cause.
"""

from __future__ import annotations

import errno
import os
import socket

from twisted.internet.error import CannotListenError

from pyptwist.errors import Cause, ConfigurationError, PTError, causeOf


class ConnectionFailed(PTError, ConnectionError):
    """
    A connection failed for a reason that TCP does not know, such as a peer that
    does not authenticate.

    :ivar cause: which.
    """

    def __init__(self, message: str, cause: Cause) -> None:
        super().__init__(message)
        self.cause = cause


def asOSError(error: BaseException) -> BaseException:
    """
    :param error: of an endpoint, or of a connection that was lost.
    :returns: what an asyncio program expects, with the error as its cause; the error
        itself if it is one of ``OSError``'s own kinds, the caller's fault, or
        nobody's foresight.
    """
    if isinstance(error, ConfigurationError):
        return error
    expected = _expected(error, causeOf(error))
    if expected is not error:
        expected.__cause__ = error
    return expected


def _expected(error: BaseException, cause: Cause) -> BaseException:
    text = str(error)
    if isinstance(error, CannotListenError):
        return _numbered(getattr(error.socketError, "errno", None) or errno.EADDRINUSE)
    if cause is Cause.DNS:
        return socket.gaierror(socket.EAI_NONAME, "the name could not be resolved")
    if cause is Cause.REFUSED:
        return _numbered(errno.ECONNREFUSED)
    if cause is Cause.TIMEOUT:
        return TimeoutError(errno.ETIMEDOUT, text)
    if cause is Cause.CLOSED_BY_PEER:
        return ConnectionResetError(errno.ECONNRESET, "the peer closed the connection")
    if cause is Cause.UNREACHABLE:
        return _numbered(getattr(error, "osError", None) or errno.EHOSTUNREACH)
    if cause is Cause.INTERNAL:
        return error
    return ConnectionFailed(text, cause)


def _numbered(number: int) -> OSError:
    # OSError makes the kind that fits the number.
    return OSError(number, os.strerror(number))
