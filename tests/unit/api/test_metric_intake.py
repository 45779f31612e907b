"""The doors of pushed metrics: keys, sizes, what they read, and answers in each protocol's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from tests.unit.api.conftest import MAX_BODY, House

from recoverops.api.settings import Role
from recoverops.model import OverloadedError, PermanentError, RecoverOpsError
from recoverops.model.delivery import MetricDelivery, MetricFormat, MetricReceipt

PROTOBUF_TYPE = "application/x-protobuf"
WRITE, OTLP = "/api/v1/write", "/v1/metrics"
SNAPPY = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}


class Behind:
    """What stands behind the door: keeps what came, answers what it was told to."""

    def __init__(self, answer: MetricReceipt | RecoverOpsError) -> None:
        self.answer = answer
        self.taken: list[MetricDelivery] = []

    def __call__(self, delivery: MetricDelivery) -> Future[MetricReceipt]:
        self.taken.append(delivery)
        done: Future[MetricReceipt] = Future()
        if isinstance(self.answer, RecoverOpsError):
            done.set_exception(self.answer)
        else:
            done.set_result(self.answer)
        return done


Open = Callable[..., House]


def behind(open_house: Open, answer: MetricReceipt | RecoverOpsError) -> tuple[House, Behind]:
    desk = Behind(answer)
    return open_house(submit_metrics=desk), desk


ALL = MetricReceipt(accepted=3)
SOME = MetricReceipt(accepted=3, refused=2, why="two had no time")


@pytest.mark.parametrize(
    ("path", "headers", "read"),
    [
        (WRITE, SNAPPY, (MetricFormat.REMOTE_WRITE, False)),
        (
            WRITE,
            {**SNAPPY, "content-type": "application/x-protobuf;proto=prometheus.WriteRequest"},
            ("remote-write", False),
        ),
        (OTLP, PROTOBUF, (MetricFormat.OTLP, False)),
        (OTLP, {"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}, ("otlp-json", True)),
    ],
)
def test_a_delivery_goes_on_as_its_headers_say(open_house: Open, path: str, headers: dict[str, str], read: Any) -> None:
    house, desk = behind(open_house, ALL)
    answer = house.ask("POST", path, Role.INTAKE, content=b"body", headers=headers)
    assert answer.status_code == (204 if path == WRITE else 200)
    assert [(one.format, one.is_gzipped) for one in desk.taken] == [read]
    assert desk.taken[0].body == b"body"


@pytest.mark.parametrize(
    ("path", "headers", "words"),
    [
        (WRITE, {}, "Content-Type"),
        (WRITE, PROTOBUF, "expected snappy"),
        (WRITE, {**SNAPPY, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, "2.0"),
        (OTLP, {"content-type": "text/plain"}, "text/plain"),
        (OTLP, {**JSON, "content-encoding": "zstd"}, "zstd"),
    ],
)
def test_what_is_not_read_here_is_415_with_words(
    open_house: Open, path: str, headers: dict[str, str], words: str
) -> None:
    house, desk = behind(open_house, ALL)
    answer = house.ask("POST", path, Role.INTAKE, content=b"body", headers=headers)
    assert answer.status_code == 415
    assert words in answer.text
    assert desk.taken == []


@pytest.mark.parametrize("path", [WRITE, OTLP])
def test_only_a_key_that_may_deliver_passes(open_house: Open, path: str) -> None:
    house, desk = behind(open_house, ALL)
    assert house.ask("POST", path, content=b"", headers=SNAPPY).status_code == 401
    assert house.ask("POST", path, Role.VIEWER, content=b"", headers=SNAPPY).status_code == 403
    answer = house.ask("GET", path, Role.INTAKE)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert desk.taken == []


@pytest.mark.parametrize(("path", "headers"), [(WRITE, SNAPPY), (OTLP, PROTOBUF)])
def test_the_size_is_bounded(open_house: Open, path: str, headers: dict[str, str]) -> None:
    house, desk = behind(open_house, ALL)
    answer = house.ask("POST", path, Role.INTAKE, content=bytes(MAX_BODY + 1), headers=headers)
    assert answer.status_code == 413
    assert desk.taken == []


@pytest.mark.parametrize(("path", "headers"), [(WRITE, SNAPPY), (OTLP, PROTOBUF), (OTLP, JSON)])
def test_no_room_is_503_with_the_time_to_come_again(open_house: Open, path: str, headers: dict[str, str]) -> None:
    house, _ = behind(open_house, OverloadedError("the queue is full"))
    answer = house.ask("POST", path, Role.INTAKE, content=b"body", headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert b"the queue is full" in answer.content
    source = "remote-write" if path == WRITE else "otlp"
    assert f'recoverops_intake_rejected_total{{source="{source}",status="503"}} 1.0' in (
        house.doors.metrics.page().decode()
    )


def test_partly_refused_remote_write_is_no_success_because_not_all_was_taken(open_house: Open) -> None:
    house, _ = behind(open_house, SOME)
    answer = house.ask("POST", WRITE, Role.INTAKE, content=b"body", headers=SNAPPY)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "two had no time; the other 3 samples were taken"


def test_otlp_answers_in_the_encoding_of_the_request(open_house: Open) -> None:
    house, desk = behind(open_house, SOME)
    as_text = house.ask("POST", OTLP, Role.INTAKE, content=b"{}", headers=JSON)
    assert as_text.json() == {"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "two had no time"}}
    as_bytes = house.ask("POST", OTLP, Role.INTAKE, content=b"", headers=PROTOBUF)
    assert as_bytes.headers["content-type"] == "application/x-protobuf"
    assert as_bytes.content == b"\x0a\x13\x08\x02\x12\x0ftwo had no time"
    desk.answer = ALL
    assert house.ask("POST", OTLP, Role.INTAKE, content=b"{}", headers=JSON).json() == {}
    assert house.ask("POST", OTLP, Role.INTAKE, content=b"", headers=PROTOBUF).content == b""


def test_an_otlp_refusal_is_a_status_message(open_house: Open) -> None:
    house, _ = behind(open_house, PermanentError("broken"))
    as_text = house.ask("POST", OTLP, Role.INTAKE, content=b"{}", headers=JSON)
    assert (as_text.status_code, as_text.headers["content-type"]) == (400, "application/json")
    assert json.loads(as_text.content) == {"code": 3, "message": "broken"}
    as_bytes = house.ask("POST", OTLP, Role.INTAKE, content=b"", headers=PROTOBUF)
    assert (as_bytes.status_code, as_bytes.content) == (400, b"\x08\x03\x12\x06broken")
