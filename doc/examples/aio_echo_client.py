"""
Talks to the echo server, with asyncio's streams.

    python aio_echo_client.py 'obfs4 127.0.0.1:8443 cert=... iat-mode=0'
"""

import asyncio
import sys

from pyptwist import aio


async def main() -> None:
    try:
        reader, writer = await aio.open_connection(sys.argv[1])
    except OSError as error:
        sys.exit(f"no connection: {error}")
    writer.write(b"is anybody there?")
    answer = await reader.readexactly(17)
    print(f"{writer.get_extra_info('pt_method')} carried: {answer.decode()}")
    writer.close()
    await writer.wait_closed()


asyncio.run(main())
