"""
The variables that a parent sets, all of them, for tests that change some.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyptwist.testing.environments import managedEnvironment


def clientVariables(state: str | Path, **more: str) -> dict[str, str]:
    """
    :param more: variables without ``TOR_PT_``; an empty one is left out.
    """
    return _variables(state, {"CLIENT_TRANSPORTS": "dummy", **more})


def serverVariables(state: str | Path, **more: str) -> dict[str, str]:
    """
    :param more: variables without ``TOR_PT_``; an empty one is left out.
    """
    usual = {
        "SERVER_TRANSPORTS": "dummy",
        "SERVER_BINDADDR": "dummy-127.0.0.1:0",
        "ORPORT": "127.0.0.1:1",
    }
    return _variables(state, {**usual, **more})


def _variables(state: str | Path, chosen: Mapping[str, str]) -> dict[str, str]:
    merged = managedEnvironment(state) | {f"TOR_PT_{key}": text for key, text in chosen.items()}
    return {key: text for key, text in merged.items() if text or not key.startswith("TOR_PT_")}
