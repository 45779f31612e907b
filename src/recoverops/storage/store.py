"""The truth: the `Store` of the ports on SQLite or PostgreSQL. Opened by `app` with `open_store`, closed at the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import sqlalchemy as sa

from recoverops.model import (
    Admission,
    Alert,
    ConflictError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    UnreachableError,
)
from recoverops.ports import Clock, Tx
from recoverops.storage import retention, signals
from recoverops.storage.claim import Claim
from recoverops.storage.directory_lock import DirectoryLock, make_private_directory
from recoverops.storage.engines import Engines, make_engines
from recoverops.storage.intake import IntakeWriter
from recoverops.storage.migrate import upgrade
from recoverops.storage.ownership import make_empty
from recoverops.storage.refusals import UnstorableError, is_repeatable, translated
from recoverops.storage.retention import RetentionSettings
from recoverops.storage.schema import heartbeat
from recoverops.storage.serial import take_serial_lock
from recoverops.storage.settings import StorageSettings
from recoverops.storage.transaction import SqlTx
from recoverops.storage.writer_pool import NESTED

T = TypeVar("T")

_ATTEMPTS = 5
"""How often a transaction is begun that PostgreSQL keeps choosing as the loser of a deadlock."""

_BEAT = sa.update(heartbeat).where(heartbeat.c.id == 1).values(at=sa.bindparam("b_at"))


def open_store(settings: StorageSettings, *, data_dir: Path, clock: Clock, is_engine: bool = False) -> SqlStore:
    """The store with its schema up to date; the caller closes it. The engine holds the DirectoryLock already.

    Raises MisconfiguredError for settings that cannot work or a schema of a newer release, UnreachableError when the
    database does not answer, and ConflictError when another process runs responses on it: to the engine always, to
    others when the schema would have to be changed beneath that process.
    """
    make_private_directory(data_dir)
    engines = make_engines(settings, data_dir=data_dir)
    if engines.sqlite_file is not None and os.geteuid() == 0:
        with suppress(OSError):  # SQLite says it better; it gives -wal and -shm to the owner of the database by itself
            make_empty(engines.sqlite_file)
    claim = None
    try:
        if is_engine:
            claim = Claim(engines.write)
        alone = nullcontext if is_engine else partial(_alone, engines, data_dir, clock)
        with translated("the store cannot be opened", free_bytes=engines.free_bytes):
            upgrade(engines, data_dir=data_dir, alone=alone)
    except BaseException:
        if claim is not None:
            claim.give_back()
        engines.dispose()
        raise
    return SqlStore(engines, settings, clock=clock, claim=claim)


@contextmanager
def _alone(engines: Engines, data_dir: Path, clock: Clock) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(DirectoryLock(data_dir, clock))
            held.callback(Claim(engines.write).give_back)
        except ConflictError as error:
            raise ConflictError(
                "the schema of the database is not this release's, and an engine runs on it; "
                f"start this release's engine in its place, which upgrades it ({error})"
            ) from error
        yield


class SqlStore:
    def __init__(
        self, engines: Engines, settings: StorageSettings, *, clock: Clock, claim: Claim | None = None
    ) -> None:
        self.claim = claim
        """Of the engine's; None for those who only read, answer or stop."""
        self._engines = engines
        self._clock = clock
        self._inside = threading.local()
        self._refused: tuple[float, str] | None = None
        """When a write got no turn since the last one that succeeded, and why."""
        self._refusal_counts_s = 2 * settings.busy_timeout_s
        self._intake = IntakeWriter(
            self._write_group, queue_bytes=settings.intake_queue_bytes, group=settings.group_commit
        )

    @property
    def write_engine(self) -> sa.Engine:
        """The database itself, past the tables of `Tx`: for tests, and for people with a debugger."""
        return self._engines.write

    @property
    def queued_intake_bytes(self) -> int:
        """Received but not yet written, for `/ready` and the metrics."""
        return self._intake.queued_bytes

    @property
    def waiting_writers(self) -> int | None:
        """Threads that wait for their turn to write; None where the database alone knows."""
        return self._engines.waiting_writers

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Never waits for a writer, and does not see what an enclosing `write` has not committed yet."""
        with (
            translated("the store cannot be read", free_bytes=self._engines.free_bytes),
            self._engines.read.connect() as connection,
        ):
            return fn(SqlTx(connection, may_write=False))

    def write(self, fn: Callable[[Tx], T]) -> T:
        """One at a time. On PostgreSQL `fn` runs again when the database chose its transaction as a deadlock's loser.

        Raises OverloadedError when the disk is full or no turn came, UnreachableError when the database is gone.
        """
        if getattr(self._inside, "write", False):
            raise PermanentError(NESTED)
        self._inside.write = True
        try:
            with translated("the store cannot be written", free_bytes=self._engines.free_bytes):
                answered = self._repeat(fn)
        except OverloadedError as error:
            self._refused = self._clock.monotonic(), str(error)
            raise
        finally:
            self._inside.write = False
        self._refused = None
        return answered

    def patiently(self) -> AbstractContextManager[None]:
        return self._engines.patiently()

    def _repeat(self, fn: Callable[[Tx], T]) -> T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._write_once(fn)
            except sa.exc.DBAPIError as error:
                if not is_repeatable(error):
                    raise
        return self._write_once(fn)

    def _write_once(self, fn: Callable[[Tx], T]) -> T:
        with self._engines.write.begin() as connection:
            take_serial_lock(connection)
            return fn(SqlTx(connection))

    def admit(self, alerts: Sequence[Alert], *, size: int) -> Future[Admission]:
        return self._intake.admit(alerts, size=size)

    def _write_group(self, deliveries: Sequence[Sequence[Alert]]) -> Sequence[Admission]:
        now = self._clock.now()
        self._engines.prefer_this_thread()
        try:
            with (
                translated("the delivery was not stored", free_bytes=self._engines.free_bytes),
                self._engines.write.begin() as connection,
            ):
                if not any(deliveries):
                    connection.execute(_BEAT, {"b_at": now})
                return signals.admit(connection, deliveries, at=now)
        except (OverloadedError, UnstorableError):
            raise
        except RecoverOpsError as error:
            # Whatever it was: nothing is stored, and the sender still has it.
            raise OverloadedError(f"{error}; send it again later") from error

    def prune(self, settings: RetentionSettings) -> Mapping[str, int]:
        """Removes one small batch of what is over and old enough; how many rows of each kind went."""
        now = self._clock.now()
        with (
            translated("the store cannot be read", free_bytes=self._engines.free_bytes),
            self._engines.read.connect() as reading,
        ):
            doomed = retention.choose(reading, settings, now=now)
        if not doomed:
            return {}
        with (
            self.patiently(),
            translated("old rows cannot be removed", free_bytes=self._engines.free_bytes),
            self._engines.write.begin() as writing,
        ):
            return retention.remove(writing, doomed)

    def ping(self, *, timeout: timedelta) -> None:
        """Really writes, through the same queue and thread as the intake, so it finds whatever would stop that.

        On PostgreSQL the intake goes past the turn to write, so what found none lately is told as well.
        """
        if self._engines.sqlite_file is None and (why := self._why_refused()) is not None:
            raise UnreachableError(f"the store cannot be written to now: {why}")
        try:
            self._intake.admit((), size=0).result(timeout.total_seconds())
        except FutureTimeoutError as error:
            raise UnreachableError(
                f"the store did not confirm a write within {timeout.total_seconds():g} s; is its disk stalled?"
            ) from error
        except OverloadedError as error:
            raise UnreachableError(f"the store cannot be written to now: {error}") from error

    def _why_refused(self) -> str | None:
        """Whether a write that nobody tried again would get its turn by now is not known: it counts for a while."""
        refused = self._refused
        if refused is None or self._clock.monotonic() - refused[0] > self._refusal_counts_s:
            return None
        return refused[1]

    def close(self, *, timeout: timedelta = timedelta(seconds=30), keep_claim: bool = False) -> None:
        """Write what is queued, then let go of the database. A claim that is kept ends with the process."""
        drained = self._intake.close(timeout=timeout)
        if self.claim is not None and not keep_claim:
            self.claim.give_back()
        self._engines.dispose()
        if not drained:
            raise UnreachableError(
                f"the intake was not written within {timeout.total_seconds():g} s; its senders were not acknowledged"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
