"""
iperf3 through a client and a server: streams by transparent-TCP, datagrams by
transparent-UDP, in both directions at once, with what is lost counted by iperf3.
"""

from __future__ import annotations

import json
from typing import Any, Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment
from tests.interop.pairs import startPair
from tests.peers import requirePeer
from tests.ports import freePort

#: Datagrams a second in each direction, bytes of each, and for how many seconds.
_RATE: Final = 2000
_LENGTH: Final = 300
_SECONDS: Final = 3

#: Bytes of the buffers of iperf3's sockets: as many as Linux grants anybody.
_BUFFER: Final = 212992

#: How often it may be tried.  When the machine is so busy that a process does not run
#: for some 200 milliseconds, what comes meanwhile does not fit into its socket.
_TRIES: Final = 8

#: Bytes that must have gone each way in two seconds: that is next to nothing.
_LITTLE: Final = 1 << 20

_HERE: Final = "127.0.0.1"


class IperfTests(TestCase):
    """
    Between children that were started by flags.
    """

    timeout = 150

    async def iperf(self, port: int, *flags: str) -> dict[str, Any]:
        """
        :returns: what a client of iperf3 has found in the end.
        """
        command = [requirePeer("iperf3"), "-J", "-c", _HERE, "-p", str(port), *flags]
        client = spawn(self, Child("iperf3"), command, baseEnvironment())
        ended = await client.whenEnded(60)
        found = json.loads("\n".join(client.lines))
        self.assertEqual((ended.code, found.get("error")), (0, None))
        end: dict[str, Any] = found["end"]
        return end

    async def ready(self, *modes: str) -> int:
        """
        Start iperf3's server, and a pair in front of it in each mode.

        :returns: the port on which the pairs' clients listen.
        """
        command = [requirePeer("iperf3"), "-s", "-B", _HERE, "--forceflush", "-p"]
        target, port = freePort(), freePort()
        server = spawn(self, Child("iperf3 -s"), [*command, str(target)], baseEnvironment())
        await server.whenLine("listening")
        for mode in modes:
            await startPair(self, mode, (_HERE, target), port)
        return port

    async def test_streams(self) -> None:
        """
        Both ways at once; what one side sends, the other side gets.
        """
        port = await self.ready("transparent-TCP")
        end = await self.iperf(port, "--bidir", "-t", "2")
        for received in (end["sum_received"], end["sum_received_bidir_reverse"]):
            self.assertGreater(received["bytes"], _LITTLE)

    async def test_datagrams(self) -> None:
        """
        Both ways at once; nothing is lost.
        """
        port = await self.ready("transparent-TCP", "transparent-UDP")
        flags = ["-u", "--bidir", "-t", str(_SECONDS), "-w", str(_BUFFER)]
        flags += ["-l", str(_LENGTH), "-b", str(_RATE * _LENGTH * 8)]
        lost: list[list[int]] = []
        for _ in range(_TRIES):
            end = await self.iperf(port, *flags)
            received = [end["sum_received"], end["sum_received_bidir_reverse"]]
            lost.append([each["lost_packets"] for each in received])
            for each in received:
                self.assertGreater(each["packets"], _RATE * (_SECONDS - 1))
            if not any(lost[-1]):
                return
        self.fail(f"datagrams were lost in every try, there and back: {lost}")
