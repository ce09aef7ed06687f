"""
What the tests have shown, for the README's table: a test that has seen a method
work says so as its last statement.

Where the variable ``PYPTWIST_SHOWN`` names a file, each such line is added to it.
``python -m tests.methodstable`` makes the table.
"""

from __future__ import annotations

import json
import os

VARIABLE = "PYPTWIST_SHOWN"


def shown(method: str, what: str) -> None:
    """
    :param method: its name, or a stack's expression.
    :param what: a mode; or ``tor``; or who was at the other end, such as
        ``obfs4proxy's client``.
    """
    path = os.environ.get(VARIABLE)
    if path:
        line = json.dumps([method, what]) + "\n"
        # Several processes run tests: one write of one line is not torn apart.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
