"""
Proxies that others wrote, on loopback.

Each connects to the outside from an address of its own, so whoever is connected
to can tell it from anybody else.
"""

from __future__ import annotations

import getpass
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import GRACE, Child, Ended, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Address
from pyptwist.testing.survivors import descendants
from tests.integration.inspection import sockets, until
from tests.peers import requirePeer
from tests.ports import freePort

#: Where the proxies connect from.
SOURCE: Final = "127.0.0.5"

#: A user's name and password.
Credentials = tuple[str, str]

_TINYPROXY: Final = """
Listen 127.0.0.1
Port {port}
Bind {source}
Timeout 60
LogLevel Connect
"""

_DANTED: Final = """
logoutput: stdout
internal: 127.0.0.1 port = {port}
external: {source}
clientmethod: none
socksmethod: none
user.privileged: {user}
user.unprivileged: {user}
client pass {{
    from: 127.0.0.0/8 to: 127.0.0.0/8
}}
socks pass {{
    from: 127.0.0.0/8 to: 127.0.0.0/8
    command: connect
    proxyprotocol: socks_v4
}}
"""


class Proxy(Child):
    """
    A proxy that runs.

    :ivar scheme: how ``TOR_PT_PROXY`` names what it speaks.
    :ivar address: where it listens.
    """

    scheme: str
    address: Address

    def url(self, credentials: Credentials | None = None) -> str:
        """
        :returns: ``TOR_PT_PROXY``.
        """
        host, port = self.address
        return f"{self.scheme}://{':'.join(credentials) + '@' if credentials else ''}{host}:{port}"

    @property
    def log(self) -> str:
        """
        All that it wrote.
        """
        return "\n".join([*self.lines, self.errors.decode()])

    async def stop(self, grace: float = GRACE) -> Ended:
        """
        Its children end as well: danted's outlive it as long as they carry
        something.
        """
        family = [os.pidfd_open(pid) for pid in descendants(self.pid)]
        ended = await super().stop(grace)
        for descriptor in family:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)
        return ended


async def microsocks(test: TestCase, credentials: Credentials | None = None) -> Proxy:
    """
    :param credentials: to be asked for, if any.
    :returns: a SOCKS5 proxy.
    """
    options = ["-i", "127.0.0.1", "-p", "0", "-b", SOURCE]
    if credentials:
        options += ["-u", credentials[0], "-P", credentials[1]]
    return await _start(test, "socks5", [requirePeer("microsocks"), *options])


async def tinyproxy(test: TestCase, credentials: Credentials | None = None) -> Proxy:
    """
    :param credentials: to be asked for, if any: letters and digits.
    :returns: an HTTP proxy.
    """
    text = _TINYPROXY.format(port=freePort(), source=SOURCE)
    if credentials:
        text += "BasicAuth {} {}\n".format(*credentials)
    program = requirePeer("tinyproxy")
    return await _start(test, "http", [program, "-d", "-c", _file(test, text)])


async def danted(test: TestCase) -> Proxy:
    """
    :returns: a SOCKS4 proxy.
    """
    text = _DANTED.format(port=freePort(), source=SOURCE, user=getpass.getuser())
    program = requirePeer("danted")
    pidFile = str(freshDirectory(test))
    return await _start(test, "socks4a", [program, "-f", _file(test, text), "-p", pidFile])


async def _start(test: TestCase, scheme: str, command: Sequence[str]) -> Proxy:
    # Until it has become another program, the new process holds our sockets.
    ours = sockets(os.getpid())
    proxy = spawn(test, Proxy(scheme), command, baseEnvironment())
    proxy.scheme = scheme

    def listening() -> list[Address]:
        assert proxy.ended is None, proxy.log
        theirs = [socket for socket in sockets(proxy.pid) if socket not in ours]
        return [socket.local for socket in theirs if socket.isListening]

    await until(lambda: bool(listening()), f"that {command[0]} listens")
    [proxy.address] = listening()
    return proxy


def _file(test: TestCase, text: str) -> str:
    path = freshDirectory(test)
    path.write_text(text, "ascii")
    return str(path)
