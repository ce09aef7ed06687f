"""
What very many flows and connections at once cost, and what is left of them.

    python -m benchmarks.crowd

One client process has two UDP listeners and a TCP listener, each to a server of its
own behind it. The load opens UDP flows and TCP connections, sends a message there
and back on each when all are open, and goes. A flow costs a server two descriptors:
the first server has as many flows as its limit allows, the second has the rest and
the TCP connections.

For each process it is told: what is resident; what of it is in use, as blocks of
Python's and as MiB of the C library's; descriptors; and processor time.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks import usage
from benchmarks.compare import between
from benchmarks.destination import ECHO, Destination
from benchmarks.process import START_LIMIT, STOP_LIMIT, LaunchFailed
from benchmarks.socks import Address
from benchmarks.streams import prepare, receive, send
from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.configfile.generate import freshOptions
from pyptwist.configfile.writing import value
from pyptwist.transports.obfs4.identity import Identity

#: Handshakes that may be under way at the same time.
CALLERS = 16
#: Seconds for an answer, and how many times to ask: nothing repeats a datagram.
ANSWER, ATTEMPTS = 10.0, 3
#: Seconds that closing may take, beyond the time for which flows stay.
CLOSING = 60.0
#: Descriptors that a process has besides those of flows and connections.
_SPARE = 64
#: An application's address: apart from the servers', which take ports of their own.
_HERE = "127.0.0.2"

#: Seconds between two looks at memory, see ``pyptwist.ebb``.
_LOOK = 10.0
#: Where a process tells what it uses, in its working directory.
_USAGE = "usage"

#: The program, with other times, and with a way to ask what it uses.
_PROGRAM = """
import signal, sys
from benchmarks.crowd import tellUsage
from pyptwist import limits
limits.FLOW_IDLE, limits.MEMORY_LOOK = float(sys.argv.pop(1)), float(sys.argv.pop(1))
signal.signal(signal.SIGUSR1, tellUsage)
from pyptwist.main import main
main()
"""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Reading:
    """
    :ivar memory: resident, in KiB.
    :ivar descriptors: how many are open.
    :ivar cpu: seconds of processor time so far.
    :ivar blocks: of memory that Python objects use.
    :ivar heap: bytes in use of what the C library allocated, 0 if it does not say.
    """

    memory: int
    descriptors: int
    cpu: float
    blocks: int
    heap: int


class _Mallinfo(ctypes.Structure):
    """
    glibc's ``struct mallinfo2``.
    """

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    ]


def tellUsage(*signal: object) -> None:
    """
    What a process does when it is asked what it uses.
    """
    heap = 0
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is not None:
        mallinfo.restype = _Mallinfo
        found = mallinfo()
        heap = found.uordblks + found.hblkhd
    written = Path(f"{_USAGE}.new")
    written.write_text(f"{sys.getallocatedblocks()} {heap}")
    written.rename(_USAGE)


class Process:
    """
    A running pyptwist with a configuration file.
    """

    def __init__(self, name: str, text: str, idle: float, home: Path) -> None:
        """
        :param text: the file.
        :param idle: seconds for which flows stay.
        :raises LaunchFailed: it does not start.
        """
        self.name = name
        directory = home / name
        directory.mkdir()
        path = directory / "pt.toml"
        path.write_text(text)
        command = [sys.executable, "-c", _PROGRAM, str(idle), str(_LOOK), "-config", str(path)]
        self._usage = directory / _USAGE
        self._said = directory / "stderr"
        self._errors = self._said.open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.pid = self._process.pid
        self.addresses = self._listening()

    def _listening(self) -> Mapping[str, Address]:
        found = {}
        guard = threading.Timer(START_LIMIT, self._process.kill)
        guard.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := re.match(rb"(\w+): \w+ \w+ on ([0-9.]+):(\d+),", line):
                found[match[1].decode()] = match[2].decode(), int(match[3])
            if line.startswith(b"All of them listen"):
                guard.cancel()
                return found
        guard.cancel()
        self.stop()
        raise LaunchFailed(f"{self.name} does not start\n{self._said.read_text()}".rstrip())

    def descriptors(self) -> int:
        """
        :returns: how many are open now.
        """
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def read(self) -> Reading:
        """
        :returns: what it has now.
        """
        opened = self.descriptors()
        memory, cpu = usage.memory(self.pid).rss, usage.cpuSeconds(self.pid)
        self._usage.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + ANSWER
        while not self._usage.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        blocks, heap = map(int, self._usage.read_text().split())
        return Reading(memory, opened, cpu, blocks, heap)

    def stop(self) -> None:
        """
        End it.
        """
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()


@contextmanager
def echo() -> Iterator[int]:
    """
    Send datagrams back.

    :returns: the port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        port.bind(("127.0.0.1", 0))
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                datagram, address = port.recvfrom(2048)
                if datagram:
                    port.sendto(datagram, address)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port.getsockname()[1]
        ended.set()
        port.sendto(b"", port.getsockname())
        thread.join()


class Flow:
    """
    An application that sends datagrams.
    """

    def __init__(self, address: Address) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_HERE, 0))
        self._socket.connect(address)
        self._socket.settimeout(ANSWER)
        self._numbers = count(1)
        self.lost = 0
        self.ask()

    def ask(self) -> None:
        """
        Send one there and back; again if it does not come.

        :raises TimeoutError: none does.
        """
        for _ in range(ATTEMPTS):
            question = b"%d" % next(self._numbers)
            self._socket.send(question)
            try:
                while self._socket.recv(64) != question:
                    pass
                return
            except TimeoutError:
                self.lost += 1
        raise TimeoutError("a flow gets no answer")

    def close(self) -> None:
        """
        Leave.
        """
        self._socket.close()


class Connection:
    """
    An application that has a connection.
    """

    lost = 0

    def __init__(self, address: Address) -> None:
        self._socket = prepare(socket.create_connection(address, ANSWER))
        self._socket.settimeout(None)
        prepare(self._socket)
        self.ask(ECHO)

    def ask(self, byte: bytes = b"!") -> None:
        """
        Send one there and back.
        """
        send(self._socket, byte)
        if receive(self._socket, 1) != byte:
            raise ValueError("the byte came back changed")

    def close(self) -> None:
        """
        Leave.
        """
        self._socket.close()


def serverFile(sections: Mapping[str, tuple[str, int]]) -> tuple[str, dict[str, str]]:
    """
    :param sections: for each name a mode and a target's port.
    :returns: the file, and for each name the certificate.
    """
    text, certificates = "", {}
    for name, (mode, port) in sections.items():
        options, _ = freshOptions("obfs4", os.urandom)
        certificates[name] = Identity.fromOptions(Arguments(options.items())).cert
        text += (
            f'[[server]]\nname = "{name}"\nmethod = "obfs4"\nmode = "{mode}"\n'
            f'listen = "127.0.0.1:0"\ntarget = "127.0.0.1:{port}"\n'
            f"options = {value(dict(options.items()))}\n"
        )
    return text, certificates


def clientFile(bridges: Mapping[str, tuple[str, Address, str]]) -> str:
    """
    :param bridges: for each name a mode, the server, and its certificate.
    """
    return "".join(
        f'[[client]]\nname = "{name}"\nmode = "{mode}"\nlisten = "127.0.0.1:0"\n'
        f'bridge = "obfs4 {address[0]}:{address[1]} cert={certificate} iat-mode=0"\n'
        for name, (mode, address, certificate) in bridges.items()
    )


class Crowd:
    """
    The processes, and their figures.
    """

    def __init__(self, options: argparse.Namespace, home: Path, stack: ExitStack) -> None:
        self._options, self._home, self._stack = options, home, stack
        udp = "transparent-UDP", stack.enter_context(echo())
        tcp = "transparent-TCP", stack.enter_context(Destination()).port
        bridges: dict[str, tuple[str, Address, str]] = {}
        self.processes: list[Process] = []
        for name, sections in (("server1", {"one": udp}), ("server2", {"two": udp, "tcp": tcp})):
            text, certificates = serverFile(sections)
            addresses = self._launch(name, text)
            for each, (mode, _) in sections.items():
                bridges[each] = mode, addresses[each], certificates[each]
        self.addresses = self._launch("client", clientFile(bridges))
        self._before = self.read()

    def _launch(self, name: str, text: str) -> Mapping[str, Address]:
        process = Process(name, text, self._options.idle, self._home)
        self._stack.callback(process.stop)
        self.processes.append(process)
        return process.addresses

    def read(self) -> list[Reading]:
        """
        :returns: what each process has now.
        """
        return [process.read() for process in self.processes]

    def tell(self, what: str, per: Sequence[int]) -> None:
        """
        Print what has come since the start.

        :param per: among how many the memory of each process is divided; 0 for
            a process that is not concerned.
        """
        print(f"\n{what}")
        for process, before, now, number in zip(
            self.processes, self._before, self.read(), per, strict=True
        ):
            memory = now.memory - before.memory
            each = f"{memory / number:7.1f} KiB each" if number else ""
            print(
                f"  {process.name:8} {now.memory / 1024:7.1f} MiB ({memory / 1024:+6.1f});"
                f" in use {now.blocks:7} blocks ({now.blocks - before.blocks:+8})"
                f" {now.heap / 2**20:5.1f} MiB ({(now.heap - before.heap) / 2**20:+5.1f});"
                f" {now.descriptors:5} descriptors ({now.descriptors - before.descriptors:+6});"
                f" {now.cpu - before.cpu:5.1f} s {each}".rstrip(),
                flush=True,
            )

    def settle(self) -> float:
        """
        Wait until the descriptors are as many as at the start, or for long enough.

        :returns: how many seconds that took.
        """
        begun = time.monotonic()
        wanted = [reading.descriptors for reading in self._before]
        while time.monotonic() - begun < self._options.idle + CLOSING:
            opened = [process.descriptors() for process in self.processes]
            if all(now <= most for now, most in zip(opened, wanted, strict=True)):
                break
            time.sleep(1)
        return time.monotonic() - begun


def inParallel(call: Callable[[_T], object], over: Sequence[_T]) -> float:
    """
    :returns: seconds that it took.
    """
    begun = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        for done in [pool.submit(call, each) for each in over]:
            done.result()
    return time.monotonic() - begun


def parser() -> argparse.ArgumentParser:
    """
    The command line.
    """
    made = argparse.ArgumentParser(
        description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--flows", type=between(1, 100000), default=10000, help="UDP flows (%(default)s)")
    add("--connections", type=between(1, 20000), default=2000, help="TCP (%(default)s)")
    add("--rounds", type=between(1, 100), default=2, help="of all of it (%(default)s)")
    add(
        "--idle",
        type=between(1, 3600),
        default=int(limits.FLOW_IDLE),
        help="seconds for which a silent flow stays, longer than all are opened in (%(default)s)",
    )
    return made


def measure(options: argparse.Namespace, crowd: Crowd) -> None:
    """
    Open, use, close.
    """
    opened: deque[Connection | Flow] = deque()
    flows, many = options.flows, options.connections
    first = min(flows, options.fit)
    rest = flows - first
    udp = [crowd.addresses["one"]] * first + [crowd.addresses["two"]] * rest
    took = inParallel(lambda address: opened.append(Flow(address)), udp)
    crowd.tell(f"{flows} UDP flows, opened in {took:.0f} s", [first, rest, flows])
    tcp = [crowd.addresses["tcp"]] * many
    # Whoever is at the other end of these does not wait for long: they are first.
    took = inParallel(lambda address: opened.appendleft(Connection(address)), tcp)
    crowd.tell(
        f"and {many} TCP connections, opened in {took:.0f} s", [first, rest + many, flows + many]
    )
    took = inParallel(lambda each: each.ask(), opened)
    lost = sum(each.lost for each in opened)
    crowd.tell(f"one message there and back on each: {took:.0f} s, {lost} lost", [0, 0, 0])
    for each in opened:
        each.close()
    took = crowd.settle()
    crowd.tell(f"{took:.0f} s after they were closed", [0, 0, 0])
    time.sleep(2 * _LOOK)
    crowd.tell("when memory was given back", [0, 0, 0])


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Measure, and print.
    """
    options = parser().parse_args(arguments)
    if not usage.available():
        raise SystemExit("this needs Linux: memory is read from /proc")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.fit = (hard - _SPARE) // 2
    rest = max(0, options.flows - options.fit)
    needed = max(options.flows, 2 * rest) + 2 * options.connections + _SPARE
    if needed > hard:
        raise SystemExit(f"this needs {needed} descriptors a process, and {hard} are allowed")
    with TemporaryDirectory(prefix="pt-benchmark-") as home, ExitStack() as stack:
        crowd = Crowd(options, Path(home), stack)
        crowd.tell("at rest", [0, 0, 0])
        for number in range(options.rounds):
            print(f"\nRound {number + 1}")
            measure(options, crowd)


if __name__ == "__main__":
    main()
