"""Silences, closing by hand and the limits' use, through HTTP and the commands of a real engine's data directory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from recoverops.api.application import make_application
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.serve import doors_of
from recoverops.cli.commands import application
from recoverops.cli.exits import Exit
from recoverops.model import (
    Admission,
    Alert,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    OverloadedError,
    Resource,
    ResourceKind,
    ResponseStage,
    RunId,
    Severity,
    UnreachableError,
)
from recoverops.ports import Tx

T = TypeVar("T")

CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
KEY = {"Authorization": f"Bearer {'k' * 24}"}
CONFIGURATION = """
data_dir: data
api: {keys: [{name: on-call, role: responder, key: "env:KEY"}]}
services: [{name: checkout}, {name: payments}]
runbooks: runbooks
rules: rules.yaml
plugins: [{name: console}]
"""


class Site:
    """An engine with a door, and the commands beside it."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "recoverops.yaml"
        self.config.write_text(CONFIGURATION)
        (directory / "runbooks").mkdir()
        (directory / "rules.yaml").write_text("version: 1\nrules: []\n")
        self.engine = RecoverOps(load_settings(self.config, {"KEY": "k" * 24}))
        self.engine.start()
        self.door = TestClient(make_application(doors_of(self.engine)), headers=KEY)

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(application, [*arguments, "--config", str(self.config)], env={"KEY": "k" * 24})

    def json(self, *arguments: str) -> Any:
        done = self.command(*arguments, "--json")
        assert done.exit_code == Exit.OK, done.output
        return json.loads(done.stdout)

    def escalated(self, name: str = "inc-20260301-120000-a3f9c1") -> str:
        now = self.engine.clock.now()
        incident = Incident(
            id=IncidentId(name),
            fingerprint=Fingerprint(name),
            resource=CHECKOUT,
            symptom="availability",
            severity=Severity.HIGH,
            state=IncidentState.ESCALATED,
            response=ResponseStage.FINISHED,
            title="checkout is down",
            opened_at=now,
            updated_at=now,
        )
        self.engine.store.write(lambda tx: tx.incidents.insert(incident))
        return name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    try:
        yield made
    finally:
        made.engine.close()


# --- silences ---------------------------------------------------------------------------------------------------------


def test_a_silence_is_begun_seen_and_ended_over_http(site: Site) -> None:
    asked = {"pattern": "service:check*", "for": "2h", "reason": "new kernel"}

    begun = site.door.post("/api/v1/silences", json=asked)

    assert begun.status_code == 201
    silence = begun.json()
    assert silence.pop("covers") == ["checkout"]
    assert (silence["by"], silence["pattern"], silence["ended_at"]) == ("key:on-call", "service:check*", None)
    span = datetime.fromisoformat(silence["ends_at"]) - datetime.fromisoformat(silence["starts_at"])
    assert span == timedelta(hours=2)
    assert site.door.get("/api/v1/silences").json() == {"silences": [silence]}

    ended = site.door.delete(f"/api/v1/silences/{silence['id']}")
    assert (ended.status_code, ended.json()["ended_by"]) == (200, "key:on-call")
    assert site.door.get("/api/v1/silences").json() == {"silences": []}
    assert site.door.get("/api/v1/silences", params={"all": True}).json() == {"silences": [ended.json()]}
    assert site.door.delete(f"/api/v1/silences/{silence['id']}").status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"pattern": "service:chekout"}, 404, 'did you mean "service:checkout"?'),
        ({"pattern": "servce:check*"}, 404, 'did you mean "service:check*"?'),
        ({"for": "31d"}, 400, "at most 30d"),
        ({"for": "2"}, 422, "say the unit"),
        ({"reason": ""}, 422, "reason"),
        ({"until": "tomorrow"}, 422, "until"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused_with_the_way_out(
    site: Site, changes: dict[str, str], status: int, told: str
) -> None:
    asked = {"pattern": "service:checkout", "for": "2h", "reason": "new kernel"}
    answer = site.door.post("/api/v1/silences", json=asked | changes)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert site.door.get("/api/v1/silences", params={"all": True}).json() == {"silences": []}


def test_a_silence_without_a_body_says_what_is_needed(site: Site) -> None:
    answer = site.door.post("/api/v1/silences")
    assert answer.status_code == 400
    assert '"for"' in answer.json()["detail"]


def test_a_silence_is_begun_seen_and_ended_by_commands(site: Site) -> None:
    done = site.command("silence", "service:checkout", "--for", "2h", "--reason", "new kernel")
    assert done.exit_code == Exit.OK
    assert "nothing acts on service:checkout until" in done.output
    assert "It covers checkout" in done.output

    (silence,) = site.json("silences")["silences"]
    assert silence["by"].startswith("local:")
    assert silence["id"] in done.output
    assert "new kernel" in site.command("silences").output

    assert site.json("unsilence", silence["id"])["ended_by"] == silence["by"]
    assert "nothing is silenced" in site.command("silences").output
    assert f"ended at {datetime.now(UTC):%Y-%m-%d}" in site.command("silences", "--all").output
    assert site.command("unsilence", silence["id"]).exit_code == Exit.CONFLICT
    assert site.command("unsilence", "sil-0").exit_code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("service:chekout", "--for", "2h", "--reason", "r"), Exit.NOT_FOUND),
        (("service:checkout", "--for", "soon", "--reason", "r"), Exit.USAGE),
        (("service:checkout", "--for", "2h"), Exit.USAGE),
        (("service:checkout", "--reason", "r"), Exit.USAGE),
    ],
)
def test_a_command_line_that_cannot_be_meant_silences_nothing(
    site: Site, arguments: tuple[str, ...], code: Exit
) -> None:
    assert site.command("silence", *arguments).exit_code == code
    assert site.json("silences", "--all") == {"silences": []}


# --- closing ----------------------------------------------------------------------------------------------------------


def test_an_incident_is_closed_over_http_and_counted(site: Site) -> None:
    name = site.escalated()

    closed = site.door.post(f"/api/v1/incidents/{name}/close", json={"note": "by hand"})

    assert (closed.status_code, closed.json()["state"], closed.json()["reason"]) == (200, "resolved", "closed")
    assert 'recoverops_incidents_resolved_total{reason="closed"} 1.0' in site.door.get("/metrics").text
    story = site.door.get(f"/api/v1/incidents/{name}").json()
    assert story["timeline"][-1]["text"] == "closed by key:on-call: by hand"
    assert [one["notification"]["event"] for one in story["deliveries"]] == ["incident.resolved"]
    assert site.door.post(f"/api/v1/incidents/{name}/close").status_code == 409
    assert site.door.post("/api/v1/incidents/inc-0/close").status_code == 404


def test_an_incident_is_closed_by_a_command(site: Site) -> None:
    name = site.escalated()

    assert site.json("close", "a3f9c1", "--note", "by hand")["id"] == name

    assert site.command("close", name).exit_code == Exit.CONFLICT
    assert site.command("close", "inc-0").exit_code == Exit.NOT_FOUND


# --- the limits' use --------------------------------------------------------------------------------------------------


def test_the_limits_use_is_shown_with_the_configured_limits(site: Site) -> None:
    now = site.engine.clock.now()
    site.engine.store.write(
        lambda tx: tx.limits.reserve(run_id=RunId("run-1"), target=CHECKOUT, touches=(CHECKOUT,), at=now)
    )
    site.json("silence", "service:payments", "--for", "2h", "--reason", "new kernel")

    seen = site.door.get("/remediation/status").json()

    assert seen["actions_in_last_hour"] == {"used": 1, "most": 10, "next_free_at": None}
    assert seen["actions_in_last_day"] == {"used": 1, "most": 50, "next_free_at": None}
    assert [(one["target"], datetime.fromisoformat(one["ends_at"])) for one in seen["cooldowns"]] == [
        ("service:checkout", now + timedelta(minutes=5))
    ]
    assert [(one["resource"], one["run_id"]) for one in seen["locks"]] == [("service:checkout", "run-1")]
    assert (seen["waits"], seen["approvals"], seen["emergency_stop"]["stopped"]) == ([], [], False)
    assert [one["pattern"] for one in seen["silences"]] == ["service:payments"]

    status = site.door.get("/status").json()
    assert {**status["limits"], "at": None} == {**seen, "at": None}


class AwayStore:
    """A double of `ports.Store` whose database does not answer."""

    def read(self, fn: Callable[[Tx], T]) -> T:
        raise UnreachableError("the database is away")

    write = read

    def patiently(self) -> AbstractContextManager[None]:
        return nullcontext()

    def admit(self, alerts: Sequence[Alert], *, size: int) -> Future[Admission]:
        raise OverloadedError("the database is away")

    def ping(self, *, timeout: timedelta) -> None:
        raise UnreachableError("the database is away")


def test_the_status_answers_while_the_store_cannot_be_read(site: Site) -> None:
    doors = replace(doors_of(site.engine), store=AwayStore())
    door = TestClient(make_application(doors), headers=KEY)

    status = door.get("/status")

    assert status.status_code == 200
    assert status.json()["emergency_stop"]["stopped"] is False
    assert status.json()["limits"] == {"unknown": "the database is away"}
    assert door.get("/remediation/status").status_code == 503
