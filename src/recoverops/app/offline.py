"""The store for commands that need no running engine: reading, answering, stopping.

Works beside a running engine (readers do not wait for it) and without one, as long as the database can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recoverops.app.files import ANCHOR_FILE
from recoverops.app.settings import Settings
from recoverops.clock import SystemClock
from recoverops.model import AuditReport, NotFoundError
from recoverops.ports import Clock
from recoverops.storage import STOP_FILE, AuditAnchor, SqlStore, StopFile, open_store, verify_against


@contextmanager
def opened_store(settings: Settings, *, clock: Clock | None = None, may_create: bool = False) -> Iterator[SqlStore]:
    """Raises NotFoundError when nothing has ever been stored there, unless it may be created."""
    is_file = not settings.storage.url.get_secret_value()
    if is_file and not may_create and not (settings.data_dir / "recoverops.sqlite").exists():
        raise NotFoundError(
            f"there is no store in {settings.data_dir}; start the engine with `recoverops up`, or name its "
            f"configuration with --config"
        )
    store = open_store(settings.storage, data_dir=settings.data_dir, clock=clock or SystemClock())
    try:
        yield store
    finally:
        store.close()


def stop_switch(data_dir: Path, *, clock: Clock | None = None) -> StopFile:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return StopFile(data_dir / STOP_FILE, clock=clock or SystemClock())


def verify_audit(settings: Settings, store: SqlStore) -> AuditReport:
    """Walks the chain and compares it with the head that was kept outside the database."""
    anchor = AuditAnchor(settings.data_dir / ANCHOR_FILE)
    return store.read(lambda tx: verify_against(tx.audit, anchor))
