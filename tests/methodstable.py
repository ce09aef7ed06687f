"""
The README's table of methods and modes, made of what the tests have shown.

::

    PYPTWIST_SHOWN=shown.txt trial tests
    python -m tests.methodstable shown.txt            # writes it into README.rst
    python -m tests.methodstable --check shown.txt    # fails if README.rst differs
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from pathlib import Path

from pyptwist.tables import aligned

README = Path(__file__).resolve().parents[1] / "README.rst"

BEGIN = ".. What follows is made by the tests: python -m tests.methodstable\n\n"
END = "\n.. End of what the tests make.\n"

#: In the order of the table.
MODES = ("socks5", "transparent-TCP", "transparent-UDP", "STUN", "tor")

Shown = Mapping[str, set[str]]


def read(lines: Iterable[str]) -> Shown:
    """
    :param lines: of what tests have shown.
    :returns: what was shown, by method.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        method, what = json.loads(line)
        found[method].add(what)
    return found


def table(shown: Shown) -> str:
    """
    :returns: reStructuredText.
    """
    rows = [["method", *MODES, "talks to"]]
    for method in sorted(shown, key=lambda name: ("|" in name, name)):
        seen = shown[method]
        peers = ", ".join(sorted(seen - set(MODES))) or "itself"
        rows.append([f"``{method}``", *("yes" if mode in seen else "" for mode in MODES), peers])
    rule = ["=" * max(map(len, column)) for column in zip(*rows, strict=True)]
    return aligned([rule, rows[0], rule, *rows[1:], rule]) + "\n"


def replaced(text: str, shown: Shown) -> str:
    """
    :param text: the README.
    :returns: it, with the table of today.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(shown) + END + after


def main() -> int:
    """
    :returns: an exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="what PYPTWIST_SHOWN named")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    options = parser.parse_args()
    old = README.read_text(encoding="utf-8")
    new = replaced(old, read(options.file.read_text(encoding="utf-8").splitlines()))
    if not options.check:
        README.write_text(new, encoding="utf-8")
        return 0
    print("".join(unified_diff(old.splitlines(True), new.splitlines(True), "README.rst", "tests")))
    return int(old != new)


if __name__ == "__main__":
    raise SystemExit(main())
