"""
The tests that every method's endpoints must pass, over a network in memory.
"""

from __future__ import annotations

from pyptwist.testing.carrying import CarryingTests
from pyptwist.testing.connecting import ConnectingTests
from pyptwist.testing.probing import ProbingTests


class EndpointConformance(ConnectingTests, CarryingTests, ProbingTests):
    """
    Mix into a trial test case, and set ``method``::

        class MineTests(EndpointConformance, SynchronousTestCase):
            method = Mine

    Nothing is asked of the method but its two roles: it need not be made of
    codecs, nor have one network connection to each transport connection.

    :cvar method: what provides ``IClientTransport`` and ``IServerTransport`` when
        called: a class, or a function that makes a stack.
    :cvar serverArguments: the operator's options.
    :cvar flushSeconds: how long a connection may take for 80 KiB each way, in
        seconds of a clock that costs no time.
    :cvar boundedBuffer: bytes that may wait anywhere for a slow reader.
    :cvar plain: whether strangers may see what the server is: True for methods
        that hide nothing.
    :cvar answersStrangers: whether the server answers them, as another server
        would: True for methods whose cover that is.
    """
