"""
Compare two pluggable transport commands on this machine, in one run.

Both are launched as tor launches them, each as client and as server of one
transport, and do the same work in turn: A B A B. All traffic stays on
127.0.0.1. See README.rst beside this file for what the figures mean.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

if not __package__:
    # Started by its path: then this directory is on the path, and not the one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import usage
from benchmarks.destination import Destination
from benchmarks.measure import MEASUREMENTS, Sizes
from benchmarks.pairs import Side
from benchmarks.process import Command, LaunchFailed
from benchmarks.report import Results
from benchmarks.socks import Refused
from benchmarks.streams import Stalled

EXAMPLES = """\
examples:
  compare.py
      pyptwist, as this Python finds it, against obfs4proxy
  compare.py --rounds 1 --mib 16 --only bulk,rtt
      a first impression within seconds
  compare.py --b-env GOMAXPROCS=1
      against obfs4proxy on one processor
  compare.py --a "$PWD/old/bin/pyptwist" --b "$PWD/new/bin/pyptwist" --json out.json
      two versions of the same program
"""


def parser() -> argparse.ArgumentParser:
    """
    The command line.
    """
    made = argparse.ArgumentParser(
        description=(__doc__ or "").strip(),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    for name, default, what in (
        ("a", shlex.join([sys.executable, "-m", "pyptwist"]), "pyptwist on this Python"),
        ("b", "obfs4proxy", "obfs4proxy"),
    ):
        upper = name.upper()
        add(f"--{name}", metavar="COMMAND", default=default, help=f"command {upper} ({what})")
        add(
            f"--{name}-env",
            metavar="K=V",
            type=setting,
            action="append",
            default=[],
            help=f"environment variable for {upper} alone; may be repeated",
        )
    add("--method", default="obfs4", help="transport method (%(default)s)")
    add("--mixed", action="store_true", help="also A's client with B's server, and B's with A's")
    add(
        "--only",
        metavar="LIST",
        type=selection,
        default=list(MEASUREMENTS),
        help="of " + ",".join(MEASUREMENTS) + " (all)",
    )
    add(
        "--rounds", type=between(1, 100), default=5, help="how often all is repeated (%(default)s)"
    )
    add(
        "--mib",
        type=between(1, 4096),
        default=256,
        help="MiB in one bulk transfer, over all its connections (%(default)s)",
    )
    add(
        "--connects",
        type=between(1, 5000),
        default=400,
        help="for the connection rate (%(default)s)",
    )
    add("--concurrency", type=between(1, 64), default=8, help="at the same time (%(default)s)")
    add("--trips", type=between(20, 100000), default=2000, help="round trips (%(default)s)")
    add(
        "--open",
        type=between(1, 400),
        default=200,
        help="connections held for memory (%(default)s)",
    )
    add(
        "--limit",
        type=between(1, 86400),
        default=1800,
        help="seconds for the whole run (%(default)s)",
    )
    add("--json", metavar="FILE", type=Path, help="write all samples to FILE as well")
    return made


def between(lowest: int, highest: int) -> Callable[[str], int]:
    """
    An option's type: an integer within bounds.
    """

    def integer(text: str) -> int:
        value = int(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{value} is not between {lowest} and {highest}")
        return value

    return integer


def setting(text: str) -> tuple[str, str]:
    """
    An option's type: ``K=V``.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form K=V")
    return key, value


def selection(text: str) -> list[str]:
    """
    An option's type: names of measurements, in the order they run in.
    """
    wanted = text.split(",")
    if unknown := set(wanted) - MEASUREMENTS.keys():
        raise argparse.ArgumentTypeError(f"no such measurement: {', '.join(sorted(unknown))}")
    return [name for name in MEASUREMENTS if name in wanted]


def sides(options: argparse.Namespace) -> list[Side]:
    """
    What takes turns.
    """
    a = Command(shlex.split(options.a), dict(options.a_env))
    b = Command(shlex.split(options.b), dict(options.b_env))
    both = [Side("A", a, a), Side("B", b, b)]
    mixed = [Side("A to B", a, b), Side("B to A", b, a)]
    return both + mixed if options.mixed else both


def run(options: argparse.Namespace) -> Results:
    """
    All rounds; what is under way is told on standard error.

    :raises LaunchFailed: a command is no working transport.
    :raises Refused: a client could not reach its server.
    :raises Stalled: a connection broke or stood still.
    """
    results = Results(sides(options))
    sizes = Sizes(options.mib, options.connects, options.concurrency, options.trips, options.open)
    with Destination() as destination:
        for number in range(1, options.rounds + 1):
            for name in options.only:
                for side in results.sides:
                    if name == "startup" and side.client is not side.server:
                        continue
                    print(f"round {number}/{options.rounds}: {name}, {side.name}", file=sys.stderr)
                    figures = MEASUREMENTS[name](side, options.method, destination, sizes)
                    results.add(side, figures)
    return results


def stop(number: int, frame: FrameType | None) -> None:
    """
    A signal handler that lets every ``with`` and ``finally`` do its work.
    """
    late = number == signal.SIGALRM
    raise SystemExit("the time limit is over" if late else f"ended by signal {number}")


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Compare and print.
    """
    options = parser().parse_args(arguments)
    if not usage.available():
        raise SystemExit("this needs Linux: processor time and memory are read from /proc")
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    signal.alarm(options.limit)
    try:
        results = run(options)
    except (LaunchFailed, Refused, Stalled) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    for side in results.sides[:2]:
        print(f"{side.name}: {side.client}")
    print(f"medians (lowest..highest) of {options.rounds} rounds, {os.cpu_count()} processors\n")
    print(results.table())
    if options.json:
        results.save(options.json, {**vars(options), "json": str(options.json)})


if __name__ == "__main__":
    main()
