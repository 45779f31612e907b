"""`python -m benchmarks.run`: every measurement, one after the other, and a table. About three minutes.

Nothing else should run meanwhile; `--wait-quiet` waits for that. Everything is done in a temporary directory, which is
removed; `TMPDIR` chooses the disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import idle, kinesis, latency, machine, ready, soak, storm
from benchmarks.figures import Figure, shown

MEASUREMENTS: dict[str, Callable[[Path], Iterable[Figure]]] = {
    "ready": ready.measure,
    "idle": idle.measure,
    "latency": latency.measure,
    "storm": storm.measure,
    "kinesis": kinesis.measure,
    "soak": soak.measure,
}
_BY_DEFAULT = [name for name in MEASUREMENTS if name not in {"kinesis", "soak"}]
"""What needs the double of AWS, and what takes half an hour, is measured when it is named."""
_QUIET = 0.3


def main() -> int:
    given = _arguments()
    console = Console(stderr=True)
    if given.wait_quiet:
        machine.wait_until_quiet(below=_QUIET, timeout_s=given.wait_quiet)
    load, began = machine.load_average(), time.monotonic()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="recoverops-bench-") as directory:
        told = machine.describe(Path(directory))
        for name in given.only:
            console.print(f"measuring: {name}", highlight=False)
            measure = partial(soak.measure, minutes=given.minutes) if name == "soak" else MEASUREMENTS[name]
            figures.extend(measure(Path(directory)))
    told |= {"load_average_before": round(load, 2), "took_s": round(time.monotonic() - began)}
    if given.json:
        print(json.dumps({"machine": told, "figures": [figure.plain() for figure in figures]}, indent=2))
    else:
        _print_table(figures, told)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--only", default=_BY_DEFAULT, type=_names, help=f"some of {','.join(MEASUREMENTS)}, with commas"
    )
    parser.add_argument(
        "--wait-quiet",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help=f"wait at most so long until the load average is below {_QUIET}",
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=soak.MINUTES, help=f"how long `soak` lasts, 1 to 1440; {soak.MINUTES:g}"
    )
    return parser.parse_args()


def _minutes(text: str) -> float:
    if not 1 <= (minutes := float(text)) <= 1440:
        raise argparse.ArgumentTypeError(f"{text}, expected 1 to 1440")
    return minutes


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        raise argparse.ArgumentTypeError(f'there is no "{unknown[0]}"; choose from {", ".join(MEASUREMENTS)}')
    return names


def _print_table(figures: Iterable[Figure], told: dict[str, Any]) -> None:
    table = Table("figure", "value", "target", "", "note")
    for figure in figures:
        target = "" if figure.below is None else f"< {shown(figure.below, figure.unit)}"
        verdict = {None: "", True: "met", False: "MISSED"}[figure.is_met]
        table.add_row(figure.name, shown(figure.value, figure.unit), target, verdict, figure.note)
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in told.items()))


if __name__ == "__main__":
    sys.exit(main())
