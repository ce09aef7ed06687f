"""
The independent library ptadapter as the parent of a client and a server.

A program of its own, since ptadapter runs on asyncio: its argument is a JSON
object with the command lines ``client`` and ``server``; it prints a line for
each thing that worked, and ends with status 0 if all did.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from typing import Any

import ptadapter
from ptadapter.exceptions import PTConnectError

#: Seconds for each thing.
PATIENCE = 30

MESSAGE = os.urandom(3 * 1024 * 1024)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Send back all that comes.
    """
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def roundTrip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Send a message to an echo and compare what comes back.
    """

    async def send() -> None:
        for start in range(0, len(MESSAGE), 100_000):
            writer.write(MESSAGE[start : start + 100_000])
            await writer.drain()

    sending = asyncio.create_task(send())
    back = await reader.readexactly(len(MESSAGE))
    await sending
    assert hashlib.sha256(back).digest() == hashlib.sha256(MESSAGE).digest()
    writer.close()


async def plain(commands: dict[str, list[str]]) -> None:
    """
    A server with an ORPort, on an address of our choice, with options.
    """
    destination = await asyncio.start_server(echo, "127.0.0.1", 0)
    host, port = destination.sockets[0].getsockname()
    server = ptadapter.ServerAdapter(commands["server"], None, host, port)
    server.add_transport("obfs4", "127.0.0.1", 0, {"iat-mode": "0"})
    client = ptadapter.ClientAdapter(commands["client"], None, ["obfs4"])
    async with destination, server, client:
        bridge = server.get_transport("obfs4")
        arguments = bridge.parse_args()
        assert arguments["iat-mode"] == "0" and len(arguments["cert"]) == 70, arguments
        assert client.get_transport("obfs4").scheme == "socks5"
        for _ in range(3):
            await roundTrip(
                *await client.open_transport_connection(
                    "obfs4", bridge.host, bridge.port, arguments
                )
            )


async def extended(commands: dict[str, list[str]]) -> None:
    """
    A server with an ext-ORPort and no ORPort, and without options.
    """
    seen = []

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, info: Any
    ) -> None:
        seen.append(info)
        await echo(reader, writer)

    server = ptadapter.ExtServerAdapter(commands["server"], None, connected)
    server.add_transport("obfs4", "127.0.0.1", 0)
    client = ptadapter.ClientAdapter(commands["client"], None, ["obfs4"])
    async with server, client:
        bridge = server.get_transport("obfs4")
        for _ in range(2):
            await roundTrip(
                *await client.open_transport_connection(
                    "obfs4", bridge.host, bridge.port, bridge.parse_args()
                )
            )
    for info in seen:
        assert info.transport == "obfs4" and str(info.host) == "127.0.0.1", info
    ports = {info.port for info in seen}
    assert len(seen) == len(ports) == 2, seen


async def denied(commands: dict[str, list[str]]) -> None:
    """
    A client that the host turns away loses its connection.
    """

    async def connected(*_: object) -> None:
        raise AssertionError("a client was let in")

    async def deny(info: Any) -> bool:
        return False

    server = ptadapter.ExtServerAdapter(commands["server"], None, connected, preconnect_cb=deny)
    server.add_transport("obfs4", "127.0.0.1", 0)
    client = ptadapter.ClientAdapter(commands["client"], None, ["obfs4"])
    async with server, client:
        bridge = server.get_transport("obfs4")
        reader, writer = await client.open_transport_connection(
            "obfs4", bridge.host, bridge.port, bridge.parse_args()
        )
        writer.write(b"hello")
        assert await reader.read() == b""
        writer.close()


async def refusals(commands: dict[str, list[str]]) -> None:
    """
    Errors reach the host as errors, and leave the child alive.
    """
    client = ptadapter.ClientAdapter(commands["client"], None, ["obfs4", "unheard_of"])
    async with client:
        for _ in range(2):
            try:
                await client.open_transport_connection(
                    "obfs4", "127.0.0.1", 9, {"cert": "nonsense", "iat-mode": "0"}
                )
            except PTConnectError:
                continue
            raise AssertionError("nonsense was accepted")
        try:
            client.get_transport("unheard_of")
        except RuntimeError:
            return
        raise AssertionError("there is no such method")


async def endings(commands: dict[str, list[str]]) -> None:
    """
    A child ends by itself when its input is closed, and says that all is well.
    """
    for closing in (True, False):
        client = ptadapter.ClientAdapter(
            commands["client"], None, ["obfs4"], exit_on_stdin_close=closing
        )
        await client.start()
        process = client._process
        await client.stop()
        assert process.returncode == 0, (closing, process.returncode)


SCENARIOS = {
    scenario.__name__: scenario for scenario in (plain, extended, denied, refusals, endings)
}


async def main() -> None:
    commands = json.loads(sys.argv[1])
    for name in commands["scenarios"]:
        await asyncio.wait_for(SCENARIOS[name](commands), PATIENCE)
        print(name, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
