"""Databases that have this release's schema already: Alembic runs once in a process and not once for each test.

What the migrations themselves do is shown in `tests/unit/storage/test_migrate.py`, which uses none of this.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from recoverops.clock import SystemClock
from recoverops.storage import StorageSettings, open_store

FILE = "recoverops.sqlite"


def prepared(data_dir: Path) -> Path:
    """The data directory with an empty SQLite database in it, unless there is one."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data_dir / FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(_template())
    return data_dir


@cache
def _template() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="recoverops-schema-"))
    try:
        open_store(StorageSettings(), data_dir=folder, clock=SystemClock()).close()
        left = {one.name for one in folder.iterdir()} & {f"{FILE}-wal", f"{FILE}-shm"}
        assert not left, f"the database is not whole in its file: {left}"
        return (folder / FILE).read_bytes()
    finally:
        shutil.rmtree(folder)
