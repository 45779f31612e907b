"""One line at each start of a service, so that "how often was it started?" is answered by the service itself."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path


def write_start(ledger: Path, *, pid: int, at: datetime) -> None:
    """Append one start to the ledger, in one write and on disk before it returns."""
    line = json.dumps({"pid": pid, "at": at.isoformat()}) + "\n"
    with ledger.open("a", encoding="utf-8") as out:
        out.write(line)
        out.flush()
        os.fsync(out.fileno())


def starts_in(ledger: Path) -> int:
    """How often the service was started; 0 when it never was."""
    return len(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else 0
