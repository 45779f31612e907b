"""The `ports.Engine` of a living process: a bounded pool of threads, and no memory of its own.

What is under way stands in the store, as the incidents whose response is due; so it survives `kill -9` and a new
release. The sweep starts what is due and runs nowhere: at the start of a process, and ever after. Two processes on one
store would do it twice, so each store has one (`up` locks the data directory, `storage.claim` the PostgreSQL database).
See [record 14](docs/adr/0014-the-store-is-the-only-memory-of-a-response.md).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from recoverops.model import SegmentKey, Severity
from recoverops.ports import Respond, Store
from recoverops.redact import redact
from recoverops.workflows.line import Line
from recoverops.workflows.segments import Segments
from recoverops.workflows.stopping import Halt, Stopping
from recoverops.workflows.thread_context import ThreadContext

_LOG = logging.getLogger("recoverops.workflows")
_FAILURE_ATTEMPTS = 8


class ThreadEngine:
    """`on_failure(key, redacted message)` hears of every segment that raised; when it raises itself it is called
    again, and at last the segment is left to the sweep.

    An engine is stopped once; another may be made after it.
    """

    def __init__(
        self, *, respond: Respond, store: Store, on_failure: Callable[[SegmentKey, str], None], threads: int = 64
    ) -> None:
        self._respond = respond
        self._store = store
        self._on_failure = on_failure
        self._stopping = Stopping()
        self._segments = Segments()
        self._line = Line()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recoverops-segment")

    def start(self, key: SegmentKey, *, severity: Severity = Severity.CRITICAL) -> None:
        """While the engine stops nothing is started: the incident stays due, and the next process starts it."""
        if self._stopping.is_asked or not self._segments.queue(key.workflow_id, severity.rank):
            return
        self._line.put(key, severity.rank)
        try:
            self._pool.submit(self._run_next)  # a thread takes whatever is first by then
        except RuntimeError:  # stopped in this very moment
            self._segments.drop(key.workflow_id)

    def is_running(self, key: SegmentKey) -> bool:
        return self._segments.is_known(key.workflow_id)

    def segments(self) -> dict[str, tuple[str, ...]]:
        """The ids of what it has on its hands, for people who look inside."""
        return self._segments.named()

    @property
    def is_running_any(self) -> bool:
        """Also after `stop`: a step that was begun is ended by itself alone, or by the end of the process."""
        return self._segments.count_running() > 0

    def stop(self, *, timeout: timedelta) -> None:
        """Running segments stop at their next door and stay due. One that is inside a long step when the timeout ends
        keeps its thread until the step returns, and then writes nothing."""
        self._stopping.ask()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._segments.drop_queued()
        if not self._segments.wait_until_none_runs(timeout):
            _LOG.warning("workflow.stopped_while_running", extra={"segments": self._segments.count_running()})
        self._stopping.end()

    def _run_next(self) -> None:
        """One attempt at one segment, on a thread of the pool."""
        key = self._line.take()
        context = ThreadContext(key, self._store, self._stopping)
        with self._segments.running(key.workflow_id) as is_queued:
            if not is_queued:
                return  # it moved up and was taken before
            try:
                self._stopping.halt_unless(is_owed=False)
                self._respond(context, key)
            except Halt:
                return
            except Exception as error:  # noqa: BLE001 - the supervisor of a segment: its failure becomes data
                self._fail(key, context.at, error)

    def _fail(self, key: SegmentKey, step: str, error: Exception) -> None:
        if self._stopping.is_asked:
            return  # what it stumbled over may be the stop itself; it stays due
        message = redact(f"{type(error).__name__}: {error}")
        found = {"workflow_id": key.workflow_id, "step": step, "text": message}
        _LOG.error("workflow.segment_failed", extra=found)
        for attempt in range(_FAILURE_ATTEMPTS):
            try:
                self._on_failure(key, message)
            except Exception as again:  # noqa: BLE001 - nobody is left to tell; the log and the sweep remain
                text = redact(f"{type(again).__name__}: {again}")
                _LOG.error("workflow.failure_untold", extra={**found, "text": text})
                try:
                    self._stopping.wait(min(0.1 * 2**attempt, 5.0))
                except Halt:
                    return
            else:
                return
