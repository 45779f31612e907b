"""What `/anomaly` and `/anomaly/batch` take, and which value they name when they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.api.conftest import House
from tests.unit.api.oracle import Oracle

from recoverops.api.anomaly import MOST_ROWS
from recoverops.api.settings import Role

ROW: dict[str, Any] = {
    "resource": {"kind": "service", "name": "web-1"},
    "timestamp": "2026-03-01T11:59:00Z",
    "metrics": {"cpu_usage_avg": 93.1, "memory_usage_pct": None},
}


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def house(open_house: Callable[..., House], oracle: Oracle) -> House:
    return open_house(anomaly=oracle)


def test_a_row_is_answered_with_its_score_and_what_made_it(house: House, oracle: Oracle) -> None:
    answer = house.ask("POST", "/anomaly", Role.INTAKE, json=ROW)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["severity"], told["score"], told["p_resolution"]) == ("scored", "low", 0.6, 0.001)
    assert told["contributions"] == {"cpu_usage_avg": 1.0}
    assert told["model"] == {"name": "default", "version": 1, "kind": "residual"}
    assert oracle.asked[0].metrics == {"cpu_usage_avg": 93.1}, "null is a missing value"


@pytest.mark.parametrize("timestamp", ["2026-03-01T12:59:00+01:00", "2026-03-01T11:59:00", 1772366340, 1772366340.0])
def test_a_time_is_iso_8601_or_seconds_and_utc_without_a_zone(house: House, oracle: Oracle, timestamp: Any) -> None:
    assert house.ask("POST", "/anomaly", Role.INTAKE, json={**ROW, "timestamp": timestamp}).status_code == 200
    assert oracle.asked[0].at.timestamp() == 1772366340


def test_without_a_time_the_row_is_of_now(house: House, oracle: Oracle) -> None:
    house.ask("POST", "/anomaly", Role.INTAKE, json={key: ROW[key] for key in ("resource", "metrics")})
    assert oracle.asked[0].at == house.doors.clock.now()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"metrics": {"cpu_usage_avg": "high"}}, "metrics.cpu_usage_avg is 'high'"),
        ({"metrics": {"cpu_usage_avg": True}}, "metrics.cpu_usage_avg is True"),
        ({"metrics": {"cpu_usage_avg": 10**400}}, "metrics.cpu_usage_avg is too large"),
        ({"metrics": [1]}, "$.metrics"),
        ({"timestamp": "yesterday"}, "$.timestamp"),
        ({"timestamp": 1e300}, "timestamp is 1e+300"),
        ({"resource": {"kind": "moon", "name": "x"}}, "'moon'"),
        ({"resource": {"kind": "host", "name": ""}}, "resource.name has 0 characters"),
        ({"resource": {"kind": "host", "name": "x" * 254}}, "resource.name has 254 characters"),
        ({"metric": {}}, "metric"),
    ],
)
def test_a_value_that_does_not_fit_is_named(house: House, change: dict[str, Any], named: str) -> None:
    answer = house.ask("POST", "/anomaly", Role.INTAKE, json={**ROW, **change})

    assert answer.status_code == 422
    assert named in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/anomaly", "/anomaly/batch"])
def test_what_is_no_json_or_no_post_or_too_large_is_refused(house: House, path: str) -> None:
    assert house.ask("POST", path, Role.INTAKE, content=b"{").status_code == 400
    assert house.ask("GET", path, Role.INTAKE).status_code == 405
    assert house.ask("POST", path, Role.INTAKE, content=b" " * 70_000).status_code == 413


def test_a_bad_row_of_a_batch_is_named_by_its_index_and_the_others_are_answered(house: House) -> None:
    bad = {**ROW, "metrics": {"cpu_usage_avg": []}}

    told = house.ask("POST", "/anomaly/batch", Role.INTAKE, json={"rows": [ROW, bad, 7, ROW]}).json()

    assert [one["status"] for one in told["answers"]] == ["scored", "refused", "refused", "scored"]
    assert [one["index"] for one in told["answers"]] == [0, 1, 2, 3]
    assert "metrics.cpu_usage_avg is []" in told["answers"][1]["detail"]
    assert (told["scored"], told["not_enough_data"], told["refused"]) == (2, 0, 2)


def test_a_batch_is_bounded(house: House) -> None:
    rows = [{"resource": {"kind": "host", "name": "a"}, "metrics": {}}] * (MOST_ROWS + 1)
    answer = house.ask("POST", "/anomaly/batch", Role.INTAKE, json={"rows": rows})

    assert answer.status_code == 422
    assert f"rows has {MOST_ROWS + 1} entries" in answer.json()["detail"]


def test_a_training_is_accepted_with_its_job_and_tells_who_asked(house: House) -> None:
    wanted = {"resource": {"kind": "service", "name": "checkout"}, "kind": "residual"}
    answer = house.ask("POST", "/anomaly/train", Role.RESPONDER, json=wanted)

    assert (answer.status_code, answer.json()["job"], answer.json()["asked_by"]) == (202, "trn-1", "key:the-responder")


def test_a_training_may_ask_another_system_for_its_history(house: House, oracle: Oracle) -> None:
    queries = {"cpu_usage_avg": "avg(cpu)"}
    wanted = {"resource": {"kind": "service", "name": "checkout"}, "from": "prometheus", "queries": queries}
    assert house.ask("POST", "/anomaly/train", Role.RESPONDER, json=wanted).status_code == 202

    (wish,) = oracle.wishes
    assert (wish.source, wish.queries, str(wish.resource)) == ("prometheus", queries, "service:checkout")
    many = {f"metric_{number}": "up" for number in range(33)}
    told = house.ask("POST", "/anomaly/train", Role.RESPONDER, json={**wanted, "queries": many})
    assert told.status_code == 422


def test_an_earlier_version_is_made_current(house: House) -> None:
    answer = house.ask("POST", "/anomaly/models/web-1/activate", Role.ADMIN, json={"version": 2})
    assert answer.json() == {"name": "web-1", "version": 2, "kind": "residual"}
    assert house.ask("POST", "/anomaly/models/web-1/activate", Role.ADMIN, json={"version": 0}).status_code == 422
