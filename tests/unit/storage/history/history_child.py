"""A process that appends and flushes without end, and says after each flush how many samples are durable."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from recoverops.model import Resource, ResourceKind
from recoverops.model.columns import Columns
from recoverops.ports import SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import open_history
from recoverops.workflows import VirtualClock

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = SeriesKey(resource=Resource(kind=ResourceKind.HOST, name="web1"), metric="host.cpu.utilization")
BATCH = 500


def main(root: Path) -> None:
    clock = VirtualClock(START)
    history = open_history(HistorySettings(), root, clock=clock)
    written = 0
    while True:
        at = START.timestamp() + np.arange(written, written + BATCH, dtype=np.float64)
        clock.advance(timedelta(seconds=BATCH))
        values = np.arange(written, written + BATCH, dtype=np.float64)
        history.append([KEY], Columns(series=np.zeros(BATCH, np.int32), at=at, values=values))
        history.flush()
        written += BATCH
        sys.stdout.write(f"{written}\n")
        sys.stdout.flush()
        if written % (BATCH * 7) == 0:
            history.prune()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
