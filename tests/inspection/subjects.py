"""
What the tests of the inspection look at.
"""

from __future__ import annotations

import random
import sys

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.subjects import Subject


def without(test: SynchronousTestCase, module: str) -> None:
    """
    Let a module be one that is not installed, until the test ends.
    """
    present = {n: m for n, m in sys.modules.items() if n == module or n.startswith(f"{module}.")}
    test.addCleanup(sys.modules.update, present)
    test.addCleanup(sys.modules.pop, module)
    for name in {module, *present}:
        sys.modules[name] = None  # type: ignore[assignment]


def subject(name: str, connections: int = 40, seed: int = 0, prefix: bytes = b"") -> Subject:
    """
    :param prefix: what the client's first packets begin with.
    :returns: connections with random bytes, some sizes and gaps.
    """
    source = random.Random(seed)
    flows = []
    for _ in range(connections):
        flow, now = Flow(), 0.0
        for number, sender in enumerate((Side.CLIENT, Side.SERVER, Side.CLIENT, Side.SERVER)):
            data = source.randbytes(source.randrange(100, 3000))
            flow.add(sender, prefix + data if number == 0 else data, now)
            now += source.random() / 100
        flows.append(flow)
    return Subject(name, flows)


def datagrams(name: str, connections: int = 40, seed: int = 0) -> Subject:
    """
    :returns: flows of datagrams, random but for the connection's number, of two bytes, that
        they begin with, and the kind, which is the next one.
    """
    source = random.Random(seed)
    flows = []
    for _ in range(connections):
        flow, now, number = Flow(isDatagrams=True), 0.0, source.randbytes(2)
        for kind, sender in enumerate((Side.CLIENT, Side.SERVER, Side.CLIENT, Side.SERVER)):
            rest = source.randbytes(6 if kind == 1 else source.randrange(30, 2000))
            flow.add(sender, number + bytes([kind]) + rest, now)
            now += source.random() / 100
        flows.append(flow)
    return Subject(name, flows)
