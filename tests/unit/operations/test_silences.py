"""A person silences a resource, and takes it back: what is refused, what is written down, and who goes on at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from recoverops.model import (
    ConflictError,
    IncidentId,
    IncidentState,
    NotFoundError,
    PermanentError,
    Reason,
    ResponseStage,
    Service,
    Silence,
    Wait,
    WaitKind,
)
from recoverops.operations import covered_now, end_silence, list_silences, silence
from recoverops.topology import Inventory

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HOUR = timedelta(hours=1)
SHOP = Inventory([Service(name=name, group="shop") for name in ("checkout", "payments", "checkout-worker")])


def silenced(
    store: SqlStore,
    clock: ManualClock,
    pattern: str = "service:checkout",
    *,
    duration: timedelta = 2 * HOUR,
    reason: str = "new kernel",
) -> Silence:
    return silence(store, clock, SHOP, pattern=pattern, duration=duration, by="person:ada", reason=reason)


def test_a_silence_counts_from_now_for_as_long_as_was_asked(store: SqlStore, clock: ManualClock) -> None:
    begun = silenced(store, clock)

    assert (begun.starts_at, begun.ends_at, begun.by) == (clock.now(), clock.now() + 2 * HOUR, "person:ada")
    assert list_silences(store, clock) == (begun,)
    clock.advance(2 * HOUR)
    assert list_silences(store, clock) == ()
    assert list_silences(store, clock, ended_too=True) == (begun,)


def test_a_silence_is_audited_with_what_it_covers(store: SqlStore, clock: ManualClock) -> None:
    begun = silenced(store, clock, "service:checkout*")

    entry = store.read(lambda tx: tx.audit.head())

    assert entry is not None
    assert (entry.event, entry.actor, entry.subject) == ("silence.begun", "person:ada", begun.id)
    assert entry.detail == {
        "pattern": "service:checkout*",
        "until": begun.ends_at.isoformat(),
        "reason": "new kernel",
        "covered": "checkout, checkout-worker",
    }


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("service:chekout", 'did you mean "service:checkout"?'),
        ("checkout", 'did you mean "service:checkout"?'),
        ("service:", "did you mean"),
        ("zzz", "known are: service:checkout, service:checkout-worker, service:payments"),
        ("host:checkout", 'did you mean "service:checkout"?'),
        ("check*", "write kind:name, e.g. service:check*"),
        ("servce:check*", '"servce" is no kind of resource; did you mean "service:check*"?'),
        ("pod:*", "known kinds are: service, host, source"),
    ],
)
def test_a_pattern_that_names_nothing_is_refused_with_the_way_out(
    store: SqlStore, clock: ManualClock, pattern: str, told: str
) -> None:
    with pytest.raises(NotFoundError) as refused:
        silenced(store, clock, pattern)
    assert told in str(refused.value)
    assert list_silences(store, clock, ended_too=True) == ()
    assert store.read(lambda tx: tx.audit.head()) is None


@pytest.mark.parametrize("pattern", ["service:check*", "service:not-there-yet*", "*", "*checkout", "host:*"])
def test_a_pattern_with_a_wildcard_may_match_what_comes_later(
    store: SqlStore, clock: ManualClock, pattern: str
) -> None:
    assert silenced(store, clock, pattern).pattern == pattern


def test_a_silence_says_what_it_covers_now(store: SqlStore, clock: ManualClock) -> None:
    assert covered_now(SHOP, silenced(store, clock, "service:check*")) == ("checkout", "checkout-worker")
    assert covered_now(SHOP, silenced(store, clock, "service:unlisted/*")) == ()


@pytest.mark.parametrize(
    ("duration", "is_possible"),
    [
        (timedelta(0), False),
        (timedelta(microseconds=1), True),
        (timedelta(days=30), True),
        (timedelta(days=30, microseconds=1), False),
    ],
)
def test_a_silence_lasts_thirty_days_at_most(
    store: SqlStore, clock: ManualClock, duration: timedelta, is_possible: bool
) -> None:
    if is_possible:
        assert silenced(store, clock, duration=duration).ends_at == clock.now() + duration
        return
    with pytest.raises(PermanentError, match=r"more than 0s and at most 30d; .* decision\.protected"):
        silenced(store, clock, duration=duration)


def test_a_silence_needs_a_reason(store: SqlStore, clock: ManualClock) -> None:
    with pytest.raises(PermanentError, match="needs a reason"):
        silenced(store, clock, reason="  ")


# --- ending it early --------------------------------------------------------------------------------------------------


def waiting(store: SqlStore, a: Records, name: str, service: str, *, reason: Reason, touches: str = "") -> None:
    """An incident that is parked until late, after a decision that gave this reason."""
    plan = msgspec.structs.replace(a.plan(service), touches=(a.service(service), a.service(touches or service)))
    incident = a.incident(
        name, resource=a.service(service), state=IncidentState.WAITING, response=ResponseStage.PARKED, reason=reason
    )

    def park(tx: Tx) -> None:
        tx.incidents.insert(incident)
        tx.decisions.insert(a.decision(f"dec-{name}", name, plan=plan, reason=reason))
        tx.waits.park(Wait(incident_id=incident.id, kind=WaitKind.GATE, due_at=a.at + 10 * HOUR, since=a.at))

    store.write(park)


def due(store: SqlStore, clock: ManualClock) -> set[IncidentId]:
    return {wait.incident_id for wait in store.read(lambda tx: tx.waits.due(clock.now()))}


def test_what_an_ended_silence_held_is_due_at_once_and_nothing_else_is(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    waiting(store, a, "held", "checkout", reason=Reason.SILENCED)
    waiting(store, a, "held-by-what-it-touches", "payments", touches="checkout", reason=Reason.SILENCED)
    waiting(store, a, "held-by-another", "search", reason=Reason.SILENCED)
    waiting(store, a, "cooling", "checkout", reason=Reason.COOLING_DOWN)
    begun = silenced(store, clock)
    clock.advance(HOUR)
    assert due(store, clock) == set()

    ended = end_silence(store, clock, begun.id, by="person:bob")

    assert (ended.ended_by, ended.ended_at) == ("person:bob", clock.now())
    assert due(store, clock) == {"held", "held-by-what-it-touches"}
    entry = store.read(lambda tx: tx.audit.head())
    assert entry is not None
    assert (entry.event, entry.actor, entry.subject) == ("silence.ended", "person:bob", begun.id)


def test_ending_it_twice_is_a_conflict_and_leaves_no_second_audit_line(store: SqlStore, clock: ManualClock) -> None:
    begun = silenced(store, clock)
    end_silence(store, clock, begun.id, by="person:bob")
    before = store.read(lambda tx: tx.audit.head())

    with pytest.raises(ConflictError, match="ended already by person:bob"):
        end_silence(store, clock, begun.id, by="person:eve")

    assert store.read(lambda tx: tx.audit.head()) == before


def test_ending_what_does_not_exist_is_not_found(store: SqlStore, clock: ManualClock) -> None:
    with pytest.raises(NotFoundError, match="no silence sil-0"):
        end_silence(store, clock, "sil-0", by="person:bob")
