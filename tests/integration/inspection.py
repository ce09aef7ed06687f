"""
What the kernel knows of a process: its sockets, descriptors, memory and time.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from twisted.internet import reactor
from twisted.internet.task import deferLater

from pyptwist.testing.streams import Address

_PROC: Final = Path("/proc")

#: Of the states in Linux's ``tcp_states.h``, the one that matters here.
_LISTEN: Final = 0x0A

#: Seconds between two looks.
_POLL: Final = 0.05


@dataclass(frozen=True)
class Socket:
    """
    An open TCP or UDP socket.

    :ivar protocol: ``tcp`` or ``udp``, with a 6 for IPv6.
    :ivar remote: all zeros if there is none.
    """

    protocol: str
    local: Address
    remote: Address
    isListening: bool


def sockets(pid: int) -> list[Socket]:
    """
    :returns: those that a process has open now, those it is connecting included.
    """
    links = (re.fullmatch(r"socket:\[(\d+)\]", link) for link in descriptors(pid))
    inodes = {link[1] for link in links if link}
    return [
        socket
        for protocol in ("tcp", "tcp6", "udp", "udp6")
        for inode, socket in _table(pid, protocol)
        if inode in inodes
    ]


def descriptors(pid: int) -> list[str]:
    """
    :returns: what each open descriptor of a process leads to.
    """
    found = []
    for link in (_PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


def peak(pid: int) -> int:
    """
    :returns: the most bytes of a process that ever were in memory.
    """
    text = (_PROC / str(pid) / "status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return int(found[1]) * 1024


def cpuSeconds(pid: int) -> float:
    """
    :returns: processor time that a process has used so far, user and system.
    """
    # The second field, a name in parentheses, may hold anything.
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def until(check: Callable[[], bool], what: str, patience: float = 10.0) -> None:
    """
    Look again and again, for what nobody tells us of.

    :param what: what is waited for, for the error message.
    :raises TimeoutError: it did not come about in time.
    """
    deadline = reactor.seconds() + patience
    while not check():
        if reactor.seconds() > deadline:
            raise TimeoutError(f"not within {patience} s: {what}")
        await deferLater(reactor, _POLL)


def _table(pid: int, protocol: str) -> Iterator[tuple[str, Socket]]:
    """
    :returns: of each socket in the process's network its inode, and itself.
    """
    with suppress(FileNotFoundError):  # a kernel without IPv6
        for line in (_PROC / str(pid) / "net" / protocol).read_text().splitlines()[1:]:
            _, local, remote, state, *_, inode = line.split()[:10]
            isListening = protocol.startswith("tcp") and int(state, 16) == _LISTEN
            yield inode, Socket(protocol, _address(local), _address(remote), isListening)


def _address(text: str) -> Address:
    host, _, port = text.partition(":")
    # Words of 32 bits, each as it lies in this machine's memory.
    words = [int(host[i : i + 8], 16) for i in range(0, len(host), 8)]
    data = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    ip = IPv4Address(data) if len(data) == 4 else IPv6Address(data)
    return str(ip), int(port, 16)
