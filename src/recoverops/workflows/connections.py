"""Database connections that wait out an outage and still let the process stop.

DBOS retries a lost database for ever, in sleeps that nothing can interrupt. The engines that it is given are wrapped
here and look at whose thread asks for a connection: a running segment waits, in small steps, until the database is
back or the engine stops; a caller of `start` gets an UnreachableError at once; everybody else is served as ever.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.orm import Session

from recoverops.model import UnreachableError
from recoverops.redact import redact
from recoverops.workflows.quiet_log import logger

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class Halt(BaseException):
    """Unwinds a segment without recording an outcome, so that it stays pending and resumes at its last checkpoint.

    Not an Exception on purpose: neither the response nor DBOS may take it for a failure of the work.
    """


class _Asking(Enum):
    SEGMENT = auto()
    ENDING = auto()
    """a segment that is over; DBOS writes down its end"""
    CALLER = auto()


class Patience:
    """Knows whether the engine is stopping, and which threads are its own.

    Connections that DBOS asks for when a segment has ended are waited for inside `at_the_end`.
    """

    def __init__(self, *, at_the_end: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._at_the_end = at_the_end
        self._stopping = threading.Event()
        self._thread = threading.local()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        self._stopping.set()

    def halt_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise Halt

    def wait(self, seconds: float) -> None:
        """Returns after `seconds`; raises Halt as soon as the engine stops."""
        if self._stopping.wait(seconds):
            raise Halt

    @contextmanager
    def as_segment(self) -> Iterator[None]:
        """For a thread that runs nothing but segments: what it does after this one belongs to the segment's end."""
        self._thread.asking = _Asking.SEGMENT
        try:
            yield
        finally:
            self._thread.asking = _Asking.ENDING

    @contextmanager
    def as_caller(self) -> Iterator[None]:
        before = self._asking
        self._thread.asking = _Asking.CALLER
        try:
            yield
        finally:
            self._thread.asking = before

    @property
    def _asking(self) -> _Asking | None:
        asking: _Asking | None = getattr(self._thread, "asking", None)
        return asking

    def connected(self, connect: Callable[[], sa.Connection], *, url: sa.URL, may_refuse: bool) -> sa.Connection:
        """`may_refuse`: while the engine stops, a running segment gets no connection even if there is one."""
        asking = self._asking
        if asking is None:
            return connect()
        with self._at_the_end() if asking is _Asking.ENDING else nullcontext():
            return self._connected(connect, asking, url=url, may_refuse=may_refuse)

    def _connected(
        self, connect: Callable[[], sa.Connection], asking: _Asking, *, url: sa.URL, may_refuse: bool
    ) -> sa.Connection:
        wait_s = _FIRST_WAIT_S
        while True:
            if may_refuse and asking is _Asking.SEGMENT:
                self.halt_if_stopping()
            try:
                return connect()
            # Also a pool that stayed empty: during an outage its connections all hang.
            except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
                text = f"database {url.render_as_string(hide_password=True)} does not answer: {redact(str(error))}"
                if asking is _Asking.CALLER:
                    raise UnreachableError(f"{text}; nothing was started, try again when it is back") from error
                if wait_s == _FIRST_WAIT_S:
                    logger.warning("workflow.database_unreachable", extra={"text": text})
            self.wait(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


class PatientEngine(OptionEngine):
    """The same engine, pool and events; only the way to a connection is watched over."""

    patience: Patience
    _may_refuse = False

    def __init__(
        self, proxied: sa.Engine, execution_options: Mapping[str, Any], patience: Patience | None = None
    ) -> None:
        super().__init__(proxied, execution_options)
        if patience is None:
            assert isinstance(proxied, PatientEngine)
            patience = proxied.patience
        self.patience = patience

    def connect(self) -> sa.Connection:
        return self.patience.connected(super().connect, url=self.url, may_refuse=self._may_refuse)


class StoreEngine(PatientEngine):
    """The store's engine under `ctx.tx`. DBOS asks it for a connection at each attempt, so each can be the last.

    DBOS's own database must not be like this: it has to take down what a step did while the engine was told to stop.
    """

    _may_refuse = True


# What `execution_options` of it makes: DBOS derives its engine that way.
PatientEngine._option_cls = PatientEngine


class StoreSession(Session):
    """The session of `ctx.tx`: leaves the isolation level as the store's engine has it.

    DBOS asks for SERIALIZABLE. On SQLite that resets the driver to deferred transactions, for good; on PostgreSQL it
    takes the snapshot before the store's lock is held. A transaction has to mean the same whether `Store.write` or
    `ctx.tx` opened it.
    """

    def connection(
        self, bind_arguments: Any = None, execution_options: Mapping[str, Any] | None = None
    ) -> sa.Connection:
        options = {name: value for name, value in (execution_options or {}).items() if name != "isolation_level"}
        return super().connection(bind_arguments, options)


def open_dbos_engine(url: str) -> sa.Engine:
    """DBOS's own database. SQLite: WAL, synchronous=NORMAL, readable by its owner only."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=20,
            max_overflow=0,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args={
                "application_name": "recoverops-workflows",
                "connect_timeout": 5,
                # Should this host vanish, the server gives our claim on the database back within half a minute.
                "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
            },
            hide_parameters=True,
        )
    if parsed.database:
        # Made before SQLite makes it: the -wal and -shm files take over the mode of this one.
        os.close(os.open(parsed.database, os.O_CREAT | os.O_RDWR, 0o600))
        os.chmod(parsed.database, 0o600)
    engine = sa.create_engine(parsed, pool_size=20, max_overflow=0, pool_timeout=30, hide_parameters=True)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: object) -> None:
    # Losing the last commits to a power cut only means that steps run again, which they must bear anyway.
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
