"""The store for commands that need no running engine: reading, answering, stopping.

Works beside a running engine (readers do not wait for it) and without one, as long as the database can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from recoverops.app.files import ANCHOR_FILE, HISTORY_FOLDER
from recoverops.app.loaded import Loaded
from recoverops.app.places import history_objects, model_store
from recoverops.app.plugins import load_plugins, vault_of
from recoverops.app.settings import Settings
from recoverops.app.store_address import with_store_address
from recoverops.app.vault import Vault
from recoverops.clock import SystemClock
from recoverops.model import AuditReport, MisconfiguredError, NotFoundError, Resource
from recoverops.ports import Clock, HistoryStore, ModelStore, RangeReader
from recoverops.ports.objects import scheme_of
from recoverops.storage import SQLITE_FILE, AuditAnchor, SqlStore, open_store, verify_against

if TYPE_CHECKING:  # it loads numpy
    from recoverops.operations.incident_windows import Stretch


@contextmanager
def opened_store(settings: Settings, *, clock: Clock | None = None) -> Iterator[SqlStore]:
    """Makes neither a data directory nor a store; raises NotFoundError when nothing has ever been stored there.

    Raises MisconfiguredError when this user may not look.
    """
    is_file = not settings.storage.url.get_secret_value()
    if is_file and not _is_there(settings.data_dir / SQLITE_FILE):
        raise NotFoundError(
            f"there is no store in {settings.data_dir}; start the engine with `recoverops up`, or name its "
            f"configuration with --config"
        )
    used_clock = clock or SystemClock()
    if not is_file:
        settings = with_store_address(settings, vault_of(settings, used_clock))
    with ExitStack() as held:
        data_dir = settings.data_dir
        if not data_dir.exists():  # on PostgreSQL: a host that only asks keeps nothing
            data_dir = Path(held.enter_context(TemporaryDirectory(prefix="recoverops-")))
        store = open_store(settings.storage, data_dir=data_dir, clock=used_clock)
        held.callback(store.close)
        yield store


def _is_there(file: Path) -> bool:
    """Raises MisconfiguredError when this user may not see. The file is not opened: SQLite's locks go with a close."""
    try:
        return file.stat().st_size > 0  # what was begun on a full disk has none in it either
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise MisconfiguredError(
            f"{file} may not be read by this user ({error.strerror}); "
            "run it as the user that runs the engine, e.g. sudo -u recoverops"
        ) from error


def opened_models(settings: Settings) -> ModelStore:
    """The trained models; the data directory is made private where there is none, as the engine demands it."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return model_store(settings, _loaded_for(settings.detection.model_place, settings))


@contextmanager
def opened_history(settings: Settings) -> Iterator[HistoryStore]:
    """For reading, also beside a running engine; what the engine has not flushed yet is not in it.

    Raises NotFoundError when nothing was ever kept there.
    """
    from recoverops.storage.history.store import read_history

    root, place = settings.data_dir / HISTORY_FOLDER, settings.history.place
    if not root.is_dir() and not place:
        raise NotFoundError(
            f"there is no history in {root}; let the engine run with history.enabled, or train from a file with --from"
        )
    objects = history_objects(settings, _loaded_for(place, settings))
    with TemporaryDirectory(prefix="recoverops-history-") as cache:
        history = read_history(settings.history, root, cache=Path(cache), clock=SystemClock(), objects=objects)
        try:
            yield history
        finally:
            history.close()


def _loaded_for(place: str, settings: Settings) -> Loaded:
    """No plugin is built for a folder."""
    clock = SystemClock()
    if scheme_of(place):
        return load_plugins(settings, clock)
    return Loaded(vault=Vault.without_plugins(settings.environment, clock))


def incidents_learned_from(
    settings: Settings, store: SqlStore, resource: Resource, *, now: datetime
) -> tuple[Stretch, ...]:
    """When something was wrong with it, as far back as a training looks."""
    from recoverops.operations.incident_windows import incident_stretches

    start = now - settings.detection.training_history
    return store.read(lambda tx: incident_stretches(tx, resource, start=start, end=now))


def known_incidents(settings: Settings, resource: Resource | None) -> tuple[Stretch, ...]:
    """The same for a command; none where there is no store."""
    if resource is None:
        return ()
    try:
        with opened_store(settings) as store:
            return incidents_learned_from(settings, store, resource, now=SystemClock().now())
    except NotFoundError:
        return ()


def history_reader(settings: Settings, name: str) -> RangeReader:
    """What a plugin reads of another system's history. Raises MisconfiguredError when none offers that."""
    loaded = load_plugins(settings, SystemClock())
    if name not in loaded.readers:
        why = "".join(f" ({one.name}: {one.statement})" for one in loaded.disabled)
        raise MisconfiguredError(f"no plugin reads the history of {name}{why}; add `- name: {name}` to plugins:")
    return loaded.readers[name]


def verify_audit(settings: Settings, store: SqlStore) -> AuditReport:
    """Walks the chain and compares it with the head that was kept outside the database."""
    anchored = AuditAnchor(settings.data_dir / ANCHOR_FILE).read()
    return store.read(lambda tx: verify_against(tx.audit, anchored))
