"""
A client and a server of ours for applications: children that were started by flags,
as an operator would start them, over obfs4.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyptwist.testing.children import spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory, pyptwistCommand
from pyptwist.testing.processes import PTChild
from pyptwist.testing.streams import Address

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase


async def startPair(test: TestCase, mode: str, target: Address, port: int = 0) -> Address:
    """
    Start a server in front of a target, and its client.

    :param mode: of both.
    :param port: where the client is to listen; 0 lets the kernel choose.
    :returns: where it listens.
    """
    server = await _start(
        *(test, mode, "-server", "-bindhost", "127.0.0.1", "-bindport", "0"),
        *("-target", "{}:{}".format(*target)),
    )
    bridge = server.method("obfs4")
    options = {**bridge.arguments, "serverAddress": "{}:{}".format(*bridge.address)}
    client = await _start(
        *(test, mode, "-client", "-options", json.dumps(options)),
        *("-proxylistenaddr", f"127.0.0.1:{port}"),
    )
    method = client.method("obfs4")
    test.assertEqual(method.protocol, mode)
    return method.address


async def _start(test: TestCase, mode: str, *flags: str) -> PTChild:
    command = [*pyptwistCommand(), "-ptversion", "3.0", "-transport", "obfs4"]
    command += ["-mode", mode, "-state", str(freshDirectory(test)), *flags]
    child = spawn(test, PTChild(mode), command, baseEnvironment())
    await child.whenReady()
    return child
