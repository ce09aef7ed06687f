"""
Pluggable transports as real processes, driven through the PT protocol.

::

    class Interop(TestCase):
        timeout = 60

        async def test_echo(self) -> None:
            peer = [requirePeer("obfs4proxy")]
            server = await launchServer(self, peer, listen(self, echo).address)
            client = await launchClient(self, pyptwistCommand())
            bridge = server.method("obfs4")
            stream = await socksConnect(
                self, client.method("obfs4").address, bridge.address, bridge.arguments
            )
            await stream.send(b"hello")
            self.assertEqual(await stream.read(5), b"hello")

- `launchClient` and `launchServer` start a child and wait until it has reported
  its methods; `launch` starts one and leaves the waiting to the test, for
  children that ought to fail;
- `requirePeer` skips a test whose peer is not installed;
- `pyptwistCommand` and `twistdCommand` are our own child, in its two forms.

Whatever is started here is ended by the test's cleanup, by its process id:
SIGTERM, SIGKILL after a bound, and a wait until the kernel has let it go.
`tests.streams`, `tests.destinations` and `tests.socksclient` are the network
side, `tests.children` is for processes of any other kind.

The parser of the child's output is written for tests, apart from the package's.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, TestCase

import pyptwist
from tests.children import PATIENCE, Child, ChildFailed, spawn
from tests.streams import Address

_ROOT = Path(pyptwist.__file__ or "").resolve().parent.parent


def requirePeer(program: str) -> str:
    """
    The absolute path of another project's program.

    :raises SkipTest: it is not installed.
    """
    found = shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if found is None:
        raise SkipTest(f"{program} is not installed: no peer to test against")
    return found


def pyptwistCommand() -> list[str]:
    """
    Our child as ``python -m pyptwist``.
    """
    return [sys.executable, "-m", "pyptwist"]


def twistdCommand() -> list[str]:
    """
    Our child as a bare ``twistd pt``, by the ``twistd`` beside this Python.

    :raises SkipTest: there is none.
    """
    twistd = Path(sys.executable).parent / "twistd"
    if not twistd.exists():
        raise SkipTest(f"there is no twistd beside {sys.executable}")
    return [str(twistd), "pt"]


def baseEnvironment() -> dict[str, str]:
    """
    This process's environment without what a parent of pluggable transports
    sets, and such that a child imports the same ``pyptwist`` as the test.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TOR_PT_")}
    if Path(sysconfig.get_path("purelib")).resolve() != _ROOT:
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), inherited]))
    return environment


def freshDirectory(test: TestCase) -> Path:
    """
    :returns: an absolute path under trial's directory where nothing exists yet.
    """
    return Path(cast(Any, test).mktemp()).resolve()


def managedEnvironment(state: str | Path) -> dict[str, str]:
    """
    `baseEnvironment` and what tor sets for clients and servers alike.

    :param state: the state directory; need not exist.
    """
    return baseEnvironment() | {
        "TOR_PT_MANAGED_TRANSPORT_VER": "1",
        "TOR_PT_STATE_LOCATION": f"{state}/",
        "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
    }


def encodeServerOptions(options: Mapping[str, Mapping[str, str]]) -> str:
    """
    ``TOR_PT_SERVER_TRANSPORT_OPTIONS``, escaped as tor does.

    :param options: for each method its options.
    """

    def escape(text: str) -> str:
        return re.sub(r"([:;\\])", r"\\\1", text)

    return ";".join(
        f"{method}:{escape(key)}={escape(value)}"
        for method, pairs in options.items()
        for key, value in pairs.items()
    )


@dataclass(frozen=True)
class Method:
    """
    One CMETHOD or SMETHOD line.

    :ivar address: where it listens.
    :ivar protocol: ``socks5`` …; empty for a server's method.
    :ivar arguments: what a client needs, from ARGS.
    :ivar line: the line itself.
    """

    name: str
    address: Address
    protocol: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    line: str = ""


class PTChild(Child):
    """
    A child that speaks the PT protocol, version 1.

    :ivar methods: reported so far, by name.
    :ivar refused: methods that ended in an error line, by name, with its text.
    :ivar problem: the ENV-ERROR, VERSION-ERROR or PROXY-ERROR line, if any.
    :ivar done: ``CMETHODS DONE`` or ``SMETHODS DONE`` was seen.
    """

    problem: str | None = None
    done = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.methods: dict[str, Method] = {}
        self.refused: dict[str, str] = {}

    def method(self, name: str) -> Method:
        """
        :raises ChildFailed: the child has not reported it, with its reason.
        """
        if name not in self.methods:
            raise ChildFailed(f"{self.name} has no {name}: {self.refused.get(name, 'no reason')}")
        return self.methods[name]

    def whenReady(self, patience: float = PATIENCE) -> Deferred[dict[str, Method]]:
        """
        :returns: the methods, when all are reported; some may have been
            refused.  Fails with `ChildFailed` if the child reports a problem
            with its environment or ends.
        """

        def ready() -> dict[str, Method] | None:
            if self.problem is not None:
                raise ChildFailed(f"{self.name}: {self.problem}")
            return self.methods if self.done else None

        return self.when(ready, patience, "METHODS DONE")

    def lineReceived(self, line: str) -> None:
        match line.split(" "):
            case ["CMETHOD", name, protocol, address, *_]:
                self.methods[name] = Method(name, _address(address), protocol, {}, line)
            case ["SMETHOD", name, address, *words]:
                arguments = _arguments(words[0]) if words else {}
                self.methods[name] = Method(name, _address(address), "", arguments, line)
            case ["CMETHOD-ERROR" | "SMETHOD-ERROR", name, *words]:
                self.refused[name] = " ".join(words)
            case ["ENV-ERROR" | "VERSION-ERROR" | "PROXY-ERROR", *_]:
                self.problem = line
            case ["CMETHODS" | "SMETHODS", "DONE"]:
                self.done = True


def launch(test: TestCase, command: Sequence[str], environment: Mapping[str, str]) -> PTChild:
    """
    Start a child, to be stopped by the test's cleanup, and wait for nothing.

    :param command: an absolute path and arguments.
    :param environment: all of it, see `managedEnvironment`.
    """
    return spawn(test, PTChild(" ".join(command)), command, environment)


async def launchClient(
    test: TestCase,
    command: Sequence[str],
    methods: Sequence[str] = ("obfs4",),
    environment: Mapping[str, str] | None = None,
    state: str | Path | None = None,
    patience: float = PATIENCE,
) -> PTChild:
    """
    Start a client and wait until its methods are reported.

    :param environment: more variables, or other values for the usual ones.
    :param state: its state directory; by default a fresh one.
    """
    variables = managedEnvironment(state or freshDirectory(test))
    variables["TOR_PT_CLIENT_TRANSPORTS"] = ",".join(methods)
    child = launch(test, command, variables | dict(environment or {}))
    await child.whenReady(patience)
    return child


async def launchServer(
    test: TestCase,
    command: Sequence[str],
    orport: Address,
    methods: Sequence[str] = ("obfs4",),
    options: Mapping[str, Mapping[str, str]] | None = None,
    environment: Mapping[str, str] | None = None,
    state: str | Path | None = None,
    patience: float = PATIENCE,
) -> PTChild:
    """
    Start a server, each method on a port that the kernel chooses, and wait
    until its methods are reported.

    :param orport: where it takes its clients, say `Destination.address`.
    :param options: for each method its options.
    :param environment: more variables, or other values for the usual ones.
    :param state: its state directory; by default a fresh one.
    """
    variables = managedEnvironment(state or freshDirectory(test))
    variables["TOR_PT_SERVER_TRANSPORTS"] = ",".join(methods)
    variables["TOR_PT_SERVER_BINDADDR"] = ",".join(f"{name}-127.0.0.1:0" for name in methods)
    variables["TOR_PT_ORPORT"] = "{}:{}".format(*orport)
    variables["TOR_PT_EXTENDED_SERVER_PORT"] = ""
    if options:
        variables["TOR_PT_SERVER_TRANSPORT_OPTIONS"] = encodeServerOptions(options)
    child = launch(test, command, variables | dict(environment or {}))
    await child.whenReady(patience)
    return child


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _arguments(word: str) -> dict[str, str]:
    """
    ``ARGS:k=v,k=v``, where a backslash takes the next character as it is.
    """
    if not word.startswith("ARGS:"):
        return {}
    pairs = re.findall(r"((?:[^=,\\]|\\.)*)=((?:[^,\\]|\\.)*)", word.removeprefix("ARGS:"))
    return {re.sub(r"\\(.)", r"\1", k): re.sub(r"\\(.)", r"\1", v) for k, v in pairs}
