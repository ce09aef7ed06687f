"""
Pluggable transports as real processes, driven through the PT protocol.

::

    class EchoTests(TestCase):
        timeout = 60

        async def test_echo(self) -> None:
            orport = listen(self, echo).address
            server = await launchServer(self, twistdCommand(), orport, ["mine"])
            client = await launchClient(self, pyptwistCommand(), ["mine"])
            bridge = server.method("mine")
            stream = await socksConnect(
                self, client.method("mine").address, bridge.address, bridge.arguments
            )
            await stream.send(b"hello")
            self.assertEqual(await stream.read(5), b"hello")

- ``launchClient`` and ``launchServer`` start a child and wait until it has
  reported its methods; ``launch`` starts one and leaves the waiting to the test,
  for children that ought to fail;
- ``pyptwistCommand`` and ``twistdCommand`` are our own child, in its two forms.

Whatever is started here is ended by the test's cleanup, by its process id:
SIGTERM, SIGKILL after a bound, and a wait until the kernel has let it go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from pyptwist.testing.children import PATIENCE, Child, ChildFailed, spawn
from pyptwist.testing.conversation import Conversation, Method
from pyptwist.testing.environments import (
    encodeServerOptions,
    freshDirectory,
    managedEnvironment,
    withPaths,
)
from pyptwist.testing.streams import Address

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


class PTChild(Child):
    """
    A child that speaks the PT protocol, version 1.

    :ivar conversation: what it has said.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.conversation = Conversation()

    @property
    def methods(self) -> dict[str, Method]:
        """
        Reported so far, by name.
        """
        return self.conversation.methods

    @property
    def refused(self) -> dict[str, str]:
        """
        Methods that ended in an error line, by name, with its text.
        """
        return self.conversation.refused

    def method(self, name: str) -> Method:
        """
        :raises ChildFailed: the child has not reported it, with its reason.
        """
        if name not in self.methods:
            why = f"it has no {name}: {self.refused.get(name, 'no reason')}"
            raise ChildFailed(self.story(why))
        return self.methods[name]

    def whenReady(self, patience: float = PATIENCE) -> Deferred[dict[str, Method]]:
        """
        :returns: the methods, when all are reported; some may have been
            refused.  Fails with ``ChildFailed`` if the child reports a problem
            with its environment or ends.
        """

        def ready() -> dict[str, Method] | None:
            if self.conversation.problem is not None:
                raise ChildFailed(self.story("it cannot start"))
            return self.methods if self.conversation.done else None

        return self.when(ready, patience, "METHODS DONE")

    def lineReceived(self, line: str) -> None:
        self.conversation.line(line)


def launch(test: TestCase, command: Sequence[str], environment: Mapping[str, str]) -> PTChild:
    """
    Start a child, to be stopped by the test's cleanup, and wait for nothing.

    :param command: an absolute path and arguments.
    :param environment: all of it, see ``managedEnvironment``.
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

    :param environment: more variables, or other values for the usual ones;
        ``PYTHONPATH`` comes before the usual one.
    :param state: its state directory; by default a fresh one.
    """
    variables = managedEnvironment(state or freshDirectory(test))
    variables["TOR_PT_CLIENT_TRANSPORTS"] = ",".join(methods)
    child = launch(test, command, _joined(variables, environment))
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

    :param orport: where it takes its clients, say ``Destination.address``.
    :param options: for each method its options.
    :param environment: more variables, or other values for the usual ones;
        ``PYTHONPATH`` comes before the usual one.
    :param state: its state directory; by default a fresh one.
    """
    variables = managedEnvironment(state or freshDirectory(test))
    variables["TOR_PT_SERVER_TRANSPORTS"] = ",".join(methods)
    variables["TOR_PT_SERVER_BINDADDR"] = ",".join(f"{name}-127.0.0.1:0" for name in methods)
    variables["TOR_PT_ORPORT"] = "{}:{}".format(*orport)
    variables["TOR_PT_EXTENDED_SERVER_PORT"] = ""
    if options:
        variables["TOR_PT_SERVER_TRANSPORT_OPTIONS"] = encodeServerOptions(options)
    child = launch(test, command, _joined(variables, environment))
    await child.whenReady(patience)
    return child


def _joined(variables: Mapping[str, str], more: Mapping[str, str] | None) -> dict[str, str]:
    changes = dict(more or {})
    return withPaths(variables, changes.pop("PYTHONPATH", None)) | changes
