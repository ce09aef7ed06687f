"""
``pyptwist check``: is a bridge well, and if not, what is it that fails?
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.python import usage

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.checking.lines import pick
from pyptwist.errors import ConfigurationError
from pyptwist.intermixed import IntermixedOptions

if TYPE_CHECKING:
    from pyptwist.checking.probe import Plan
    from pyptwist.checking.traffic import Talk

_LONGEST = 3600  # seconds

_EXAMPLES = """
Examples:
  pyptwist check --tls 'obfs4 192.0.2.1:443 cert=... iat-mode=0'
  pyptwist check --tls --json --file /etc/tor/torrc
  pyptwist check --kib 1024 - < lines-of-bridges-that-echo
"""


class Options(IntermixedOptions):
    """
    ``pyptwist check``.

    :cvar usageStatus: the exit status after an error in the command line, so that
        it is not taken for a bridge's.
    :ivar lines: the bridge lines.
    """

    usageStatus = 2
    synopsis = "[options] 'BRIDGE LINE' ..."
    longdesc = (
        "Connects to bridges as their clients do, without tor, and says how far that goes: the "
        "name's resolution, if there is one, the upstream proxy, TCP, and the transport's "
        "handshake; a line for each, with its time, and the cause where it fails. A line is one "
        "of torrc's; a host name may stand for the IP address; '-' reads lines from standard "
        "input, where other users of the machine cannot see them. A handshake tells "
        "nothing of what stands behind the bridge: --tls, --send and --kib do, if you know what "
        "that is. What is printed names no address and no secret, unless --show-addresses asks "
        "for it. The exit status is 0 if all is well, 1 if a bridge failed, and 2 for an error "
        "in the command line."
    )
    optFlags = [
        ["tls", None, "Then begin TLS, as tor does, and wait for the answer: for tor's bridges."],
        ["json", None, "Print JSON, for programs."],
        ["show-addresses", None, "Say where each bridge is."],
    ]
    optParameters = [
        ["file", None, None, "Read lines from this file: a list, or a torrc."],
        ["send", None, None, "Then send what is in this file, and wait for an answer."],
        [
            "kib",
            None,
            None,
            "With --send: wait for so many KiB of answer. Alone: send so many KiB, and expect "
            "them back, from a service that echoes.",
        ],
        ["timeout", None, f"{limits.CHECK:g}", "Give up after so many seconds without progress."],
        [
            "jobs",
            None,
            "1",
            "How many bridges to check at a time. Who watches this machine may take all that it "
            "connects to in one moment for bridges, if he knows one of them; so by default "
            "there is one at a time.",
        ],
        ["proxy", None, None, "The upstream proxy, such as socks5://127.0.0.1:9050."],
        ["state", None, None, "Where methods keep what they remember of servers; else nowhere."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lines: list[str] = []
        self._words: list[str] = []
        self._request = b""

    def opt_stack(self, definition: str) -> None:
        """
        Define a stack, as in 'b64_obfs4=obfs4|b64'; may be given several times.
        """
        stacking: Any = self.parent
        if stacking is None:
            raise usage.UsageError("--stack needs the pyptwist command")
        stacking.opt_stack(definition)

    def parseArgs(self, *words: str) -> None:
        self._words = list(words)

    def postOptions(self) -> None:
        """
        :raises twisted.python.usage.UsageError: naming what is wrong.
        """
        if self["tls"] and (self["send"] is not None or self["kib"] is not None):
            raise usage.UsageError("--tls excludes --send and --kib")
        try:
            self._number("jobs", limits.CHECK_JOBS)
            self._number("kib", limits.CHECK_TRAFFIC)
            self["timeout"] = _seconds(self["timeout"])
            self._parseProxy()
            self._readRequest()
            self._gather()
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        if not self.lines:
            raise usage.UsageError("name a bridge line, in quotes, or a --file of them")

    def getUsage(self, width: int | None = None) -> str:
        return super().getUsage(width) + _EXAMPLES

    def plan(self) -> Plan:
        """
        :returns: how to check.
        """
        from pyptwist.checking.probe import Plan
        from pyptwist.registry import Methods
        from pyptwist.state import StateDirectory

        stacks = {} if self.parent is None else self.parent["stacks"]
        state = None if self["state"] is None else StateDirectory(self["state"])
        return Plan(Methods(stacks), self["timeout"], self["proxy"], state, self.talk())

    def talk(self) -> Callable[[], Talk] | None:
        """
        :returns: makes what is said behind each handshake; None for nothing.
        """
        from pyptwist.checking.traffic import EchoTalk, RequestTalk, TLSTalk

        size = (self["kib"] or 0) * 1024
        if self["tls"]:
            return lambda: TLSTalk(os.urandom)
        if self["send"] is not None:
            return lambda: RequestTalk(self._request, size or 1)
        return (lambda: EchoTalk(os.urandom(size))) if size else None

    def run(self) -> None:
        """
        Check, and print what came of it.

        :raises SystemExit: with the exit status.
        """
        from pyptwist.checking.program import run

        run(self)

    def _number(self, name: str, most: int) -> None:
        if self[name] is not None:
            self[name] = Arguments([(name, self[name])]).integer(name, 1, most)

    def _parseProxy(self) -> None:
        from pyptwist.proxies.upstream import UpstreamProxy

        if self["proxy"] is not None:
            self["proxy"] = UpstreamProxy.parse(self["proxy"])

    def _readRequest(self) -> None:
        if self["send"] is not None:
            self._request = _read(self["send"])
            if not self._request:
                raise ConfigurationError("--send: the file is empty")

    def _gather(self) -> None:
        words = self._words
        if words and all(word != "-" and not any(map(str.isspace, word)) for word in words):
            words = [" ".join(words)]  # one line, whose quotes were forgotten
        for word in words:
            self.lines += _linesOf("-") if word == "-" else [word]
        if self["file"] is not None:
            self.lines += _linesOf(self["file"])


def _linesOf(path: str) -> list[str]:
    return pick(_read(path).decode("utf-8", "replace").splitlines())


def _read(path: str) -> bytes:
    """
    :param path: of a file; ``-`` for standard input.
    """
    try:
        with open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-") as file:
            data = file.read(limits.CHECK_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror})") from error
    if len(data) > limits.CHECK_FILE:
        raise ConfigurationError(f"{path} is larger than {limits.CHECK_FILE // 1024} KiB")
    return data


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST:
        raise ConfigurationError(f"--timeout must be more than 0, and {_LONGEST} at the most")
    return seconds
