"""
What every interoperation test of obfs4 does, and how much of it.
"""

from __future__ import annotations

import os
from typing import Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyptwist.testing.streams import CHUNK, Stream, payload, sha256, together
from pyptwist.transports.obfs4.identity import encodeCert

MIB: Final = 1024 * 1024

#: MiB of random data each way without delays.
BULK: Final = int(os.environ.get("PYPTWIST_INTEROP_MIB", "64")) * MIB

#: Bytes each way in the modes that sleep.  After each packet comes a pause of 5
#: ms on average, and mode 2 sends packets of half the length: some 250 and 130
#: KiB/s.  These take 5 to 10 s; 64 MiB would take 4 minutes and 8.
SLOW: Final = {1: MIB, 2: MIB // 2}

#: Fixed, for the tables drawn from the seed decide how fast the slow modes are:
#: a table of tiny packets is possible.
OPTIONS: Final = {
    "node-id": bytes(range(20)).hex(),
    "private-key": bytes(range(0x80, 0xA0)).hex(),
    "drbg-seed": bytes(range(24)).hex(),
}

PUBLIC_KEY: Final = "493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d"

#: Bridge lines of servers that are not there.
WRONG_KEY: Final = {
    "cert": encodeCert(bytes.fromhex(OPTIONS["node-id"]), b"\x09" * 32),
    "iat-mode": "0",
}
WRONG_NODE: Final = {
    "cert": encodeCert(bytes(20), bytes.fromhex(PUBLIC_KEY)),
    "iat-mode": "0",
}

#: Seconds of silence that show that nothing is answered.
A_WHILE: Final = 2.0


def withMode(mode: int) -> dict[str, str]:
    return {**OPTIONS, "iat-mode": str(mode)}


def pause(seconds: float) -> Deferred[None]:
    """
    Wait, in a test that shows that nothing happens.
    """
    return deferLater(reactor, seconds)


async def exchange(
    test: TestCase, streams: tuple[Stream, Stream], size: int, chunk: int = CHUNK
) -> None:
    """
    So many bytes each way at the same time, in writes of so many.

    :param streams: both ends of one connection, the client's first.
    """
    here, there = streams
    forth, back = payload(size, 1), payload(size, 2)
    await _hearTheServer(test, here, there)
    *_, gotThere, gotHere = await together(
        here.send(forth, chunk), there.send(back, chunk), there.digest(size), here.digest(size)
    )
    test.assertEqual(gotThere, sha256(forth))
    test.assertEqual(gotHere, sha256(back))


async def ends(test: TestCase, streams: tuple[Stream, Stream]) -> None:
    """
    What was written before the close arrives, then the close.
    """
    here, there = streams
    await _hearTheServer(test, here, there)
    last = payload(100_000, 3)
    await here.send(last)
    here.close()
    test.assertEqual(sha256(await there.readToEnd()), sha256(last))


async def _hearTheServer(test: TestCase, here: Stream, there: Stream) -> None:
    """
    The tables of a client are its own until it has heard the server: one in 30 of
    them holds a length of 0, at which obfs4proxy gives up in mode 2.
    """
    await there.send(b"!")
    test.assertEqual(await here.read(1), b"!")
