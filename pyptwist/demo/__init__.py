"""
``pyptwist demo``: a client and a server, each in a process of its own, and data
through both; all on this machine.

::

    this process              child               child             this process
    application -- SOCKS --> client == obfs4 ==> server -- TCP --> destination
"""

from __future__ import annotations

from typing import Any

from twisted.python import usage

from pyptwist.errors import ConfigurationError


class Options(usage.Options):
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
        ["method", None, "obfs4", "The transport method."],
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

        def main(reactor: Any) -> Deferred[None]:
            return Deferred.fromCoroutine(Demo(reactor, self["method"]).run(self["size"] << 20))

        react(main)
