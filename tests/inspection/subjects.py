"""
What the tests of the inspection look at.
"""

from __future__ import annotations

import random
import sys

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.inspection.flows import Flow, Side
from pyptwist.inspection.report import Subject


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
