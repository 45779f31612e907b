"""The running engine: picks the implementations, joins them, starts and stops them in the right order.

`up` makes one. Everything it opens is closed by `close`, in the reverse order, even when starting failed half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from recoverops.api.telemetry import Metrics, Reading
from recoverops.app.anchoring import Anchoring
from recoverops.app.anomaly import AnomalyWorker
from recoverops.app.caution import CautionWorker, demands_of
from recoverops.app.claim import ClaimWorker
from recoverops.app.crosscheck import check_names
from recoverops.app.debug import Inside, debug_view
from recoverops.app.detecting import Detecting
from recoverops.app.files import ANCHOR_FILE, HISTORY_FOLDER
from recoverops.app.history import HistoryWorker
from recoverops.app.keys import Keys, loaded_keys
from recoverops.app.loaded import Loaded
from recoverops.app.members import Members
from recoverops.app.metric_intake import MetricIntake
from recoverops.app.offline import incidents_learned_from
from recoverops.app.places import history_objects, model_store
from recoverops.app.plugins import load_plugins
from recoverops.app.polling import HangWatch, SourceWorker
from recoverops.app.pruning import PruneWorker
from recoverops.app.release import release
from recoverops.app.reload import Reloader
from recoverops.app.settings import Settings
from recoverops.app.store_address import with_store_address
from recoverops.app.store_standing import StopLook, StoreStanding
from recoverops.app.streams import StreamWorker
from recoverops.app.structs import prepare_structs
from recoverops.app.vault import Vault
from recoverops.app.workers import CourierWorker, PipelineWorker, SweepWorker, Worker
from recoverops.clock import SystemClock
from recoverops.model import (
    ComponentState,
    ComponentStatus,
    Decision,
    Incident,
    Resource,
    Sample,
    SegmentKey,
    StoredAlert,
)
from recoverops.model.delivery import MetricDelivery, MetricReceipt
from recoverops.model.ids import new_engine_id
from recoverops.pipeline import (
    Conditions,
    Observer,
    Parts,
    Playbook,
    StreamIntake,
    Sweep,
    Wall,
    couriers,
    evaluate,
    on_failure,
    respond,
)
from recoverops.ports import Clock, StopSwitch, StreamSource, Tx, WorkflowContext
from recoverops.storage import STOP_FILE, AuditAnchor, DirectoryLock, SharedStop, SqlStore, StopFile, open_store
from recoverops.workflows import ThreadEngine

if TYPE_CHECKING:  # they load the compiled detectors
    from recoverops.operations.incident_windows import Stretch

JOIN_TIMEOUT = timedelta(seconds=5)
DRAIN_TIMEOUT = timedelta(seconds=10)


class RecoverOps:
    """The engine of one data directory. `start` returns when it may be asked for work."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.metrics = Metrics()
        self.loaded = Loaded(vault=Vault.without_plugins(settings.environment, self.clock))
        self.stop: StopSwitch = StopFile(settings.data_dir / STOP_FILE, clock=self.clock)
        self._stop_look = StopLook(self.stop.read)
        self.playbook = Playbook(settings.rules, settings.runbooks)
        self._closing = ExitStack()
        self._store: SqlStore | None = None
        self._parts_built: Parts | None = None
        self._workflows: ThreadEngine | None = None
        self._members: Members | None = None
        self._keys: Keys | None = None
        self._sweep = SweepWorker(self.clock, self.metrics)
        self._couriers: tuple[CourierWorker, ...] = ()
        self._cautions: tuple[CautionWorker, ...] = ()
        self._history = (
            HistoryWorker(settings.history, settings.data_dir / HISTORY_FOLDER, self.clock, self.metrics)
            if settings.history.enabled
            else None
        )
        self.anomaly = AnomalyWorker(
            settings,
            self.clock,
            self.metrics,
            history=self._history,
            audit=self._audit_model,
            incidents=self._incidents_of,
        )
        self._claim: ClaimWorker | None = None
        self.on_lost: Callable[[], None] = lambda: None
        """Called when another process has taken this one's place; it has to end."""
        self._is_started = False
        self._began, self._began_at = self.clock.monotonic(), self.clock.now()

    @property
    def parts(self) -> Parts:
        assert self._parts_built is not None, "the engine has not been started"
        return self._parts_built

    @property
    def workflows(self) -> ThreadEngine:
        assert self._workflows is not None, "the engine has not been started"
        return self._workflows

    @property
    def store(self) -> SqlStore:
        assert self._store is not None, "the engine has not been started"
        return self._store

    @property
    def keys(self) -> Keys:
        assert self._keys is not None, "the engine has not been started"
        return self._keys

    @property
    def members(self) -> Members:
        assert self._members is not None, "the engine has not been started"
        return self._members

    def start(self, *, once_alone: Callable[[], None] = lambda: None) -> None:
        """`once_alone` is called when nobody else has the data, before anything acts; what it raises ends the start.

        Raises ConflictError when another process has the data directory, MisconfiguredError and UnreachableError.
        """
        try:
            self._start(once_alone)
        except BaseException:
            self.close()
            raise
        self._is_started = True

    def load_late(self) -> None:
        """Begins what a start need not wait for. Called once, when the engine can be asked for work."""
        if (baselines := self.members.detecting.baselines) is not None:
            self._run_workers([baselines])

    def close(self) -> None:
        self._is_started = False
        self._closing.close()

    def _start(self, once_alone: Callable[[], None]) -> None:
        self._lock_directory()
        self.loaded = load_plugins(self.settings, self.clock, self.metrics)
        check_names(self.settings, self.loaded)
        self._keys = loaded_keys(self.settings, self.loaded.vault, self.clock)
        self.settings = with_store_address(self.settings, self.loaded.vault)
        prepare_structs()
        self._store = open_store(
            self.settings.storage, data_dir=self.settings.data_dir, clock=self.clock, is_engine=True
        )
        self._closing.callback(self._close_store, self._store)
        once_alone()
        self._look_after_claim(self._store)
        if not self._is_alone:
            self.stop = SharedStop(self.stop, self._store)
            self._stop_look = StopLook(self.stop.read)
        anchoring = self._anchored(self._store)
        self._cautions = tuple(CautionWorker(one, self.clock, self.metrics) for one in self.loaded.cautions)
        parts = self._parts_built = self._parts(self._store)
        if (newest := self._store.read(lambda tx: tx.audit.head())) is not None:
            parts.wall.stored_before(newest.at)
        engine = self._workflows = self._engine(parts)
        detecting = Detecting(self.settings, parts, self.loaded)
        learned = detecting.learned
        observer = Observer(parts, engine.start, baselines=detecting.baselines, foresight=detecting.foresight)
        observer.remember_alerts(self._store.read(_alerts_to_remember))
        self._couriers = tuple(
            CourierWorker(channel, courier, self.clock, self.metrics)
            for channel, courier in couriers(parts, self.loaded.notifiers).items()
        )
        pipeline = PipelineWorker(observer, self._store, self.clock, self.metrics, keep=self._keep)
        pipeline.after_round = learned.save_sometimes
        self._closing.callback(lambda: learned.save() if observer.is_settled else None)
        sweep = self._sweep.sweep = Sweep(parts, engine)
        self._sweep.after_tick = anchoring.sometimes
        members = self._members = Members(
            loaded=self.loaded,
            store=self._store,
            standing=StoreStanding(self._store, self.clock),
            keys=self._keys,
            reloader=Reloader(self.settings, self.loaded, self.playbook, self._store, self.clock),
            detecting=detecting,
            pipeline=pipeline,
            metric_intake=MetricIntake(
                self.settings.intake, self.settings.inventory, pipeline, self.clock, self.metrics
            ),
            anomaly=self.anomaly,
            history=self._history,
            sources={
                name: SourceWorker(source, pipeline.take, self.clock, self.metrics)
                for name, source in self.loaded.sources.items()
            },
            streams={name: self._stream(source, parts, pipeline) for name, source in self.loaded.streams.items()},
            couriers=self._couriers,
            cautions=self._cautions,
        )
        self._closing.callback(engine.stop, timeout=DRAIN_TIMEOUT)
        sweep.resume()
        if self._history is not None:
            self._history.open_objects = partial(history_objects, self.settings, self.loaded)
            self._closing.callback(self._history.close)
            self._run_workers([self._history])
        self.anomaly.baselines = detecting.baselines
        self.anomaly.open_models = partial(model_store, self.settings, self.loaded)
        self.anomaly.kinds, self.anomaly.readers = self.loaded.model_kinds, self.loaded.readers
        self._closing.callback(self.anomaly.close)
        self._run_workers([self.anomaly])
        self._closing.callback(members.metric_intake.close)
        self._run_workers(members.cautions)
        self._run_workers([*members.couriers, self._sweep, pipeline, members.metric_intake, *members.sources.values()])
        self._run_workers([HangWatch(tuple(members.sources.values()), self.clock, self.metrics)])
        for stream in members.streams.values():
            self._closing.callback(stream.release_all)
        pruning = PruneWorker(self._store, self.settings.storage.retention, self.clock, self.metrics)
        self._run_workers([*members.streams.values(), pruning])
        self._audit_start()

    @property
    def _is_alone(self) -> bool:
        """On SQLite there is one engine, says the directory's lock."""
        return not self.settings.storage.url.get_secret_value()

    def _close_store(self, store: SqlStore) -> None:
        store.close(timeout=DRAIN_TIMEOUT, keep_claim=self._still_acts)

    def _lock_directory(self) -> None:
        lock = DirectoryLock(self.settings.data_dir, self.clock)
        lock.acquire()
        self._closing.callback(lambda: None if self._still_acts else lock.release())

    @property
    def _still_acts(self) -> bool:
        """Whether an action outlasts the stop. Then lock and claim end with the process: whoever took its place before
        would find that action not done yet, and do it as well."""
        return self._workflows is not None and self._workflows.is_running_any

    def _anchored(self, store: SqlStore) -> Anchoring:
        anchor = AuditAnchor(self.settings.data_dir / ANCHOR_FILE)
        anchoring = Anchoring(store, anchor, self.clock, switch=self.stop, channels=self.settings.stop_channels)
        anchoring.stop_on_another_store()
        self._closing.callback(anchoring.write)
        return anchoring

    def _look_after_claim(self, store: SqlStore) -> None:
        if store.claim is not None and not self._is_alone:
            self._claim = ClaimWorker(store.claim, self.clock, self.metrics, on_lost=self._claim_lost)
            self._run_workers([self._claim])

    def _claim_lost(self) -> None:
        """Nothing more is begun here, and the process ends."""
        if self._workflows is not None:
            self._workflows.stop(timeout=timedelta(0))
        self.on_lost()

    def raise_if_lost(self) -> None:
        """Raises ConflictError when another process has taken this one's place."""
        if self._claim is not None and self._claim.lost is not None:
            raise self._claim.lost

    def _stream(self, source: StreamSource, parts: Parts, pipeline: PipelineWorker) -> StreamWorker:
        """On SQLite the engine keeps its name over restarts."""
        intake = StreamIntake(
            source.name,
            store=parts.store,
            clock=self.clock,
            inventory=parts.inventory,
            max_age=parts.intake.max_sample_age,
        )
        return StreamWorker(
            source,
            intake,
            parts.store,
            self.clock,
            self.metrics,
            lease=parts.intake.stream_lease,
            owner="engine" if self._is_alone else new_engine_id(),
            deliver=pipeline.take,
            alerts_stored=pipeline.alerts_stored,
        )

    def _keep(self, samples: tuple[Sample, ...]) -> None:
        if self._history is not None:
            self._history.take(samples)

    def _run_workers(self, workers: Iterable[Worker]) -> None:
        for worker in workers:
            worker.start()
            self._closing.callback(worker.join, JOIN_TIMEOUT)
            self._closing.callback(worker.ask_to_stop)

    def _parts(self, store: SqlStore) -> Parts:
        settings = self.settings
        return Parts(
            store=store,
            clock=self.clock,
            wall=Wall(self.clock),
            stop=self.stop,
            conditions=Conditions(),
            inventory=settings.inventory,
            actions=self.loaded.actions,
            playbook=self.playbook,
            telemetry=self.metrics,
            decision=settings.decision,
            detection=settings.detection,
            incidents=settings.incidents,
            intake=settings.intake,
            notifications=settings.notifications,
            nudge=self._due_or_posted,
            demands=lambda: demands_of(self._cautions),
        )

    def _engine(self, parts: Parts) -> ThreadEngine:
        def run(ctx: WorkflowContext, key: SegmentKey) -> None:
            respond(parts, ctx, key)

        return ThreadEngine(respond=run, store=parts.store, on_failure=partial(on_failure, parts))

    def reload(self) -> bool:
        """Rules and runbooks are read again; False when they are wrong and the old ones were kept."""
        return self.members.reloader.reload()

    def runbooks(self) -> tuple[str, ...]:
        return tuple(self.parts.runbooks)

    def evaluate(self, incident: Incident) -> Decision:
        """A dry run: what would be decided about it now."""
        return evaluate(self.parts, incident)

    def start_response(self, key: SegmentKey) -> None:
        self.workflows.start(key)

    def nudge(self) -> None:
        """A person answered: what waited for it goes on now."""
        self._due_or_posted(self.clock.now())

    def _due_or_posted(self, at: datetime | None) -> None:
        """Without a time the couriers alone wake: a sweep looks at every open incident, a storm brings thousands."""
        if at is not None:
            self._sweep.nudge(at)
        for courier in self._couriers:
            courier.wake()

    def alerts_stored(self) -> None:
        if self._members is not None:
            self._members.pipeline.alerts_stored()

    def submit_metrics(self, delivery: MetricDelivery) -> Future[MetricReceipt]:
        """Pushed metrics, from the door. Raises OverloadedError when their queue is full."""
        return self.members.metric_intake.submit(delivery)

    def is_ready(self) -> bool:
        """Whether it can store, decide and act now."""
        return self._is_started and self.members.standing.status().state is ComponentState.UP

    def components(self) -> tuple[ComponentStatus, ...]:
        return self.members.statuses(now=self.clock.now())

    def debug(self, *, loop_lag_s: float | None = None) -> dict[str, Any]:
        """What it does right now, as plain JSON without secrets."""
        inside = Inside(
            started_at=self._began_at,
            up_for=timedelta(seconds=self.clock.monotonic() - self._began),
            loop_lag_s=loop_lag_s,
            components=self.components(),
            queues=self.members.queues(most_intake_bytes=self.settings.storage.intake_queue_bytes),
            segments=self.workflows.segments(),
            secrets=self.loaded.vault.handed_out,
        )
        return debug_view(self.settings, self.store, inside, now=self.clock.now())

    def readings(self) -> Iterable[Reading]:
        """Gauges for /metrics."""
        yield "recoverops_ready", {}, float(self.is_ready())
        yield "recoverops_emergency_stop", {}, float(self._stop_look.is_stopped())
        if self._members is not None:
            yield from self._members.gauges()

    def _audit_start(self) -> None:
        disabled = "; ".join(f"{one.name}: {one.statement}" for one in self.loaded.disabled)
        self.store.write(
            lambda tx: tx.audit.append(
                at=self.clock.now(),
                actor="recoverops",
                event="engine.started",
                subject="recoverops",
                detail={"release": release(), "rules": self.settings.rules.digest, "disabled": disabled},
            )
        )

    def _audit_model(self, event: str, actor: str, subject: str, detail: Mapping[str, str]) -> None:
        now = self.clock.now()
        self.store.write(
            lambda tx: tx.audit.append(at=now, actor=actor, event=event, subject=f"model:{subject}", detail=detail)
        )

    def _incidents_of(self, resource: Resource) -> tuple[Stretch, ...]:
        return incidents_learned_from(self.settings, self.store, resource, now=self.clock.now())


def _alerts_to_remember(tx: Tx) -> tuple[StoredAlert, ...]:
    """What fires, and what has ended since the oldest open incident began: that one may wait for just this end."""
    return tx.signals.current(resolved_since=tx.incidents.oldest_open_at())
