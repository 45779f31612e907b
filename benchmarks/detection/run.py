"""`python -m benchmarks.detection.run`: how right, how honest and how fast the streaming detector is, in one run.

Quality needs the labelled public data and its scorers, which do not belong to the project: `--data` and `--eval`, by
default `../shared/data` and `../shared/eval` beside the repository, or RECOVEROPS_BENCH_DATA and
RECOVEROPS_BENCH_EVAL. What is not there is skipped, and said so. Every table carries the hash of the configuration.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.detection import anomaly_door, calibration, intake, joint_quality, labelled, quality, speed
from benchmarks.detection.tables import page
from recoverops.detection.metrics import streaming
from recoverops.detection.metrics.streaming import StreamSettings

_ROOT = Path(__file__).resolve().parents[2]
_SHARED = _ROOT.parent / "shared"
_PICTURE = "calibration-streaming.png"
_HEADER_LINES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    settings = StreamSettings()
    told: dict[str, Any] = {"configuration": settings.digest(), "code": _code_digest(), "skipped": []}
    load = round(os.getloadavg()[0], 1)
    if not given.no_speed:
        told["speed"] = speed.measure(settings)
        told["intake"] = [row.plain() for row in intake.measure()]
        told["door"] = [figure.plain() for figure in anomaly_door.measure()]
    told["joint"] = list(joint_quality.table_lines(joint_quality.measure(given.data)))
    if len(told["joint"]) <= _HEADER_LINES:
        told["joint"] = []
        told["skipped"].append("ASD and SMD: no data")
    told |= _quality(given.data, given.eval, settings, told["skipped"])
    told["calibration"] = _calibration(given, settings, told["skipped"])
    with tempfile.TemporaryDirectory(prefix="recoverops-bench-") as folder:
        described = machine.describe(Path(folder))
    told["machine"] = {key: described[key] for key in ("cpu", "cores", "python", "python_loop_ms")} | {"load": load}
    text = page(told, picture=f"images/{_PICTURE}" if told["calibration"] else None)
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    print(json.dumps(told, indent=2, ensure_ascii=False) if given.json else text)
    return 0


def _quality(data: Path, scorers: Path, settings: StreamSettings, skipped: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    nab, cloud, scorer = labelled.nab(data), labelled.cloud(data), labelled.scorer(scorers)
    if nab and scorer:
        told["nab"] = quality.nab_table(scorer, nab, settings)
        told["nab_held_out"] = quality.nab_held_out(scorer, nab, settings)
    else:
        skipped.append("NAB: its data, its scorer (nab_score.py) or pandas is not there")
    if cloud:
        told["cloud"] = quality.cloud_precision(cloud, settings)
    else:
        skipped.append("Microsoft cloud monitoring: no data")
    return told


def _calibration(given: argparse.Namespace, settings: StreamSettings, skipped: list[str]) -> list[dict[str, Any]]:
    sets = {
        "NAB": labelled.nab(given.data),
        "Microsoft": labelled.cloud(given.data),
        "ASD and SMD, train": labelled.normal_servers(given.data),
    }
    if not any(sets.values()):
        skipped.append("calibration: no data")
        return []
    measured = calibration.measure(sets, settings)
    if given.write:
        calibration.plot(measured, given.write.parent / "images" / _PICTURE, digest=settings.digest())
    return [one.plain() for one in measured]


def _code_digest() -> str:
    """Twelve hexadecimal digits of the detector's own files, so that a changed constant shows as well."""
    digest = hashlib.sha256()
    for path in sorted(Path(streaming.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.run", description=__doc__)
    data = os.environ.get("RECOVEROPS_BENCH_DATA", str(_SHARED / "data"))
    scorers = os.environ.get("RECOVEROPS_BENCH_EVAL", str(_SHARED / "eval"))
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the labelled sets")
    parser.add_argument("--eval", type=Path, default=Path(scorers), help="folder of nab_score.py")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the page")
    parser.add_argument("--no-speed", action="store_true", help="quality and calibration only")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="also write the page, and its plot into images/")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
