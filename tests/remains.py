"""
What is left of something, without a garbage collector that would hide it.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import TYPE_CHECKING

from twisted.internet.base import DelayedCall

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase

#: Whose objects are looked for: all that a connection consists of.
_OURS = ("pyptwist.", "twisted.", "automat.", "socket")


def withoutCollector(test: SynchronousTestCase) -> None:
    """
    Until the end of the test, only what nobody refers to is freed.

    Under ``trial -j`` this process tells its log to another, in messages that wait for
    the collector: it says nothing meanwhile.
    """
    worker = sys.modules["__main__"]
    if hasattr(worker, "WorkerLogObserver"):
        test.patch(worker, "textFromEventDict", lambda event: None)
    gc.collect()
    gc.disable()
    test.addCleanup(gc.enable)


def objects(*packages: str) -> Counter[str]:
    """
    :param packages: in whose modules to look, instead of all that matter.
    :returns: how many instances there are of each class, whether or not anybody
        refers to them.
    """
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        module = kind.__module__
        if kind is DelayedCall and each.cancelled:
            continue  # reactors keep these until their time, if they are not too many
        if isinstance(module, str) and module.startswith(packages or _OURS):
            found[f"{module}.{kind.__qualname__}"] += 1
    return found


def since(before: Counter[str], *packages: str) -> dict[str, int]:
    """
    :param before: what there was.
    :param packages: where that was looked for.
    :returns: how many more there are of each class, if any.
    """
    return dict(objects(*packages) - before)
