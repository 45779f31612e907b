"""Durable work on DBOS Transact: the `ports.Engine` of a living process. `app` builds one, launches it, stops it.

Pending work survives a deploy. DBOS resumes only what the same executor id started under the same application version,
and by default derives both from what changes with a release or a host. Here both are constants, so whatever release
starts next resumes every pending segment. That is safe because a segment is given ids only and reads the truth anew
from the store, because a step taken in another order than before is refused by its name, and because a segment that
cannot go on fails into `on_failure` like any other. The price: two processes on one database would resume each other's
work, so each database has one process (`up` locks the data directory, `claim` the PostgreSQL database).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from datetime import datetime, timedelta
from typing import ClassVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID, SQLAlchemyDatasource, WorkflowStatus, WorkflowStatusString
from dbos import error as dbos_error
from dbos._core import WorkflowHandleFuture
from sqlalchemy.orm import sessionmaker

from recoverops.model import ConflictError, IncidentId, PermanentError, SegmentKey
from recoverops.ports import Clock, Respond, Tx
from recoverops.redact import redact
from recoverops.workflows import idle
from recoverops.workflows.claim import claim_database
from recoverops.workflows.connections import Halt, Patience, PatientEngine, StoreEngine, StoreSession, open_dbos_engine
from recoverops.workflows.dbos_context import DbosContext, Means
from recoverops.workflows.json_serializer import JsonSerializer
from recoverops.workflows.looking_up import look_up_on
from recoverops.workflows.quiet_log import SegmentFailedError, logger, quieten_dbos
from recoverops.workflows.segments import Segments

_NAME = "recoverops"
_VERSION = "1"
"""Not the release, see above. Raised only when older segments must never be resumed."""
_WORKFLOW = "recoverops.respond"
"""Stored with every segment; a release that renamed it could not resume them."""
_MOST_ATTEMPTS = 20
"""A segment that was cut off this often is taken to be what kills the process: it fails instead of running again."""
_FAILURE_ATTEMPTS = 8
_ENDED = [
    WorkflowStatusString.SUCCESS.value,
    WorkflowStatusString.ERROR.value,
    WorkflowStatusString.CANCELLED.value,
    WorkflowStatusString.MAX_RECOVERY_ATTEMPTS_EXCEEDED.value,
]


class DbosEngine:
    """One in a process, because DBOS is. After `stop` another may be built and launched.

    `store_engine` is the store's write engine; rows that `ctx.tx` writes through `tx_of` commit together with DBOS's
    memory of them, which is looked up on `reading_engine`. What DBOS tidies up in the store when a segment has ended is
    done inside `patiently`.

    `on_failure(key, redacted message)` hears of every segment that raised, at least once, before its end is written
    down; when it raises itself it is called again, and at last the segment is left for the next start.
    """

    _live: ClassVar[DbosEngine | None] = None
    _live_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(  # noqa: PLR0913 - everything that the wiring has to hand over, once
        self,
        *,
        respond: Respond,
        dbos_url: str,
        store_url: str,
        store_engine: sa.Engine,
        reading_engine: sa.Engine | None = None,
        patiently: Callable[[], AbstractContextManager[None]] = nullcontext,
        tx_of: Callable[[sa.Connection], Tx],
        clock: Clock,
        application_version: str,
        on_failure: Callable[[SegmentKey, str], None],
        threads: int = 64,
    ) -> None:
        self._respond = respond
        self._dbos_url = dbos_url
        self._store_url = store_url
        self._store_engine = store_engine
        self._reading_engine = reading_engine or store_engine
        self._tx_of = tx_of
        self._clock = clock
        self._release = application_version
        self._on_failure = on_failure
        self._threads = threads
        self._patience = Patience(at_the_end=patiently)
        self._segments = Segments()
        self._undo: list[Callable[[], None]] = []
        self._dbos: DBOS | None = None
        self._workflow: Callable[[str, int, int], None] | None = None

    def launch(self) -> None:
        """Open the databases, create what DBOS needs in them, and resume what is pending.

        Raises ConflictError when this process has a live engine or another process works on this database, and
        UnreachableError when a database does not answer. An engine is launched once.
        """
        if self._patience.is_stopping:
            raise ConflictError("this workflow engine was stopped; build a new one to launch again")
        with DbosEngine._live_lock:
            if DbosEngine._live is not None:
                raise ConflictError(
                    "this process runs a workflow engine already, and DBOS allows one; stop that one first"
                )
            DbosEngine._live = self
        try:
            with self._patience.as_caller():
                self._launch()
        except BaseException:
            self._patience.stop()
            self._tear_down()
            raise

    def _launch(self) -> None:
        quieten_dbos()
        engine = PatientEngine(open_dbos_engine(self._dbos_url), {}, self._patience)
        self._undo.append(engine.dispose)
        self._undo.append(claim_database(engine))
        self._dbos = DBOS(config=self._config(engine))
        datasource = SQLAlchemyDatasource.create(
            self._store_url,
            engine=StoreEngine(self._store_engine, {}, self._patience),
            serializer=JsonSerializer(),
            sessionmaker=sessionmaker(class_=StoreSession, expire_on_commit=False),
        )
        look_up_on(StoreEngine(self._reading_engine, {}, self._patience), datasource)
        means = Means(datasource=datasource, tx_of=self._tx_of, clock=self._clock, patience=self._patience)

        def run_segment(incident_id: str, episode: int, segment: int) -> None:
            self._run(means, SegmentKey(incident_id=IncidentId(incident_id), episode=episode, segment=segment))

        # Attempts are counted here and not by DBOS, whose limit ends a segment without telling anybody.
        self._workflow = DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(run_segment)
        idle.before_launch(self._dbos, is_sqlite=engine.dialect.name == "sqlite")
        # A resumed segment begins by taking the same lock, so none is over before it is known to be pending.
        with self._segments.closed():
            DBOS.launch()
            self._segments.expect({found.workflow_id: found.recovery_attempts or 0 for found in _pending()})
        self._calm_down()
        logger.info("workflow.launched", extra={"release": self._release, "resuming": self._segments.count()})

    def _calm_down(self) -> None:
        if self._dbos is not None and not self._segments.are_expected():
            idle.nothing_to_resume(self._dbos)

    def _config(self, engine: sa.Engine) -> DBOSConfig:
        return DBOSConfig(
            name=_NAME,
            system_database_url=self._dbos_url,
            system_database_engine=engine,
            application_version=_VERSION,
            executor_id=_NAME,
            serializer=JsonSerializer(),
            max_executor_threads=self._threads,
            log_level="WARNING",
            enable_otlp=False,
            # Neither messages, events nor schedules are used. The listener only sleeps, and a stop waits for it.
            use_listen_notify=False,
            notification_listener_polling_interval_sec=0.25,
            scheduler_polling_interval_sec=3600.0,
        )

    def start(self, key: SegmentKey) -> None:
        """Raises UnreachableError when DBOS's database is away. While the engine stops nothing is started: the
        incident stays due in the store, and the next process starts it."""
        if self._patience.is_stopping or self._segments.is_known(key.workflow_id):
            return
        if self._workflow is None:
            raise ConflictError(f"workflow {key.workflow_id} cannot start before the engine is launched")
        with self._patience.as_caller(), self._segments.queueing(key.workflow_id) as queued:
            # A context of its own: called from inside a segment it would become that segment's child, and a step of it.
            handle = Context().run(self._submit, key)
            queued.is_taken = isinstance(handle, WorkflowHandleFuture)

    def _submit(self, key: SegmentKey) -> object:
        assert self._workflow is not None
        with SetWorkflowID(key.workflow_id):
            return DBOS.start_workflow(self._workflow, str(key.incident_id), key.episode, key.segment)

    def is_running(self, key: SegmentKey) -> bool:
        return self._segments.is_known(key.workflow_id)

    def segments(self) -> dict[str, tuple[str, ...]]:
        """The ids of what it has on its hands, for people who look inside."""
        return self._segments.named()

    def forget(self, before: datetime, *, limit: int = 100) -> int:
        """Removes what DBOS remembers of at most `limit` segments that ended before then; how many went.

        Never one that is pending. What `ctx.tx` remembered beside our tables goes when a segment ends, without us.
        """
        if self._dbos is None or self._patience.is_stopping:
            return 0
        with self._patience.as_caller():
            ended = DBOS.list_workflows(
                status=_ENDED,
                completed_before=before.isoformat(),
                application_name=_NAME,
                limit=limit,
                load_input=False,
                load_output=False,
            )
            names = [one.workflow_id for one in ended if not self._segments.is_known(one.workflow_id)]
            if names:
                DBOS.delete_workflows(names)
        return len(names)

    def stop(self, *, timeout: timedelta) -> None:
        """Running segments stop at their next checkpoint and stay pending. One that is inside a long step when the
        timeout ends keeps its thread until the step returns, and then writes nothing."""
        if DbosEngine._live is not self:
            return
        self._patience.stop()
        if not self._segments.wait_until_idle(timeout, self._is_writing):
            logger.warning("workflow.stopped_while_running", extra={"segments": self._segments.count()})
        self._tear_down()

    def _is_writing(self) -> bool:
        # DBOS writes a segment's end after our function has returned, and only this list knows when it has.
        return self._dbos is not None and bool(self._dbos._active_workflows_set.activeList())

    def _tear_down(self) -> None:
        DBOS.destroy(destroy_registry=True)
        self._dbos = None
        while self._undo:
            self._undo.pop()()
        with DbosEngine._live_lock:
            DbosEngine._live = None

    def _run(self, means: Means, key: SegmentKey) -> None:
        """One attempt at one segment, on a thread of DBOS."""
        with self._patience.as_segment(), self._segments.running(key.workflow_id) as attempts:
            self._patience.halt_if_stopping()
            self._calm_down()
            try:
                if attempts >= _MOST_ATTEMPTS:
                    raise PermanentError(
                        f"{key.workflow_id} was cut off {attempts} times and is not tried again; look at what ended "
                        "the process, then act by hand"
                    )
                self._respond(DbosContext(means), key)
            except (dbos_error.DBOSWorkflowConflictIDError, dbos_error.DBOSWorkflowCancelledError) as error:
                # DBOS would keep this thread waiting for the other execution's outcome.
                logger.warning("workflow.taken_over", extra={"workflow_id": key.workflow_id})
                raise Halt from error
            except Exception as error:  # noqa: BLE001 - the supervisor of a segment: its failure becomes data
                self._fail(key, error)

    def _fail(self, key: SegmentKey, error: Exception) -> None:
        """Tell of the failure, then end the workflow in ERROR."""
        self._patience.halt_if_stopping()
        message = redact(f"{type(error).__name__}: {error}")
        logger.error(
            "workflow.segment_failed",
            extra={"workflow_id": key.workflow_id, "text": message, "release": self._release},
        )
        for attempt in range(_FAILURE_ATTEMPTS):
            try:
                self._on_failure(key, message)
            except Exception as again:  # noqa: BLE001 - nobody is left to tell; the log and the next start remain
                text = redact(f"{type(again).__name__}: {again}")
                logger.error("workflow.failure_untold", extra={"workflow_id": key.workflow_id, "text": text})
                self._patience.wait(min(0.1 * 2**attempt, 5.0))
            else:
                raise SegmentFailedError(message) from error
        raise Halt from error


def _pending() -> list[WorkflowStatus]:
    return DBOS.list_workflows(
        status=[WorkflowStatusString.PENDING.value, WorkflowStatusString.ENQUEUED.value],
        application_name=_NAME,
        load_input=False,
        load_output=False,
    )
