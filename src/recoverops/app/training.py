"""Trains models in a child process, one at a time, and remembers what came of it. Owned by `app/anomaly.py`.

The engine reads the history and hands over a table, in a folder of this training; the child learns and leaves a model
there; the engine keeps it as a new version. When the engine closes, the child is ended: nothing of a half-made version
is left, because the store writes a version wholly or not at all.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np

from recoverops.app.training_child import TrainingPaper, TrainingReport, after_in, before_in, table_path
from recoverops.detection.metrics.joint import JointSettings
from recoverops.model import ConflictError, RecoverOpsError, Resource, UnreachableError
from recoverops.model.ids import new_training_id
from recoverops.model.joint import MetricTable
from recoverops.operations.anomaly_status import JobState, TrainingJob
from recoverops.operations.model_training import Learned, TrainingOrder, current_of, keep
from recoverops.ports import Clock, ModelStore, Telemetry
from recoverops.redact import redact

REMEMBERED = 20
LONGEST = timedelta(minutes=15)
_LOG = logging.getLogger("recoverops.training")


class Trainer:
    def __init__(
        self,
        models: ModelStore,
        settings: JointSettings,
        clock: Clock,
        telemetry: Telemetry,
        *,
        config: Path | None,
        ended: Callable[[], None],
    ) -> None:
        """`config`: the engine's configuration file. `ended` is called after each training, on its thread."""
        self._models = models
        self._config = config
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._ended = ended
        self._jobs: deque[TrainingJob] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def jobs(self) -> tuple[TrainingJob, ...]:
        """Newest first."""
        with self._lock:
            return tuple(self._jobs)

    def check_free(self) -> None:
        """Raises ConflictError while a training runs."""
        running = next((job for job in self.jobs if job.state is JobState.RUNNING), None)
        if running is not None:
            raise ConflictError(
                f"the training {running.id} of {running.name} runs since {running.started_at:%H:%M:%S} UTC; one at a "
                "time: ask again when GET /anomaly/status shows its end"
            )

    def start(self, order: TrainingOrder, table: MetricTable, *, of: Resource, by: str) -> TrainingJob:
        """Raises ConflictError while another one runs, UnreachableError when the table cannot be handed over."""
        now = self._clock.now()
        job = TrainingJob(
            id=new_training_id(now),
            name=order.name,
            kind=order.kind,
            resource=str(of),
            asked_by=by,
            state=JobState.RUNNING,
            statement=f"learns from {len(table)} rows of {order.data}",
            started_at=now,
        )
        self.check_free()
        with self._lock:
            if self._is_closed:
                raise ConflictError("the engine stops; ask again when it is back")
            self._jobs.appendleft(job)
        self._thread = threading.Thread(
            target=self._run, args=(job, order, table), name="recoverops-training", daemon=True
        )
        self._thread.start()
        return job

    def close(self) -> None:
        """Ends a training that runs."""
        with self._lock:
            self._is_closed = True
            child = self._child
        if child is not None:
            child.kill()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self, job: TrainingJob, order: TrainingOrder, table: MetricTable) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="recoverops-training-") as folder:
                self._learned(job, order, table, Path(folder))
        except (OSError, subprocess.SubprocessError, msgspec.DecodeError, RecoverOpsError) as error:
            self._settle(job, JobState.FAILED, redact(f"{type(error).__name__}: {error}"), None)

    def _learned(self, job: TrainingJob, order: TrainingOrder, table: MetricTable, folder: Path) -> None:
        report = self._asked(order, table, folder)
        if report.verdict is None:
            state = JobState.REFUSED if report.refused else JobState.FAILED
            self._settle(job, state, redact(report.refused or report.failed), None)
            return
        parts = after_in(folder).load(order.name, 1).parts
        result = keep(Learned(parts=parts, verdict=report.verdict), order, self._models, at=self._clock.now())
        state = JobState.ACTIVATED if result.is_current else JobState.KEPT
        self._settle(job, state, redact(f"{result.statement}. {result.evaluation.statement}"), result.version)

    def _settle(self, job: TrainingJob, state: JobState, statement: str, version: int | None) -> None:
        done = msgspec.structs.replace(
            job, state=state, statement=statement, version=version, ended_at=self._clock.now()
        )
        with self._lock:
            self._jobs[self._jobs.index(job)] = done
        level = logging.ERROR if state is JobState.FAILED else logging.INFO
        _LOG.log(level, "training_ended", extra={"model": job.name, "state": state, "statement": statement})
        self._telemetry.count("ml_training_runs_total", outcome=state)
        self._ended()

    def _asked(self, order: TrainingOrder, table: MetricTable, folder: Path) -> TrainingReport:
        np.savez(table_path(folder), times=table.times, values=table.values)
        current = current_of(self._models, order)
        if current is not None and current.found is not None:
            before_in(folder).save(order.name, current.found.parts, at=current.found.version.created_at)
        paper = TrainingPaper(
            folder=str(folder),
            config=str(self._config) if self._config else None,
            metrics=table.metrics,
            order=order,
            current=current.number if current is not None else None,
            problem=current.problem if current is not None else "",
            settings=self._settings.model_dump(mode="json"),
        )
        answer, problem, code = self._child_says(msgspec.json.encode(paper))
        if code != 0:
            last = problem.decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
            raise UnreachableError(f"the training process ended with {code}: {last[0]}")
        return msgspec.json.decode(answer, type=TrainingReport)

    def _child_says(self, paper: bytes) -> tuple[bytes, bytes, int]:
        """Its stdout, its stderr and its exit code."""
        with self._lock:
            if self._is_closed:
                raise UnreachableError("the engine stops")
            child = self._child = subprocess.Popen(
                [sys.executable, "-m", "recoverops.app.training_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        try:
            answer, problem = child.communicate(paper, timeout=LONGEST.total_seconds())
        finally:
            child.kill()
            child.wait()
            self._child = None
        return answer, problem, child.returncode
