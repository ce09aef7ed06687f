"""
As much of tor as one transport method sees: a parent for its children, and their
user.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectError

from pyptwist.testing.children import Ended
from pyptwist.testing.processes import PTChild, launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.testing.streams import Address, Stream, bounded
from pyptwist.testing.survivors import descendants, witness

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

_NOWHERE: Address = ("127.0.0.1", 1)
_SECRET = 12  # characters of a value that is more than a number or a word
_GONE = 5.0  # seconds for what a child leaves to be gone


class FakeTor:
    """
    Starts children for one method, talks with them, and ends them.

    :ivar children: all that it started, in order.
    """

    def __init__(
        self, test: TestCase, methodName: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """
        :param test: fails if a child misbehaves; its cleanup ends them all.
        :param environment: more variables for all children.
        """
        self._test = test
        self._name = methodName
        self._environment = dict(environment or {})
        self.children: list[PTChild] = []

    async def server(
        self,
        command: Sequence[str],
        orport: Address = _NOWHERE,
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        state: Path | None = None,
    ) -> PTChild:
        """
        :param command: an absolute path and arguments.
        :param orport: where the server takes its clients.
        :param options: the operator's.
        :param environment: more variables, for this child.
        :param state: its state directory; by default a fresh one.
        :returns: a server that has said all that it says at its start.
        """
        child = await launchServer(
            self._test,
            command,
            orport,
            [self._name],
            {self._name: options} if options else None,
            {**self._environment, **(environment or {})},
            state,
        )
        self.children.append(child)
        return child

    async def client(self, command: Sequence[str], state: Path | None = None) -> PTChild:
        """
        :param command: an absolute path and arguments.
        :param state: its state directory; by default a fresh one.
        :returns: a client that has said all that it says at its start.
        """
        child = await launchClient(self._test, command, [self._name], self._environment, state)
        self.children.append(child)
        return child

    async def through(
        self, client: PTChild, target: Address, arguments: Mapping[str, str]
    ) -> Stream:
        """
        Open a transport connection.

        :param target: what the client is to dial.
        :param arguments: as a bridge line has them.
        :returns: the application's side of it.
        :raises SocksRefused: the client refused.
        """
        # With no arguments, tor greets the SOCKS server in another way.
        return await socksConnect(
            self._test, client.method(self._name).address, target, arguments or None
        )

    @contextlib.contextmanager
    def explaining(self, what: str) -> Iterator[None]:
        """
        Fail with what the children said, if the network does something else
        than the test expects.

        :param what: it means then.
        """
        try:
            yield
        except (EOFError, TimeoutError, SocksRefused, ConnectError, ValueError) as error:
            self._test.fail(self.story(f"{what}: {error!r}"))

    def story(self, what: str) -> str:
        """
        For the message of a failure.

        :returns: that, with the end of what each child said.
        """
        return "\n\n".join([what, *(child.story("said") for child in self.children)])

    async def end(self, child: PTChild, how: Callable[[], None]) -> None:
        """
        Have a child end in good order; nothing that it said in its life may
        have been wrong, and nothing that it started may stay.

        :param how: such as ``child.closeInput``.
        """
        family = [witness(self._test, pid) for pid in descendants(child.pid)]
        how()
        ended = await child.whenEnded()
        self._test.assertEqual(
            ended, Ended(0, None), child.story("it must end by itself, with code 0")
        )
        for gone in family:
            await bounded(gone, _GONE, f"the end of a process that {child.name} started")
        child.conversation.finish(child.unfinished, [self._name])
        self._test.assertEqual(
            child.conversation.faults, [], child.story("a parent would stumble over its output")
        )

    def assertDiscreet(self, secrets: Mapping[str, str]) -> None:
        """
        Nothing secret is in what the children wrote, but for SMETHOD lines.

        :param secrets: by what they are called.
        """
        lines = [line for child in self.children for line in child.lines]
        errors = [child.errors.decode("utf-8", "backslashreplace") for child in self.children]
        log = "\n".join([*(line for line in lines if not line.startswith("SMETHOD ")), *errors])
        for name, value in secrets.items():
            if len(value) >= _SECRET:
                self._test.assertNotIn(
                    value, log, f"the value of {name} is in a log: others read those"
                )
