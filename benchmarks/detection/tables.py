"""The measured figures as a page of Markdown. Pure: it prints what it was given, with the command and the hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COMMAND = "make bench-detection"


_JOINT = (
    "`python -m benchmarks.detection.joint_quality`: models of the metrics of one server, of both kinds with their "
    "defaults, trained on its training part and scored row by row over its test part. Average precision is row by row, "
    "no point adjustment; F1, precision and recall are at score 0.5; hit@k: how often one of the k largest "
    "contributions is a metric at fault.\n"
)
_INTAKE = (
    "`python -m benchmarks.detection.intake`: remote-write from the packed body to columns, to rates, and through the "
    "streaming detector, on one core; best of half a second. In the engine each pushed sample of a known service also "
    "becomes a record of the pipeline, which is slower and is not in here.\n"
)
_DOOR = (
    "`python -m benchmarks.detection.anomaly_door`: one question after the other to a running engine, and the "
    "inference alone, which is given without the drift watch.\n"
)


def page(told: dict[str, Any], *, picture: str | None) -> str:
    digest = told["configuration"]
    parts = [
        "# Benchmarks of metric detection\n",
        f"Written by `{COMMAND}` (`python -m benchmarks.detection.run --write docs/benchmarks-detection.md`). Every "
        f"table is of configuration `{digest}` (code `{told['code']}`): the defaults, all components on, a fresh "
        "detector for every series.\n",
        "Measured on {cpu}, {cores} cores, Python {python}; when it began, {load} processes wanted a core, and a core "
        "that is shared is slower. A million turns of a plain loop of Python took {python_loop_ms} ms: that is how "
        "fast the machine was that day.\n".format(**told["machine"]),
    ]
    parts += _nab(told, digest) + _cloud(told, digest) + _calibration(told, digest, picture)
    if "speed" in told:
        parts += [f"## Cost of a point ({digest})\n", _SPEED, table(told["speed"])]
    if told["joint"]:
        parts += ["## Several metrics together\n", _JOINT, "\n".join(told["joint"]) + "\n"]
    if "intake" in told:
        parts += ["## Pushed metrics\n", _INTAKE, table(told["intake"])]
    if "door" in told:
        parts += ["## POST /anomaly\n", _DOOR, table(told["door"])]
    if told["skipped"]:
        parts += ["## Not measured\n", "".join(f"- {line}\n" for line in told["skipped"])]
    return "\n".join(parts)


def table(rows: Sequence[dict[str, Any]]) -> str:
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(row[head]) for head in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n"


_NAB = (
    "Numenta Anomaly Benchmark v1.1, the half of its files that is open for tuning; 0 = never fires, 100 = perfect. "
    "The threshold is 0.5, fixed in advance, for all files. The detector's constants were chosen with these "
    "files in view, one set for all of them, so a file that nobody has seen may come out lower.\n"
)
_HELD_OUT = (
    "How much of that is choice? Here budget and episode length are chosen on some files, out of fifteen pairs, and "
    "scored on the others, beside the defaults on those same files (standard score). The defaults had all of them in "
    "view. The detector's other constants had so here as well, so new files may cost more than the difference.\n"
)
_CLOUD = (
    "Mean over the series of Microsoft's cloud monitoring dataset that have a labelled row: average precision, row by "
    "row, no point adjustment. `degree` is the answer's column for ranking; `score` puts the points at which an alarm "
    "is raised first.\n"
)
_CALIBRATION = (
    "Alarms on rows that nobody labelled, by the operator's budget. *Expected* is budget times judged weeks; the "
    "interval is Poisson's, of measured ÷ budget; *met* when it reaches into 0.5 to 1.5. A young series has no "
    "history to be calibrated on, and these sets are two to ten weeks long.\n"
)
_SPEED = (
    "One core, processor time, best of several rounds. Every detector scores and learns each point, but for the "
    "IsolationForest, which cannot learn. The others see one series; ours goes round all of them.\n"
)


def _nab(told: dict[str, Any], digest: str) -> list[str]:
    if "nab" not in told:
        return []
    return [
        f"## NAB ({digest})\n",
        _NAB,
        table(told["nab"]),
        _HELD_OUT,
        table(told["nab_held_out"]),
    ]


def _cloud(told: dict[str, Any], digest: str) -> list[str]:
    return [f"## Microsoft cloud monitoring ({digest})\n", _CLOUD, table([told["cloud"]])] if "cloud" in told else []


def _calibration(told: dict[str, Any], digest: str, picture: str | None) -> list[str]:
    if not told["calibration"]:
        return []
    shown = [f"![measured false alarms against the budget]({picture})\n"] if picture else []
    return [f"## Calibration ({digest})\n", _CALIBRATION, table(told["calibration"]), *shown]
