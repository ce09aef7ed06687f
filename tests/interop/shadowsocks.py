"""
Shadowsocks-libev's programs, on loopback, and the address header that they have in front
of payload and a pluggable transport has not.
"""

from __future__ import annotations

import socket
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment
from pyptwist.testing.reactors import theReactor
from pyptwist.testing.streams import Address, Stream, connect
from tests.peers import requirePeer
from tests.ports import freePort

PASSWORD: Final = "correct-horse-battery-staple"

_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 40.0
_PAUSE: Final = 0.05


def header(address: Address) -> bytes:
    """
    :returns: what Shadowsocks has in front of a client's payload.
    """
    host, port = address
    return b"\x01" + socket.inet_aton(host) + port.to_bytes(2, "big")


async def _reached(test: TestCase, address: Address) -> Stream:
    """
    Wait for a program that does not say when it listens.

    :returns: the first connection to it.
    """
    for _ in range(int(_PATIENCE / _PAUSE)):
        try:
            return await connect(test, address)
        except ConnectError:
            waiting: Deferred[None] = deferLater(theReactor(), _PAUSE)
            await waiting
    raise AssertionError("it does not listen")


async def server(test: TestCase, cipher: str, *flags: str) -> Address:
    """
    Start ss-server, until the test's cleanup.
    """
    address = (_HOST, freePort())
    command = [requirePeer("ss-server"), "-s", _HOST, "-p", str(address[1]), *flags]
    _start(test, command, cipher)
    (await _reached(test, address)).close()
    return address


async def local(test: TestCase, cipher: str, reached: Address, *flags: str) -> Address:
    """
    Start ss-local, until the test's cleanup.

    :param reached: where its server is.
    :returns: where it is a SOCKS proxy.
    """
    address = (_HOST, freePort())
    command = [requirePeer("ss-local"), "-s", reached[0], "-p", str(reached[1])]
    _start(test, [*command, "-b", _HOST, "-l", str(address[1]), *flags], cipher)
    # It connects to nobody before it is asked to.
    (await _reached(test, address)).close()
    return address


async def tunnel(test: TestCase, cipher: str, reached: Address, behind: Address) -> Stream:
    """
    Start ss-tunnel, until the test's cleanup.

    :param reached: where its server is.
    :param behind: where it wants its server to connect to.
    :returns: the first connection to it, whose beginning has reached the server then,
        or will.
    """
    address = (_HOST, freePort())
    command = [requirePeer("ss-tunnel"), "-s", reached[0], "-p", str(reached[1])]
    command += ["-b", _HOST, "-l", str(address[1]), "-L", f"{behind[0]}:{behind[1]}"]
    _start(test, command, cipher)
    return await _reached(test, address)


def _start(test: TestCase, command: list[str], cipher: str) -> None:
    whole = [*command, "-k", PASSWORD, "-m", cipher, "-t", "60"]
    spawn(test, Child("shadowsocks"), whole, baseEnvironment())
