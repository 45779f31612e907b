"""What the door answers: the operation's result, or a problem with its sentence; never a key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.conftest import ManualClock, Records
from tests.unit.api.conftest import KEYS, WRONG_KEY, House, bearer

from recoverops.api.settings import Role
from recoverops.model import ApprovalState, Incident, IncidentState, UnreachableError
from recoverops.ports import Tx

PROBLEM_TYPE = "application/problem+json"


def is_problem(answer: Any, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status
        and answer.headers["content-type"] == PROBLEM_TYPE
        and set(body) == {"type", "status", "title", "detail"}
        and body["status"] == status
        and bool(body["title"] and body["detail"])
    )


PROBLEMS: dict[str, tuple[str, str, Role | None, Any, int, str]] = {
    "no key": ("GET", "/status", None, None, 401, "in the header Authorization, after the word Bearer"),
    "the wrong role": ("POST", "/api/v1/stop", Role.VIEWER, None, 403, "the-viewer"),
    "no such incident": ("GET", "/api/v1/incidents/inc-9", Role.VIEWER, None, 404, "inc-9"),
    "no such approval": ("POST", "/api/v1/approvals/apr-9/approve", Role.ADMIN, None, 404, "apr-9"),
    "no such silence": ("DELETE", "/api/v1/silences/sil-9", Role.ADMIN, None, 404, "sil-9"),
    "no such service": (
        "POST",
        "/remediation/execute",
        Role.ADMIN,
        {"service": "nowhere", "runbook": "restart-service"},
        404,
        "nowhere",
    ),
    "no such runbook": (
        "POST",
        "/remediation/execute",
        Role.ADMIN,
        {"service": "checkout", "runbook": "nothing"},
        404,
        "nothing",
    ),
    "no such route": ("GET", "/api/v1/nothing", Role.ADMIN, None, 404, "Not Found"),
    "no such method": ("PUT", "/api/v1/stop", Role.ADMIN, None, 405, "Not Allowed"),
    "an unknown field": ("POST", "/api/v1/stop", Role.ADMIN, {"why": "x"}, 422, "body.why"),
    "a field of the wrong type": ("POST", "/api/v1/stop", Role.ADMIN, {"reason": 7}, 422, "body.reason"),
    "a note that is too long": (
        "POST",
        "/api/v1/approvals/apr-1/deny",
        Role.ADMIN,
        {"note": "x" * 1001},
        422,
        "1000 characters",
    ),
    "a limit out of range": ("GET", "/api/v1/incidents?limit=0", Role.ADMIN, None, 422, "query.limit"),
    "a state that does not exist": ("GET", "/api/v1/incidents?state=odd", Role.ADMIN, None, 422, "query.state"),
    "no such intake": ("POST", "/intake/nothing", Role.INTAKE, {}, 404, 'there is no intake "nothing"'),
    "not a delivery": ("GET", "/intake/alertmanager", Role.INTAKE, None, 405, "POST"),
}


@pytest.mark.parametrize("case", PROBLEMS.values(), ids=PROBLEMS)
def test_a_refusal_is_a_problem_with_its_sentence(
    house: House, case: tuple[str, str, Role | None, Any, int, str]
) -> None:
    method, path, role, body, status, words = case

    answer = house.ask(method, path, role, **({} if body is None else {"json": body}))

    assert is_problem(answer, status), answer.text
    assert words in answer.json()["detail"]


def test_who_is_not_known_is_told_how_to_authenticate(house: House) -> None:
    assert house.ask("GET", "/status").headers["www-authenticate"] == "Bearer"


def test_a_defect_is_a_problem_that_tells_nothing_about_itself(open_house: Callable[..., House]) -> None:
    def broken(incident: object) -> None:
        raise KeyError(f"password={KEYS[Role.ADMIN]}")

    answer = open_house(evaluate=broken).ask("POST", "/remediation/evaluate", Role.VIEWER, json={"incident": "inc-1"})

    assert is_problem(answer, 500)
    assert "KeyError" not in answer.text
    assert KEYS[Role.ADMIN] not in answer.text


def test_what_is_away_for_a_moment_says_when_to_come_back(open_house: Callable[..., House]) -> None:
    def away(incident: object) -> None:
        raise UnreachableError("the database does not answer", delay=timedelta(seconds=2.5))

    answer = open_house(evaluate=away).ask("POST", "/remediation/evaluate", Role.VIEWER, json={"incident": "inc-1"})

    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "3"


def test_health_and_readiness_tell_strangers_no_sentences(open_house: Callable[..., House]) -> None:
    ready = open_house()
    unready = open_house(is_ready=lambda: False)

    assert ready.ask("GET", "/health").json() == {"status": "alive", "version": "9.9.9"}
    assert ready.ask("GET", "/ready").status_code == 200
    assert unready.ask("GET", "/ready").status_code == 503
    assert unready.ask("GET", "/ready").json()["ready"] is False
    assert "writes durably" not in unready.ask("GET", "/ready").text
    assert "writes durably" in ready.ask("GET", "/status", Role.VIEWER).text


@pytest.mark.parametrize(("word", "state"), [("approve", ApprovalState.APPROVED), ("deny", ApprovalState.DENIED)])
def test_an_answer_is_stored_with_who_gave_it_and_wakes_the_response(
    house: House, word: str, state: ApprovalState, clock: ManualClock
) -> None:
    answer = house.ask("POST", f"/api/v1/approvals/apr-1/{word}", Role.RESPONDER, json={"note": "seen"})

    assert (answer.json()["state"], answer.json()["held_by_stop"]) == (state, "")
    approval = house.store.read(lambda tx: tx.approvals.newest_of(Records().incident().id))
    assert approval is not None
    assert (approval.state, approval.decided_by, approval.note) == (state, "key:the-responder", "seen")
    assert house.nudged == ["nudge"]
    assert house.store.read(lambda tx: tx.waits.due(clock.now()))
    assert f"key:the-responder approval.{state}" in house.audited()


def test_a_yes_while_the_emergency_stop_holds_says_that_nothing_comes_of_it(house: House) -> None:
    house.stop.engage(reason="drill", by="ada")

    answer = house.ask("POST", "/api/v1/approvals/apr-1/approve", Role.RESPONDER).json()

    assert answer["state"] == ApprovalState.APPROVED
    assert answer["held_by_stop"].startswith("the emergency stop holds (by ada: drill)")


def test_a_second_answer_is_a_conflict_that_names_the_first(house: House) -> None:
    house.ask("POST", "/api/v1/approvals/apr-1/deny", Role.RESPONDER)

    second = house.ask("POST", "/api/v1/approvals/apr-1/approve", Role.ADMIN)

    assert is_problem(second, 409)
    assert "denied by key:the-responder" in second.json()["detail"]


def test_an_answer_after_the_end_of_the_question_is_a_conflict(house: House, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=1))

    late = house.ask("POST", "/api/v1/approvals/apr-1/approve", Role.ADMIN)

    assert is_problem(late, 409)
    assert "expired at 2026-03-01 13:00:00 UTC" in late.json()["detail"]


def test_nobody_answers_a_question_of_their_own(house: House, a: Records) -> None:
    own = a.approval("apr-2", requested_by="key:the-responder", requested_at=a.at + timedelta(seconds=1))
    house.store.write(lambda tx: tx.approvals.insert(own))

    assert is_problem(house.ask("POST", "/api/v1/approvals/apr-2/approve", Role.RESPONDER), 403)
    assert house.ask("POST", "/api/v1/approvals/apr-2/approve", Role.ADMIN).status_code == 200


def test_the_emergency_stop_is_engaged_by_a_responder_and_cleared_by_an_admin(house: House) -> None:
    engaged = house.ask("POST", "/api/v1/stop", Role.RESPONDER, json={"reason": "drill"})
    assert engaged.json()["audited"] is True
    assert house.stop.read().stopped
    assert house.ask("GET", "/api/v1/stop", Role.VIEWER).json()["by"] == "key:the-responder"

    assert house.ask("DELETE", "/api/v1/stop", Role.RESPONDER).status_code == 403
    assert house.stop.read().stopped

    cleared = house.ask("DELETE", "/api/v1/stop", Role.ADMIN)
    assert (cleared.status_code, cleared.json()["left_with_a_person"]) == (200, [])
    assert not house.stop.read().stopped
    assert house.audited()[-2:] == ["key:the-responder stop.engaged", "key:the-admin stop.cleared"]


def test_the_emergency_stop_works_while_the_database_does_not(house: House) -> None:
    house.store.close()
    house.file.unlink()
    house.file.mkdir()

    answer = house.ask("POST", "/api/v1/stop", Role.RESPONDER, json={"reason": "the database is gone"})

    assert house.stop.read().stopped
    assert answer.status_code == 200
    assert answer.json()["audited"] is False
    house.file.rmdir()


def test_a_run_that_is_asked_for_carries_who_asked_and_is_started(house: House) -> None:
    answer = house.ask(
        "POST", "/remediation/execute", Role.RESPONDER, json={"service": "checkout", "runbook": "restart-service"}
    )

    assert answer.status_code == 202
    (key,) = house.started
    incident = house.store.read(lambda tx: tx.incidents.get(key.incident_id))
    assert incident.id == answer.json()["incident"]
    assert incident.request is not None
    assert incident.request.by == "key:the-responder"


def test_a_closed_incident_leaves_no_question_open(house: House) -> None:
    answer = house.ask("POST", "/api/v1/incidents/inc-1/close", Role.RESPONDER, json={"note": "seen to"})

    assert answer.json()["state"] == IncidentState.RESOLVED
    assert house.ask("GET", "/api/v1/approvals", Role.VIEWER).json() == {"approvals": []}


def test_the_list_of_incidents_can_be_narrowed(house: House) -> None:
    listed = house.ask("GET", "/api/v1/incidents?state=open&state=waiting", Role.VIEWER).json()["incidents"]

    assert [one["id"] for one in listed] == ["inc-1"]
    assert house.ask("GET", "/api/v1/incidents?state=escalated", Role.VIEWER).json() == {"incidents": [], "next": None}


def test_a_short_end_of_an_id_is_enough_when_only_one_has_it(house: House, a: Records) -> None:
    for incident in (a.incident("inc-20260301-aaaa11"), a.incident("inc-20260301-bbbb11")):
        house.store.write(partial(_insert, incident))

    assert house.ask("GET", "/api/v1/incidents/aaaa11", Role.VIEWER).json()["incident"]["id"] == "inc-20260301-aaaa11"
    assert house.ask("GET", "/api/v1/incidents/c-20", Role.VIEWER).status_code == 404
    assert house.ask("GET", "/api/v1/incidents/11", Role.VIEWER).status_code == 404


def _insert(incident: Incident, tx: Tx) -> None:
    tx.incidents.insert(incident)


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("role", [None, Role.ADMIN])
@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
@pytest.mark.parametrize("path", ["/api/v1/stop", "/api/v1/approvals/apr-1/approve", "/remediation/execute"])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    house: House, path: str, is_declared: bool, role: Role | None
) -> None:
    size = 128 * 1024

    answer = house.ask("POST", path, role, content=b" " * size if is_declared else chunks(size))

    assert is_problem(answer, 413)
    assert not house.stop.read().stopped


def test_no_key_ever_appears_in_an_answer_or_a_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = []
    for key in (*KEYS.values(), WRONG_KEY):
        for method, path in (
            ("GET", "/status"),
            ("GET", "/api/v1/incidents"),
            ("GET", "/metrics"),
            ("GET", "/api/v1/openapi.json"),
            ("GET", f"/api/v1/incidents/{WRONG_KEY[:9]}"),
            ("POST", "/api/v1/stop"),
            ("DELETE", "/api/v1/stop"),
            ("POST", "/intake/alertmanager"),
            ("GET", "/api/v1/nothing"),
        ):
            answers.append(house.ask(method, path, headers=bearer(key)))

    shown = "\n".join([*(f"{answer.headers} {answer.text}" for answer in answers), caplog.text, *house.contents()])
    for key in (*KEYS.values(), WRONG_KEY):
        assert key not in shown


def test_a_page_of_incidents_goes_on_after_the_one_before_and_an_unknown_one_is_told(house: House) -> None:
    whole = house.ask("GET", "/api/v1/incidents", Role.VIEWER).json()
    first = house.ask("GET", "/api/v1/incidents?limit=1", Role.VIEWER).json()
    assert whole["next"] is None
    assert first["next"] == first["incidents"][0]["id"] == whole["incidents"][0]["id"]

    rest = house.ask("GET", f"/api/v1/incidents?before={first['next']}", Role.VIEWER).json()
    assert [one["id"] for one in rest["incidents"]] == [one["id"] for one in whole["incidents"][1:]]
    assert is_problem(house.ask("GET", "/api/v1/incidents?before=nowhere", Role.VIEWER), 404)


@pytest.mark.parametrize("number", [str(2**63), "9" * 21, "9" * 300, "9" * 5000])
@pytest.mark.parametrize(
    "path", ["/api/v1/events?before=", "/api/v1/events?limit=", "/api/v1/incidents?limit=", "/api/v1/silences?limit="]
)
def test_a_number_beyond_what_a_store_counts_is_an_invalid_request(house: House, path: str, number: str) -> None:
    assert is_problem(house.ask("GET", f"{path}{number}", Role.VIEWER), 422)


def test_a_version_beyond_what_a_store_counts_is_an_invalid_request(house: House) -> None:
    path = "/anomaly/models/web/activate"
    assert is_problem(house.ask("POST", path, Role.RESPONDER, json={"version": 10**300}), 422)


def test_the_largest_number_of_an_event_is_only_not_there(house: House) -> None:
    assert is_problem(house.ask("GET", f"/api/v1/events?before={2**63 - 1}", Role.VIEWER), 404)
