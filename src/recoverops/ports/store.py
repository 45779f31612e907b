"""The truth, as the rooms see it: one object per table family, all inside one transaction.

`storage` implements it on SQLite and PostgreSQL; one conformance kit runs on both. Every method here is valid only
inside the function that `Store.read` or `Store.write` (or `WorkflowContext.tx`) was given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from recoverops.model import (
    ActionRecord,
    Admission,
    Alert,
    Approval,
    ApprovalId,
    ApprovalState,
    AuditEntry,
    AuditLine,
    AuditReport,
    Decision,
    Delivery,
    Fingerprint,
    Hypothesis,
    Incident,
    IncidentId,
    IncidentState,
    Notification,
    Outcome,
    Record,
    Resource,
    Run,
    RunId,
    Silence,
    SilenceId,
    StoredAlert,
    TimelineEntry,
    Wait,
)
from recoverops.ports.streams import EventStore, StreamStore

T = TypeVar("T")


class SignalStore(Protocol):
    """Alerts after their durable write, until the pipeline has taken them."""

    def admit(self, alerts: Sequence[Alert], *, at: datetime) -> Admission:
        """Stores those that are new, within this transaction. Doors use `Store.admit`, which shares a commit."""

    def pending(self, *, limit: int) -> tuple[StoredAlert, ...]:
        """Not yet processed, oldest first."""

    def mark_processed(self, seqs: Sequence[int], *, at: datetime) -> None: ...

    def current(self, *, resolved_since: datetime | None = None) -> tuple[StoredAlert, ...]:
        """The newest processed delivery of each alert that says firing, in the order of their coming.

        With `resolved_since` also those that say resolved and came at or after it: an incident that was open then has
        to learn that its alert has ended.
        """


class IncidentStore(Protocol):
    def insert(self, incident: Incident) -> None:
        """Raises ConflictError when an incident with this fingerprint is open already."""

    def save(self, incident: Incident) -> Incident:
        """Compare-and-set on `revision`; returns the incident with the next revision.

        Raises ConflictError when somebody saved it since, or when the life cycle has no such transition.
        """

    def save_all(self, incidents: Sequence[Incident]) -> tuple[Incident, ...]:
        """`save` for many, with one statement: all of them or none."""

    def get(self, incident_id: IncidentId) -> Incident:
        """Raises NotFoundError."""

    def open_with(self, fingerprint: Fingerprint) -> Incident | None: ...

    def open_with_any(self, fingerprints: Collection[Fingerprint]) -> tuple[Incident, ...]: ...

    def some(self, ids: Collection[IncidentId]) -> tuple[Incident, ...]:
        """Those of these that there are, in no order."""

    def newest_with(self, fingerprint: Fingerprint) -> Incident | None:
        """Open or over."""

    def listed(
        self, *, states: Sequence[IncidentState] | None = None, limit: int = 100, before: Incident | None = None
    ) -> tuple[Incident, ...]:
        """Newest first; `before` goes on after the last one of the page before."""

    def ending(self, end: str, *, limit: int) -> tuple[Incident, ...]:
        """Those whose id ends so, newest first."""

    def due(self) -> tuple[Incident, ...]:
        """Those whose response has a segment to start: not resolved, and `response` is DUE. The worst first, of equally
        bad ones the oldest."""

    def oldest_open_at(self) -> datetime | None:
        """When the oldest of those was opened that are not resolved; None when all are."""

    def set_hypotheses(self, incident_id: IncidentId, hypotheses: Sequence[Hypothesis]) -> None:
        """Replaces the ranked list."""

    def hypotheses(self, incident_id: IncidentId) -> tuple[Hypothesis, ...]: ...

    def tell(self, *entries: TimelineEntry) -> None:
        """Append these lines, in this order, to the stories of their incidents."""

    def timeline(self, incident_id: IncidentId) -> tuple[TimelineEntry, ...]: ...


class DecisionStore(Protocol):
    def insert(self, decision: Decision) -> None:
        """Idempotent on the id: a repeated insert of the same decision is ignored."""

    def of_incident(self, incident_id: IncidentId) -> tuple[Decision, ...]:
        """Oldest first."""


class RunStore(Protocol):
    def insert(self, run: Run) -> None: ...

    def save(self, run: Run) -> None:
        """Raises ConflictError when the stored run has ended already."""

    def get(self, run_id: RunId) -> Run: ...

    def unfinished_of(self, incident_id: IncidentId) -> Run | None: ...

    def of_incident(self, incident_id: IncidentId) -> tuple[Run, ...]: ...

    def insert_intent(self, action: ActionRecord) -> ActionRecord | None:
        """None when the intent is new; the stored record when its key exists already."""

    def record_outcome(self, key: str, outcome: Outcome) -> None:
        """Compare-and-set: raises ConflictError when there is an outcome already."""

    def actions_of(self, run_id: RunId) -> tuple[ActionRecord, ...]: ...


class ApprovalStore(Protocol):
    def insert(self, approval: Approval) -> None: ...

    def get(self, approval_id: ApprovalId) -> Approval: ...

    def pending(self) -> tuple[Approval, ...]: ...

    def ending(self, end: str, *, limit: int) -> tuple[Approval, ...]:
        """Those whose id ends so, answered ones too, newest first."""

    def newest_of(self, incident_id: IncidentId) -> Approval | None: ...

    def settle(
        self, approval_id: ApprovalId, state: ApprovalState, *, by: str, at: datetime, note: str = ""
    ) -> Approval:
        """Compare-and-set from PENDING; raises ConflictError naming who answered, and how."""


class WaitStore(Protocol):
    def park(self, wait: Wait) -> None:
        """One wait an incident; replaces an older one."""

    def of_incident(self, incident_id: IncidentId) -> Wait | None: ...

    def of_incidents(self, incident_ids: Collection[IncidentId]) -> tuple[Wait, ...]: ...

    def listed(self) -> tuple[Wait, ...]:
        """All of them, the one that is due first before the others."""

    def due(self, now: datetime) -> tuple[Wait, ...]: ...

    def make_due(self, incident_id: IncidentId, *, at: datetime) -> bool:
        """Bring the wait forward to `at`; False when nothing waits. The signal of an approval."""

    def take(self, incident_id: IncidentId) -> bool:
        """Remove the wait; False when somebody took it before. Exactly one caller gets True."""


class Usage(Record, frozen=True, kw_only=True):
    """What the limits have left, read inside the transaction that will reserve."""

    last_on_target: datetime | None
    in_last_hour: int
    in_last_day: int
    locked_by: RunId | None
    targets_in_flight: tuple[str, ...]
    """Resources that running runs touch now, as `kind:name`."""


class LastAction(Record, frozen=True, kw_only=True):
    """The newest counted action on one target."""

    target: str
    """As `kind:name`."""
    at: datetime


class Lock(Record, frozen=True, kw_only=True):
    """A resource that a running run touches."""

    resource: str
    """As `kind:name`."""
    run_id: RunId
    since: datetime


class Standing(Record, frozen=True, kw_only=True):
    """Every limit's use, for people to see. Decisions read `Usage`."""

    in_last_hour: int
    in_last_day: int
    last_actions: tuple[LastAction, ...]
    """By target; those at or before the asked time are left out."""
    locks: tuple[Lock, ...]
    """By resource."""


class LimitStore(Protocol):
    """Rates, cooldowns and locks. All counts are rolling windows in UTC and survive restarts."""

    def usage(self, target: Resource, *, now: datetime, ignoring: RunId | None = None) -> Usage:
        """Also takes the one lock that serialises every decision until this transaction ends.

        `ignoring` leaves out what that run itself reserved.
        """

    def free_at(self, *, most: int, window: timedelta, now: datetime, ignoring: RunId | None = None) -> datetime | None:
        """When a rolling window that `most` or more actions have filled has room for the next one. None while it has
        room, and where it never will: `most` is 0. Takes no lock."""

    def standing(self, *, now: datetime, acted_after: datetime) -> Standing:
        """All targets with their newest action, if that was later than `acted_after`, and all locks. Takes no lock."""

    def reserve(self, *, run_id: RunId, target: Resource, touches: Sequence[Resource], at: datetime) -> None:
        """Counts one action and locks what it touches. Raises ConflictError when a lock is held."""

    def release(self, run_id: RunId) -> None:
        """Gives the locks back. The action stays counted."""

    def cancel(self, run_id: RunId) -> None:
        """The action never started: gives the locks back and takes it out of every count."""


class SilenceStore(Protocol):
    """What people have silenced, and until when."""

    def insert(self, silence: Silence) -> None:
        """Raises ConflictError when its id is stored already."""

    def get(self, silence_id: SilenceId) -> Silence:
        """Raises NotFoundError."""

    def active(self, now: datetime) -> tuple[Silence, ...]:
        """Those that count at `now`, the one that began first before the others."""

    def over_after(self, at: datetime) -> tuple[Silence, ...]:
        """Those that ended later than `at`, or have not ended yet; the one that began first before the others."""

    def listed(self, *, limit: int = 100) -> tuple[Silence, ...]:
        """Newest first, ended ones included."""

    def end(self, silence_id: SilenceId, *, by: str, at: datetime) -> Silence:
        """Before its time, compare-and-set; raises ConflictError when it was ended by somebody, or is over."""


class Outbox(Protocol):
    """Notifications, written in the transaction that they tell of and delivered after it."""

    def post(self, notification: Notification, *, channels: Sequence[str]) -> None: ...

    def due(
        self, now: datetime, *, limit: int, only: str | None = None, without: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        """Of every channel; of `only` this one; or of none of `without`. None of a channel that pauses.

        In the order in which they are to be sent: by `Notification.place` and then as they were posted, but none before
        an earlier one of its own incident.
        """

    def pausing(self, now: datetime, *, only: str | None = None) -> tuple[Delivery, ...]:
        """Those that wait for another attempt, of every channel or of `only` this one. Until then it pauses."""

    def waiting(self, channel: str) -> int:
        """How many are neither sent nor given up."""

    def save(self, delivery: Delivery) -> None: ...

    def of_incident(self, incident_id: IncidentId) -> tuple[Delivery, ...]: ...


class AuditLog(Protocol):
    """A hash chain whose rows can be neither changed nor deleted.

    No audit write means no action: they share a transaction.
    """

    def append(
        self, *, at: datetime, actor: str, event: str, subject: str, detail: Mapping[str, str]
    ) -> AuditEntry: ...

    def append_all(self, lines: Sequence[AuditLine]) -> None:
        """In this order, with one statement."""

    def head(self) -> AuditEntry | None: ...

    def newest(self, subject: str, *, events: Collection[str]) -> AuditEntry | None:
        """The last entry about this subject that tells of one of these events."""

    def entries(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditEntry, ...]: ...

    def verify(self) -> AuditReport:
        """Walks the whole chain."""


class Tx(Protocol):
    """Everything that one transaction can read and change."""

    @property
    def signals(self) -> SignalStore: ...
    @property
    def incidents(self) -> IncidentStore: ...
    @property
    def decisions(self) -> DecisionStore: ...
    @property
    def runs(self) -> RunStore: ...
    @property
    def approvals(self) -> ApprovalStore: ...
    @property
    def waits(self) -> WaitStore: ...
    @property
    def limits(self) -> LimitStore: ...
    @property
    def silences(self) -> SilenceStore: ...
    @property
    def streams(self) -> StreamStore: ...
    @property
    def events(self) -> EventStore: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def audit(self) -> AuditLog: ...


class Store(Protocol):
    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on a consistent snapshot."""

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in one transaction and return after its durable commit; roll back when it raises."""

    def patiently(self) -> AbstractContextManager[None]:
        """Inside, what this thread writes lets others go first where writers queue: for what no action waits for.

        They go first a few times in a row only, so it is never kept out.
        """

    def admit(self, alerts: Sequence[Alert], *, size: int) -> Future[Admission]:
        """Queue a delivery of `size` bytes for the group commit; the future is done after the durable write.

        Raises OverloadedError at once when the bounded queue is full. The future fails with OverloadedError when the
        disk is full or the database is down: nothing was stored, the sender may repeat it.
        """

    def ping(self, *, timeout: timedelta) -> None:
        """Raises UnreachableError when the store cannot be written to now."""
