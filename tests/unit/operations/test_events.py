"""Events for people: page by page, beside an incident, at every door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from recoverops.cli.commands import application
from recoverops.model import Event, EventKind, NotFoundError, Resource, ResourceKind
from recoverops.operations import list_events, tell_incident
from recoverops.storage import SqlStore, StorageSettings, open_store

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
MINUTE = timedelta(minutes=1)


def event(ident: str, a: Records, *, before: int, **changes: object) -> Event:
    fields: dict[str, object] = {
        "source": "trail",
        "id": ident,
        "at": a.at - before * MINUTE,
        "kind": EventKind.DEPLOYMENT,
        "summary": f"{ident} was deployed",
        "actor": "alice",
        "resources": (CHECKOUT,),
    }
    return Event(**fields | changes)  # type: ignore[arg-type]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path, clock: ManualClock, a: Records) -> Iterator[SqlStore]:
    """With four events; the incident began at noon."""
    with open_store(StorageSettings(), data_dir=data_dir, clock=clock) as opened:
        given = [event("v1", a, before=61), event("v2", a, before=59), event("v3", a, before=1)]
        given.append(event("other", a, before=1, resources=(), kind=EventKind.IDENTITY))
        opened.write(lambda tx: tx.events.add(given, at=a.at))
        opened.write(lambda tx: tx.incidents.insert(a.incident("inc-20260301-120000-abcdef")))
        yield opened


def test_pages_follow_each_other_and_the_last_one_says_so(store: SqlStore) -> None:
    first = list_events(store, limit=3)
    second = list_events(store, limit=3, before=first.next)
    assert [one.event.id for one in (*first.events, *second.events)] == ["other", "v3", "v2", "v1"]
    assert second.next is None
    with pytest.raises(NotFoundError):
        list_events(store, before=99)


def test_an_incident_is_told_with_what_was_changed_in_the_hour_before(store: SqlStore) -> None:
    told = tell_incident(store, "abcdef")
    assert [one.id for one in told.events] == ["v2", "v3"]
    assert [one["id"] for one in told.plain()["events"]] == ["v2", "v3"]


def test_the_commands_show_them(store: SqlStore, data_dir: Path, tmp_path: Path) -> None:
    config = tmp_path / "recoverops.yaml"
    config.write_text(f"data_dir: {data_dir}\n")

    def run(*words: str) -> str:
        answer = CliRunner().invoke(application, [*words, "--config", str(config)], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return answer.output

    shown = run("events", "--resource", "service:checkout", "--limit", "2")
    assert shown.index("v3 was deployed") < shown.index("v2 was deployed")
    assert "v1" not in shown
    assert "more: --before" in shown
    (only,) = json.loads(run("events", "--kind", "identity", "--json"))["events"]
    assert only["event"]["id"] == "other"
    assert run("events", "--last", "1s").strip() == "no events"
    why = run("why", "abcdef")
    assert "What was changed before\n  11:01:00 deployment by alice: v2 was deployed" in why
