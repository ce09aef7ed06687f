"""
The extended ORPort, as a bridge's tor offers it: what its clients are, and then
their bytes.

Written from ext-orport-spec, apart from ``pyptwist.extorport``.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import DeferredQueue

from pyptwist.testing.destinations import listen
from pyptwist.testing.environments import freshDirectory
from pyptwist.testing.streams import Stream, bounded

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

_HEADER: Final = b"! Extended ORPort Auth Cookie !\n"
_TO_CLIENT: Final = b"ExtORPort authentication server-to-client hash"
_TO_SERVER: Final = b"ExtORPort authentication client-to-server hash"
_DONE, _USERADDR, _TRANSPORT, _OKAY, _DENY = 0, 1, 2, 0x1000, 0x1001
_NAMES: Final = {_USERADDR: "USERADDR", _TRANSPORT: "TRANSPORT"}


@dataclass(frozen=True)
class Client:
    """
    A client that a transport's server brought.

    :ivar userAddress: such as ``192.0.2.1:1234``; empty if it was not told.
    :ivar transport: the method's name; empty if it was not told.
    :ivar stream: its bytes, read and written by the test.
    """

    userAddress: str
    transport: str
    stream: Stream


class ExtendedORPort:
    """
    Listens until the test's cleanup.

    :ivar verdict: judges each client by its address and transport: True for
        OKAY, False for DENY.
    :ivar faults: what a server said that tor would close the connection for.
    """

    def __init__(self, test: TestCase) -> None:
        directory = freshDirectory(test)
        directory.mkdir(0o700, parents=True)
        self._cookie = os.urandom(32)
        self._file = directory / "extended_orport_auth_cookie"
        self._write()
        self._clients: DeferredQueue[Client] = DeferredQueue()
        self._destination = listen(test, self._serve)
        self.verdict: Callable[[str, str], bool] = lambda userAddress, transport: True
        self.faults: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """
        What tor says of it to a server.
        """
        return {
            "TOR_PT_EXTENDED_SERVER_PORT": "{}:{}".format(*self._destination.address),
            "TOR_PT_AUTH_COOKIE_FILE": str(self._file),
        }

    @property
    def address(self) -> str:
        """
        Where it listens, as flags have it.
        """
        return self.environment["TOR_PT_EXTENDED_SERVER_PORT"]

    @property
    def cookieFile(self) -> str:
        """
        The path of its secret.
        """
        return str(self._file)

    async def stop(self) -> None:
        """
        Be a tor that was killed: nobody listens, and every connection is dropped.
        """
        await self._destination.stop()

    async def accept(self, patience: float = Stream.patience) -> Client:
        """
        The next client that was let in, waiting for it if need be.
        """
        return await bounded(self._clients.get(), patience, "a client at the ext-ORPort")

    def _write(self) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(_HEADER + self._cookie)

    async def _serve(self, stream: Stream) -> None:
        if not await self._authenticated(stream):
            stream.close()
            return
        told = await self._told(stream)
        isWelcome = self.verdict(told["USERADDR"], told["TRANSPORT"])
        stream.write((_OKAY if isWelcome else _DENY).to_bytes(2, "big") + b"\0\0")
        if isWelcome:
            self._clients.put(Client(told["USERADDR"], told["TRANSPORT"], stream))
        else:
            stream.close()

    async def _authenticated(self, stream: Stream) -> bool:
        stream.write(b"\x01\0")
        if await stream.read(1) != b"\x01":
            self.faults.append("the server chose a way to authenticate that was not offered")
            return False
        clientNonce, serverNonce = await stream.read(32), os.urandom(32)
        stream.write(self._hash(_TO_CLIENT, clientNonce + serverNonce) + serverNonce)
        isRight = hmac.compare_digest(
            await stream.read(32), self._hash(_TO_SERVER, clientNonce + serverNonce)
        )
        stream.write(bytes([isRight]))
        if not isRight:
            self.faults.append("the server does not know the cookie")
        return isRight

    def _hash(self, label: bytes, nonces: bytes) -> bytes:
        return hmac.digest(self._cookie, label + nonces, "sha256")

    async def _told(self, stream: Stream) -> dict[str, str]:
        """
        :returns: the bodies of USERADDR and TRANSPORT.
        """
        told = {"USERADDR": "", "TRANSPORT": ""}
        while True:
            header = await stream.read(4)
            command, length = int.from_bytes(header[:2], "big"), int.from_bytes(header[2:], "big")
            body = await stream.read(length)
            if command == _DONE:
                break
            if command in _NAMES:
                told[_NAMES[command]] = body.decode("ascii", "backslashreplace")
        if stream.unread:
            self.faults.append("payload came before OKAY: tor closes such a connection")
        return told
