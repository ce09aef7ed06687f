"""
An echo server of asyncio's, behind a pluggable transport.

    python aio_echo_server.py 8443 /tmp/echo
"""

import asyncio
import sys

from pyptwist import aio


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main() -> None:
    _, port, state = sys.argv
    server = await aio.start_server(echo, "obfs4", "127.0.0.1", int(port), state=state)
    print(server.bridge_line(), flush=True)
    await server.serve_forever()


asyncio.run(main())
