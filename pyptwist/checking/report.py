"""
The results of checks, for people and for programs.

Both are made to be shown around: by default a bridge is its number and its
method, and whoever has the list knows which one that is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyptwist.checking.probe import Result
from pyptwist.checking.stages import Passed
from pyptwist.tables import aligned

#: Of the JSON document; a new one where a program that reads it would err.
FORMAT = 1


def asText(result: Result, showAddress: bool = False) -> str:
    """
    :param showAddress: say where the bridge is.
    :returns: a heading, and a line for each stage and each warning.
    """
    rows = [_row(passed) for passed in result.stages]
    stages = aligned(rows, right=[1]).split("\n")
    lines = [*stages, *(f"warning: {text}" for text in result.warnings)]
    return "\n".join([_heading(result, showAddress), *(f"  {line}" for line in lines)])


def asJSON(results: Sequence[Result], showAddress: bool = False) -> str:
    """
    :returns: all of them, in one document.
    """
    bridges = [_object(result, showAddress) for result in results]
    isSound = all(bridge["isSound"] for bridge in bridges)
    return json.dumps({"format": FORMAT, "isSound": isSound, "bridges": bridges}, indent=2)


def summary(results: Sequence[Result]) -> str:
    """
    :returns: a line about all of them.
    """
    failed = [result for result in results if result.cause is not None]
    if not failed:
        return f"All {len(results)} bridges are well."
    numbers = ", ".join(str(result.number) for result in failed)
    return f"{len(failed)} of {len(results)} bridges failed: {numbers}."


def _heading(result: Result, showAddress: bool) -> str:
    words = [f"Bridge {result.number}:"]
    if result.bridge is None:
        words.append("not understood")
    else:
        where = str(result.bridge.address) if showAddress else result.bridge.family
        words += [result.bridge.methodName, where]
    words.append("ok" if result.cause is None else f"failed: {result.cause.value}")
    return " ".join(words)


def _row(passed: Passed) -> tuple[str, str, str, str]:
    verdict = "ok" if passed.cause is None else passed.cause.value
    return passed.stage.value, f"{passed.seconds:.3f} s", verdict, passed.note


def _object(result: Result, showAddress: bool) -> dict[str, Any]:
    bridge = result.bridge
    return {
        "number": result.number,
        "method": bridge and bridge.methodName,
        "family": bridge and bridge.family,
        "address": str(bridge.address) if bridge is not None and showAddress else None,
        "isSound": result.cause is None,
        "cause": result.cause and result.cause.value,
        "seconds": round(result.seconds, 6),
        "stages": [
            {
                "name": passed.stage.value,
                "isSound": passed.cause is None,
                "seconds": round(passed.seconds, 6),
                "cause": passed.cause and passed.cause.value,
                "note": passed.note,
            }
            for passed in result.stages
        ],
        "warnings": list(result.warnings),
    }
