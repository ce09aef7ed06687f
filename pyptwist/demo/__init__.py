"""
``pyptwist demo``: a client and a server, each in a process of its own, and data
through both; all on this machine.

::

    this process              child               child             this process
    application -- SOCKS --> client == obfs4 ==> server -- TCP --> destination
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.python import usage

from pyptwist.errors import ConfigurationError
from pyptwist.versioned import VersionedOptions


class Options(VersionedOptions):
    """
    ``pyptwist demo``.
    """

    synopsis = "[options]"
    longdesc = (
        "Starts a client and a server on this machine, each in a process of its own, moves "
        "data through both, each way, and shows what somebody on the wire would see. "
        "Nothing leaves this machine, and nothing is left behind."
    )
    optParameters = [
        ["method", None, "obfs4", "The transport method, or a stack in quotes: 'obfs4 | b64'."],
        ["size", None, "64", "MiB to move each way, 1 to 65536."],
    ]

    def postOptions(self) -> None:
        from pyptwist.arguments import Arguments

        try:
            self["size"] = Arguments(size=self["size"]).integer("size", 1, 65536)
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None

    def run(self) -> None:
        """
        Do it.

        :raises SystemExit: when it is done.
        """
        from twisted.internet.defer import Deferred
        from twisted.internet.task import react

        from pyptwist.demo.stage import Demo

        method, stacks = self._choice()

        def main(reactor: Any) -> Deferred[None]:
            return Deferred.fromCoroutine(Demo(reactor, method, stacks).run(self["size"] << 20))

        react(main)

    def _choice(self) -> tuple[str, Mapping[str, str]]:
        """
        :returns: the method's name, and the stacks that must be known for it.
        """
        from pyptwist.expressions import isExpression
        from pyptwist.stacks import Stack

        method: str = self["method"]
        stacks: Mapping[str, str] = {} if self.parent is None else self.parent["stacks"]
        if not isExpression(method):
            return method, stacks
        name = Stack(method).name
        return name, {**stacks, name: method}
