"""`recoverops detect`: what the engine's detectors say of a file of history."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recoverops.cli.exits import WrongUsageError, told_errors
from recoverops.cli.options import ConfigOption, JsonOption, print_json, settings_of

if TYPE_CHECKING:
    from recoverops.operations.detect import Judged

_TOLD = 20
"""Anomalies that are printed one by one."""
_HEADER = ("timestamp", "anomaly_score", "p_value", "is_anomaly")


def detect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="`timestamp,value`, or `timestamp` and several metrics.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Write {','.join(_HEADER)} here, a row for each row.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the series and what was found into this PNG file.")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            "--train", help="For several metrics: learn from this file. Default: from the first rows of FILE.csv."
        ),
    ] = None,
    detector: Annotated[
        str, typer.Option("--detector", help="For one series: `streaming`, or one that a plugin brings.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a file as if it came in now, row after row; 0.5 is where an alarm is raised. It never looks ahead."""
    from recoverops.app.detectors import series_kind_for
    from recoverops.operations.detect import detect as judged_parts
    from recoverops.operations.series_file import SeriesFile

    with told_errors(), ExitStack() as closing:
        every = settings_of(config)
        settings = every.detection
        series = SeriesFile(file)
        named = detector or settings.detector
        if detector and len(series.columns) > 1:
            raise WrongUsageError(f"{file} has several columns; --detector is for a single series")
        parts: Iterable[Judged] = judged_parts(
            series,
            settings,
            history=SeriesFile(train) if train else None,
            detector=series_kind_for(named, every) if len(series.columns) == 1 else None,
        )
        parts = _with_progress(parts, closing)
        if output is not None:
            parts = _written(parts, output, closing)
        picture = None
        if plot is not None:
            from recoverops.cli.picture import Picture

            picture = Picture(series.columns, title=file.name)
            parts = picture.watching(parts)
        told = _summary(parts)
        if picture is not None and plot is not None:
            picture.save(plot)
            told["plot"] = str(plot)
    told = {"file": str(file), "detector": named, "configuration": settings.stream.digest(), **told}
    if output is not None:
        told["output"] = str(output)
    if as_json:
        print_json(told)
    else:
        _print(told)


def _with_progress(parts: Iterable[Judged], closing: ExitStack) -> Iterator[Judged]:
    """Rows a second on the terminal of whoever waits."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from parts
        return
    status = closing.enter_context(console.status("reading"))
    done = 0
    for part in parts:
        done += len(part.score)
        status.update(f"{done:,} rows judged")
        yield part


def _written(parts: Iterable[Judged], output: Path, closing: ExitStack) -> Iterator[Judged]:
    writer = csv.writer(closing.enter_context(output.open("w", newline="", encoding="utf-8")), lineterminator="\n")
    writer.writerow(_HEADER)
    for part in parts:
        rows = zip(part.rows.stamps, part.score.tolist(), part.p_value.tolist(), part.is_anomaly.tolist(), strict=True)
        writer.writerows((stamp, _cell(score), _cell(p), int(is_anomaly)) for stamp, score, p, is_anomaly in rows)
        yield part


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _summary(parts: Iterable[Judged]) -> dict[str, Any]:
    rows, judged, found = 0, 0, []
    for part in parts:
        rows += len(part.score)
        judged += sum(not math.isnan(score) for score in part.score.tolist())
        found += [_told(part, number) for number in part.is_anomaly.nonzero()[0].tolist()]
    return {"rows": rows, "judged": judged, "not_enough_data": rows - judged, "anomalies": found}


def _told(part: Judged, number: int) -> dict[str, Any]:
    return {
        "timestamp": part.rows.stamps[number],
        "score": round(float(part.score[number]), 4),
        "p_value": float(part.p_value[number]),
        "why": part.why[number],
    }


def _print(told: dict[str, Any]) -> None:
    found = told["anomalies"]
    print(
        f"{told['file']}: {told['rows']} rows, {told['judged']} judged, {len(found)} anomalies"
        f" (detector {told['detector']}, configuration {told['configuration']})"
    )
    for one in found[:_TOLD]:
        print(f"  {one['timestamp']}  score {one['score']:.2f}  p {one['p_value']:.1g}  {one['why']}")
    if len(found) > _TOLD:
        print(f"  and {len(found) - _TOLD} more; --output FILE writes them all, --json prints them", file=sys.stderr)
    if not told["judged"]:
        print("not enough data: no row could be judged", file=sys.stderr)
    for key in ("output", "plot"):
        if key in told:
            print(f"written: {told[key]}")
