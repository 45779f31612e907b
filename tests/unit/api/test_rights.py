"""Every route with every role, without a key and with a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.unit.api.conftest import KEYS, WRONG_KEY, House, bearer

from recoverops.api.keyring import RIGHTS, Keyring, Principal, Right
from recoverops.api.settings import Role
from recoverops.model import MisconfiguredError

READERS = (Role.VIEWER, Role.RESPONDER, Role.ADMIN)
RESPONDERS = (Role.RESPONDER, Role.ADMIN)
ALERTS = {
    "version": "4",
    "alerts": [
        {"status": "firing", "startsAt": "2026-03-01T12:00:00Z", "labels": {"alertname": "Down"}, "fingerprint": "f1"}
    ],
}
ROW = {"resource": {"kind": "service", "name": "checkout"}, "metrics": {"cpu_usage_avg": 93.1}}
RUN = {"service": "checkout", "runbook": "restart-service", "reason": "test"}


@dataclass(frozen=True)
class Door:
    method: str
    path: str
    """As the OpenAPI document writes it; `asked` has the ids filled in."""
    may: tuple[Role, ...] | None
    """None: everybody who reaches the port."""
    status: int = 200
    body: Any = None
    asked: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


DOORS = (
    Door("GET", "/health", None),
    Door("GET", "/ready", None),
    Door("GET", "/metrics", None),
    Door("GET", "/status", READERS),
    Door("GET", "/debug", (Role.ADMIN,)),
    Door("GET", "/api/v1/events", READERS),
    Door("GET", "/api/v1/incidents", READERS),
    Door("GET", "/api/v1/incidents/{incident_id}", READERS, asked="/api/v1/incidents/inc-1"),
    Door("POST", "/api/v1/incidents/{incident_id}/close", RESPONDERS, asked="/api/v1/incidents/inc-1/close"),
    Door("GET", "/api/v1/approvals", READERS),
    Door("POST", "/api/v1/approvals/{approval_id}/approve", RESPONDERS, asked="/api/v1/approvals/apr-1/approve"),
    Door("POST", "/api/v1/approvals/{approval_id}/deny", RESPONDERS, asked="/api/v1/approvals/apr-1/deny"),
    Door("POST", "/api/v1/runs/{run_id}/undo", RESPONDERS, 202, asked="/api/v1/runs/run-2/undo"),
    Door("GET", "/api/v1/silences", READERS),
    Door("POST", "/api/v1/silences", RESPONDERS, 201, {"pattern": "service:checkout", "for": "1h", "reason": "x"}),
    Door("DELETE", "/api/v1/silences/{silence_id}", RESPONDERS, asked="/api/v1/silences/{silence}"),
    Door("GET", "/api/v1/stop", READERS),
    Door("POST", "/api/v1/stop", RESPONDERS, body={"reason": "drill"}),
    Door("DELETE", "/api/v1/stop", (Role.ADMIN,)),
    Door("GET", "/remediation/status", READERS),
    Door("POST", "/remediation/evaluate", READERS, body={"incident": "inc-1"}),
    Door("POST", "/remediation/test", READERS, body=RUN),
    Door("POST", "/remediation/execute", RESPONDERS, 202, RUN),
    Door("GET", "/anomaly/status", READERS),
    Door("POST", "/anomaly/train", RESPONDERS, 202, {"resource": {"kind": "service", "name": "checkout"}}),
    Door("POST", "/anomaly/models/{name}/activate", RESPONDERS, 200, {"version": 1}, "/anomaly/models/web/activate"),
)
UNDESCRIBED = (
    Door("GET", "/api/v1/openapi.json", READERS),
    Door("POST", "/intake/alertmanager", (Role.INTAKE, Role.ADMIN), body=ALERTS),
    Door("POST", "/api/v2/alerts", (Role.INTAKE, Role.ADMIN), body=[]),
    Door("POST", "/anomaly", (Role.INTAKE, Role.ADMIN), body=ROW),
    Door("POST", "/anomaly/batch", (Role.INTAKE, Role.ADMIN), body={"rows": [ROW]}),
)


def test_every_route_of_the_application_stands_in_this_table(house: House) -> None:
    document = house.application.openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in document.items() for method in methods}

    assert routes == {str(door) for door in DOORS}


def send(house: House, door: Door, role: Role | None, **more: Any) -> int:
    body = {} if door.body is None else {"json": door.body}
    return house.ask(door.method, door.asked or door.path, role, **body, **more).status_code


@pytest.mark.parametrize("door", [*DOORS, *UNDESCRIBED], ids=str)
def test_who_may_not_is_refused_and_nothing_has_changed(house: House, door: Door) -> None:
    if door.may is None:
        return
    before = house.contents()

    assert send(house, door, None) == 401
    assert send(house, door, None, headers=bearer(WRONG_KEY)) == 401
    assert send(house, door, None, headers={"Authorization": f"Basic {KEYS[Role.ADMIN]}"}) == 401
    assert send(house, door, None, headers={"Authorization": KEYS[Role.ADMIN]}) == 401
    for role in set(Role) - set(door.may):
        assert send(house, door, role) == 403, role

    assert house.contents() == before
    assert not house.stop.read().stopped
    assert house.nudged == []
    assert house.started == []


@pytest.mark.parametrize("door", [*DOORS, *UNDESCRIBED], ids=str)
def test_who_may_is_let_in(house: House, door: Door) -> None:
    first, *others = door.may if door.may is not None else (None, *Role)

    assert send(house, door, first) == door.status
    for role in others:
        assert send(house, door, role) not in {401, 403, 422, 500}, role


@pytest.mark.parametrize("door", [door for door in DOORS if door.method == "GET"], ids=str)
def test_no_get_changes_anything(house: House, door: Door) -> None:
    before = house.contents()

    for role in (None, *Role):
        send(house, door, role)

    assert house.contents() == before
    assert (house.nudged, house.started) == ([], [])


@pytest.mark.parametrize("path", ["/remediation/evaluate", "/remediation/test"])
def test_a_dry_run_changes_and_starts_nothing(house: House, path: str) -> None:
    before = house.contents()
    door = next(door for door in DOORS if door.path == path)

    answer = house.ask("POST", path, Role.VIEWER, json=door.body)

    assert answer.json()["executed"] is False
    assert house.contents() == before
    assert house.started == []


@pytest.mark.parametrize("door", [door for door in DOORS if door.method != "GET"], ids=str)
def test_what_changes_something_cannot_be_reached_with_get(house: House, door: Door) -> None:
    before = house.contents()

    house.ask("GET", door.asked or door.path, Role.ADMIN)

    assert house.contents() == before


@pytest.mark.parametrize("role", [None, *Role])
def test_metrics_ask_for_a_key_when_they_are_told_to(house: House, role: Role | None) -> None:
    strict = house.doors.settings.model_copy(update={"metrics_need_key": True})
    object.__setattr__(house.doors, "settings", strict)

    expected = 401 if role is None else 200 if role in READERS else 403
    assert house.ask("GET", "/metrics", role).status_code == expected


def test_only_an_admin_may_do_everything() -> None:
    assert RIGHTS[Role.ADMIN] == set(Right)
    assert all(RIGHTS[role] < set(Right) for role in Role if role is not Role.ADMIN)


def test_a_key_that_is_too_short_or_somebody_elses_is_refused_without_being_shown() -> None:
    keys = Keyring()
    keys.add("k" * 20, Principal(name="ada", role=Role.ADMIN))

    with pytest.raises(MisconfiguredError, match="has 19 characters, expected 20 or more") as short:
        keys.add("s" * 19, Principal(name="bob", role=Role.VIEWER))
    with pytest.raises(MisconfiguredError, match='"bob" and "ada" have the same key') as same:
        keys.add("k" * 20, Principal(name="bob", role=Role.VIEWER))

    assert "s" * 19 not in str(short.value)
    assert "k" * 20 not in str(same.value)


BAD_BODIES = (b"{", b'{"nobody": "asked"}', b"\xff")


@pytest.mark.parametrize("door", [one for one in DOORS if one.may is not None], ids=str)
def test_without_a_key_the_answer_is_401_whatever_is_sent(house: House, door: Door) -> None:
    """Also where the body or the query is not what the route takes: that is told to nobody who has no key."""
    json = {"content-type": "application/json"}
    for body in BAD_BODIES:
        for headers in (json, {**json, **bearer(WRONG_KEY)}) if body == b"{" else (json,):
            answer = house.ask(door.method, f"{door.asked or door.path}?limit=x", content=body, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_with_a_key_a_bad_body_is_told(house: House) -> None:
    assert house.ask("POST", "/remediation/test", Role.VIEWER, json={"nobody": "asked"}).status_code == 422
