"""
``pyptwist inspect``: what a censor sees of a transport method.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from twisted.python import usage

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.intermixed import IntermixedOptions
from pyptwist.ipc.quoting import isMethodName

_MOST: Final = 100_000  # connections: as many numbers fit into memory
_PAYLOAD: Final = 1 << 20  # bytes: each connection carries it twice

_EXAMPLES: Final = """
Examples:
  pyptwist inspect obfs4
  pyptwist inspect obfs4 --option iat-mode=1 --plot obfs4.png
  pyptwist inspect 'obfs4 | b64'
  pyptwist inspect kcp --plot kcp.png
  pyptwist inspect obfs4 --against obfs4proxy --connections 500
"""


class Options(IntermixedOptions):
    """
    ``pyptwist inspect``.

    :ivar method: the name, or the expression.
    """

    synopsis = "[options] METHOD"
    longdesc = (
        "Connects a client of METHOD to a server, has two applications talk through them, and "
        "shows what somebody on the wire sees: the sizes, directions and gaps of packets, what "
        "their bytes look like, and which of a censor's published rules they meet. METHOD is a "
        "name that 'pyptwist list' shows, or a stack such as 'obfs4 | b64'. Without --against "
        "everything happens in memory, where a packet is what the method writes at once, cut "
        "at 1448 bytes, and a gap is the time that the method waits by itself. Of a method over "
        "UDP, datagrams are shown. Nothing leaves this machine, and no file is left but the "
        "plot."
    )
    optFlags = [
        ["fresh", None, "Each connection comes from a new client, which remembers nothing."],
    ]
    optParameters = [
        ["connections", None, "100", "How many connections."],
        [
            "payload",
            None,
            None,
            "A file, up to 1 MiB, that the client's application says and the server's repeats, "
            "instead of what a browser and a web server would say.",
        ],
        ["plot", None, None, "Write histograms of sizes and gaps into this PNG file."],
        [
            "against",
            None,
            None,
            "Compare with another implementation: the command that starts it, as in torrc's "
            "'exec'. Both are run as processes then, and measured alike, on the loopback "
            "interface, where a packet is what can be read at once.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.method = ""
        self._pairs: dict[str, list[tuple[str, str]]] = {"option": [], "argument": []}

    def opt_option(self, pair: str) -> None:
        """
        KEY=VALUE, one of the server's options. May be given several times.
        """
        self._add("option", pair)

    def opt_argument(self, pair: str) -> None:
        """
        KEY=VALUE for the client, besides what the server publishes for clients. May
        be given several times.
        """
        self._add("argument", pair)

    def _add(self, kind: str, pair: str) -> None:
        key, mark, value = pair.partition("=")
        if not key or not mark:
            raise usage.UsageError(f"--{kind} must be KEY=VALUE")
        self._pairs[kind].append((key, value))

    @property
    def options(self) -> Arguments:
        """
        For the server.
        """
        return Arguments(self._pairs["option"])

    @property
    def arguments(self) -> Arguments:
        """
        For the client.
        """
        return Arguments(self._pairs["argument"])

    @property
    def stacks(self) -> Mapping[str, str]:
        """
        Those that were defined in front of the command.
        """
        stacks: Mapping[str, str] = {} if self.parent is None else self.parent["stacks"]
        return stacks

    def parseArgs(self, *methods: str) -> None:
        if len(methods) != 1:
            raise usage.UsageError("name one method, or one stack in quotes: 'obfs4 | b64'")
        self.method = methods[0].strip()

    def postOptions(self) -> None:
        try:
            count = Arguments(connections=self["connections"]).integer("connections", 1, _MOST)
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        self["connections"] = count
        if self["against"] is not None and self["fresh"]:
            raise usage.UsageError("--fresh is for what happens in memory, without --against")
        if self["against"] is not None and not isMethodName(self.method):
            raise usage.UsageError(
                "with --against a stack needs a name; write: "
                f"pyptwist --stack 'NAME={self.method}' inspect NAME --against ..."
            )

    def getUsage(self, width: int | None = None) -> str:
        return super().getUsage(width) + _EXAMPLES

    def payload(self) -> bytes | None:
        """
        :returns: what the applications are to say, if the user chose that.
        :raises ConfigurationError: if the file cannot be read, is empty, or is too
            large.
        """
        path = self["payload"]
        if path is None:
            return None
        try:
            with open(path, "rb") as file:
                data = file.read(_PAYLOAD + 1)
        except OSError as error:
            raise ConfigurationError(f"cannot read {path} ({error.strerror})") from error
        if not 0 < len(data) <= _PAYLOAD:
            raise ConfigurationError(f"{os.path.basename(path)} must have 1 to {_PAYLOAD} bytes")
        return data

    def run(self) -> None:
        """
        Look, and print what was seen.

        :raises ConfigurationError: if it cannot be done as asked.
        :raises SystemExit: if the method, or the other implementation, fails.
        """
        from pyptwist.inspection.program import run

        run(self)
