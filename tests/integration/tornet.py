"""
A private tor network on loopback: an authority, an exit, bridges and clients.

Every tor is in testing mode, knows no authority but ours, and may only send
from 127.0.0.0/8, so nothing can leave this machine.  All waiting is for lines
of tor's log, or in its files.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.children import GRACE, Child, Ended, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Address, Stream, connect
from pyptwist.testing.survivors import descendants, witness
from tests.peers import requirePeer
from tests.ports import freePort

#: Seconds for each tor to get ready; two to six are usual, and ten more for the
#: authority if the exit was too late for its first vote.
BOOTSTRAP: Final = 45.0

#: Where clients' transports connect from, if they heed what tor tells them.
CLIENT_OUTBOUND: Final = "127.0.0.2"

_COMMON: Final = """
TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.25
Address 127.0.0.1
OutboundBindAddress 127.0.0.1
ServerDNSResolvConfFile {root}/resolv.conf
ServerDNSDetectHijacking 0
ServerDNSAllowBrokenConfig 1
SafeLogging 0
Log [pt]info [*]notice stdout
ShutdownWaitLength 0
ControlPort 127.0.0.1:auto
CookieAuthentication 1
Nickname {name}
DataDirectory {root}/{name}
"""

_AUTHORITY: Final = """
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody
ORPort 127.0.0.1:{orport}
DirPort 127.0.0.1:{dirport}
SocksPort 0
ExitRelay 0
TestingV3AuthInitialVotingInterval 6
TestingV3AuthVotingStartOffset {offset}
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
TestingAuthDirTimeToLearnReachability 0
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
"""

# A policy that only accepts 127.0.0.0/8 is summed up as "accepts nothing", and no
# client would use it.  The outbound address keeps the exit at home.  As a directory
# it would be asked for what it has not got yet.
_EXIT: Final = """
ORPort 127.0.0.1:auto
SocksPort 0
ExitRelay 1
DirCache 0
ExitPolicyRejectPrivate 0
ExitPolicy accept *:*
"""

_BRIDGE: Final = """
BridgeRelay 1
PublishServerDescriptor 0
ExitRelay 0
ORPort 127.0.0.1:auto
ExtORPort auto
SocksPort 0
ServerTransportPlugin {method} exec {command}
ServerTransportListenAddr {method} 127.0.0.1:{port}
{options}
Log [general,net]debug file {debug}
"""

_CLIENT: Final = """
ClientOnly 1
ConfluxEnabled 0
SocksPort 127.0.0.1:auto
OutboundBindAddressPT {outbound}
UseBridges 1
ClientTransportPlugin {method} exec {command}
{line}
"""


class Tor(Child):
    """
    One tor in the foreground, its notices being the lines of a `Child`, along
    with whatever it says about pluggable transports.

    :ivar directory: its DataDirectory.
    """

    def __init__(self, test: TestCase, name: str, directory: Path) -> None:
        super().__init__(name)
        self._test = test
        self.directory = directory

    async def listener(self, kind: str) -> Address:
        """
        :param kind: ``Socks``, ``Control`` …
        :returns: where tor opened it.
        """
        opened = await self.whenLine(rf"Opened {kind} listener connection \(ready\) on (.*):(\d+)")
        return opened.group(1), int(opened.group(2))

    async def bootstrapped(self, percent: int) -> None:
        """
        :param percent: one of the steps that tor reports.
        """
        await self.whenLine(rf"Bootstrapped {percent}%", BOOTSTRAP)

    async def stop(self, grace: float = GRACE) -> Ended:
        """
        As any `Child`; a transport that does not end with it is killed by the
        test's cleanup.
        """
        if self.ended is None:
            self.transports()
        return await super().stop(grace)

    def transports(self) -> list[Deferred[None]]:
        """
        :returns: for each process that it has started, the end of that.
        """
        return [witness(self._test, pid) for pid in descendants(self.pid)]

    async def ask(self, question: str) -> list[str]:
        """
        :param question: for GETINFO on the control port, with an answer of
            several lines.
        :returns: these lines.
        """
        stream = await connect(self._test, await self.listener("Control"))
        cookie = (self.directory / "control_auth_cookie").read_bytes()
        await _command(stream, f"AUTHENTICATE {cookie.hex()}", "250 OK\r\n")
        await _command(stream, f"GETINFO {question}", f"250+{question}=\r\n")
        return (await stream.readUntil(b"\r\n.\r\n")).decode().splitlines()[:-1]


_T = TypeVar("_T", bound=Tor)


async def _command(stream: Stream, command: str, expected: str) -> None:
    stream.write(command.encode() + b"\r\n")
    answer = (await stream.readUntil(b"\n")).decode()
    assert answer == expected, f"tor answers {answer!r} to {command.partition(' ')[0]}"


class Bridge(Tor):
    """
    The tor behind a server's transport.

    :ivar method: the transport's name.
    :ivar address: where it listens.
    """

    def __init__(self, test: TestCase, name: str, directory: Path, method: str, port: int) -> None:
        super().__init__(test, name, directory)
        self.method = method
        self.address: Address = ("127.0.0.1", port)
        self.log = directory.with_suffix(".debug")

    def debug(self) -> str:
        """
        :returns: its debug log so far.
        """
        return self.log.read_text(errors="backslashreplace")

    async def whenBridgeLine(self) -> str:
        """
        Wait until tor has made the line for clients of the transport's arguments.
        """
        found = await _whenWritten(self.directory / "bridgelines", rf"^Bridge {self.method} .*")
        return found.group()


class TorNetwork:
    """
    The network of one test, whose cleanup ends every process.

    Each tor starts when what it needs is there: one that asks too early asks
    again only seconds later.
    """

    def __init__(self, test: TestCase, environment: Mapping[str, str] | None = None) -> None:
        """
        :param environment: more variables for each tor, which its transport inherits.
        """
        self._environment = {**baseEnvironment(), **(environment or {})}
        self._test = test
        self._tor = requirePeer("tor")
        self._root = freshDirectory(test)
        self._root.mkdir(mode=0o700, parents=True)
        (self._root / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        # Any will do until the authority's own fingerprint is known.
        self._authorityLine = f"DirAuthority a 127.0.0.1:9 {'0' * 40}"
        self._orport, self._dirport = freePort(), freePort()

    async def start(self) -> None:
        """
        Start what all bridges and clients share.
        """
        authority = await self._startAuthority()
        exit = self._launch(Tor(self._test, "exit", self._root / "exit"), _EXIT)
        # Without any one of them there are no circuits; and an exit takes streams
        # from relays only that it knows.
        for tor in authority, exit:
            for relay in authority, exit:
                await _whenWritten(tor.directory / _CONSENSUS, rf"^r {relay.name} ")

    async def startBridge(
        self,
        name: str,
        method: str,
        command: Sequence[str],
        options: str = "",
        port: int | None = None,
    ) -> Bridge:
        """
        Start a bridge, and wait until it is ready for clients.

        :param name: up to 19 letters and digits, like none before.
        :param method: the name of its transport.
        :param command: the transport's command line: an absolute path and words
            without blanks, since tor has no quotes and looks into no PATH.
        :param options: of the transport, ``KEY=VALUE`` with blanks between them, in
            which ``{port}`` is the one that it listens on.
        :param port: where the transport listens; one that is free, unless told.
        """
        port = freePort() if port is None else port
        bridge = Bridge(self._test, name, self._root / name, method, port)
        line = f"ServerTransportOptions {method} {options.format(port=port)}" if options else ""
        torrc = _BRIDGE.format(
            method=method, command=" ".join(command), port=port, debug=bridge.log, options=line
        )
        self._launch(bridge, torrc)
        await bridge.whenLine(f"Registered server transport '{method}'")
        await bridge.bootstrapped(75)
        return bridge

    async def startClient(self, name: str, bridge: Bridge, command: Sequence[str]) -> Tor:
        """
        Start a client, and wait until it is at 100 %.

        The parameters are those of a bridge.
        """
        client = Tor(self._test, name, self._root / name)
        torrc = _CLIENT.format(
            method=bridge.method,
            command=" ".join(command),
            line=await bridge.whenBridgeLine(),
            outbound=CLIENT_OUTBOUND,
        )
        self._launch(client, torrc)
        await client.bootstrapped(100)
        return client

    async def _startAuthority(self) -> Tor:
        """
        Make the authority's keys, without which no other tor can be configured,
        and start it.
        """
        v3ident = await self._makeKeys()
        path = self._write("authority", self._authorityConfiguration())
        output = await self._run([self._tor, *_FILES, "-f", str(path), "--list-fingerprint"])
        fingerprint = output[-1].partition(" ")[2].replace(" ", "")
        self._authorityLine = (
            f"DirAuthority a orport={self._orport} no-v2 v3ident={v3ident}"
            f" 127.0.0.1:{self._dirport} {fingerprint}"
        )
        authority = Tor(self._test, "authority", self._root / "authority")
        return self._launch(authority, self._authorityConfiguration())

    def _authorityConfiguration(self) -> str:
        # Consensuses at multiples of six seconds from now: the first vote is two
        # seconds before, just late enough for the exit to have introduced itself.
        offset = int(time.time()) % 6
        return _AUTHORITY.format(orport=self._orport, dirport=self._dirport, offset=offset)

    async def _makeKeys(self) -> str:
        """
        :returns: the fingerprint of the authority's identity.
        """
        keys = self._root / "authority" / "keys"
        keys.parent.mkdir(mode=0o700)
        keys.mkdir(mode=0o700)
        command = [requirePeer("tor-gencert"), "--create-identity-key", "--passphrase-fd", "0"]
        command += ["-m", "12", "-a", f"127.0.0.1:{self._dirport}"]
        for flag, name in ("-i", "identity_key"), ("-s", "signing_key"), ("-c", "certificate"):
            command += [flag, f"{keys}/authority_{name}"]
        await self._run(command)
        certificate = (keys / "authority_certificate").read_text()
        found = re.search(r"^fingerprint (\w+)$", certificate, re.MULTILINE)
        assert found is not None
        return found.group(1)

    async def _run(self, command: Sequence[str]) -> list[str]:
        """
        :returns: the output of a program that ends by itself.
        """
        child = spawn(self._test, Child(command[0]), command, baseEnvironment())
        child.closeInput()
        ended = await child.whenEnded()
        assert ended.code == 0, f"{command}: {ended}\n{child.errors.decode()}"
        return child.lines

    def _write(self, name: str, torrc: str) -> Path:
        path = self._root / f"{name}.torrc"
        common = _COMMON.format(root=self._root, name=name)
        path.write_text(f"{common}{self._authorityLine}\n{torrc}")
        return path

    def _launch(self, tor: _T, torrc: str) -> _T:
        command = [self._tor, *_FILES, "-f", str(self._write(tor.name, torrc))]
        return spawn(self._test, tor, command, self._environment)


async def _whenWritten(path: Path, pattern: str) -> re.Match[str]:
    """
    Wait for what tor writes into a file, and says nothing of.

    :param pattern: for one line.
    :returns: the first match.
    """
    last = reactor.seconds() + BOOTSTRAP
    while reactor.seconds() < last:
        text = path.read_text() if path.exists() else ""
        if found := re.search(pattern, text, re.MULTILINE):
            return found
        await deferLater(reactor, 0.1)
    raise TimeoutError(f"nothing like {pattern!r} in {path}")


#: In the data directory.
_CONSENSUS: Final = "cached-microdesc-consensus"

#: Keeps the distribution's defaults out.
_FILES: Final = ("--defaults-torrc", "/dev/null")


def clientsOf(server: Address) -> set[str]:
    """
    Ask the kernel, not the programs under test.

    :param server: an IPv4 address.
    :returns: the far ends of its established connections, as ``host:port``.
    """

    def decode(field: str) -> Address:
        host, port = field.split(":")
        return socket.inet_ntoa(bytes.fromhex(host)[::-1]), int(port, 16)

    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        "{}:{}".format(*decode(local))
        for _, local, remote, state, *_ in rows
        if state == "01" and decode(remote) == server
    }
