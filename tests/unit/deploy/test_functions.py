"""The Lambda functions against a real receiver: what is done, what comes again, and where the key goes."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.unit.deploy.reading import AWS, function

from recoverops.testing import Receiver, Reply, running_receiver

forward = function("forward")
widen = function("widen")
KEY = "an-intake-key-of-thirty-letters"
EVENT = {"detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "detail": {"alarmName": "errors"}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def record(number: int, data: bytes) -> dict[str, Any]:
    return {"kinesis": {"sequenceNumber": str(number), "data": base64.b64encode(data).decode()}}


def events(count: int) -> list[dict[str, Any]]:
    return [record(number, json.dumps({**EVENT, "id": number}).encode()) for number in range(count)]


def door(receiver: Receiver, read: Callable[[], str] = lambda: f"{KEY}\n") -> Any:
    return forward.Door(receiver.url, forward.Key(read))


def forwarded(records: list[dict[str, Any]], at: Any, left_ms: Callable[[], int] = lambda: 60_000) -> list[str]:
    answer = forward.forward(records, at, left_ms)
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_each_event_is_posted_to_the_door_with_the_key(receiver: Receiver) -> None:
    assert forwarded(events(3), door(receiver)) == []
    assert [json.loads(one.body)["id"] for one in receiver.requests] == [0, 1, 2]
    assert {one.path for one in receiver.requests} == {"/intake/aws-eventbridge"}
    assert {one.headers["authorization"] for one in receiver.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("status", [500, 503, 429, 408, 401])
def test_from_the_first_that_may_still_succeed_on_everything_comes_again(receiver: Receiver, status: int) -> None:
    receiver.reply = Reply(status=status)
    assert forwarded(events(3), door(receiver)) == ["0"]


def test_what_is_refused_for_good_does_not_hold_up_the_rest(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.reply = Reply(status=403)
    assert forwarded(events(2), door(receiver)) == []
    assert len(receiver.requests) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["refused"] == 2


def test_log_lines_and_what_nobody_can_read_are_left_alone(receiver: Receiver) -> None:
    lines = gzip.compress(json.dumps({"messageType": "DATA_MESSAGE"}).encode())
    unreadable = [b"\x00\xff", b"[]", b'{"a": 1}', b'{"detail-type": "x", "more": "' + b"y" * 262_144 + b'"}']
    records = [record(number, data) for number, data in enumerate([lines, *unreadable])]
    assert forwarded([*records, *events(1)], door(receiver)) == []
    assert len(receiver.requests) == 1


def test_nobody_who_answers_is_told_to_come_again() -> None:
    at = forward.Door("http://127.0.0.1:9", forward.Key(lambda: KEY))
    assert forwarded(events(2), at) == ["0"]


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(receiver: Receiver) -> None:
    receiver.reply = Reply(hang=True)
    at = forward.Door(receiver.url, forward.Key(lambda: KEY), timeout_s=0.2)
    assert forwarded(events(1), at) == ["0"]


def test_when_the_time_is_nearly_over_the_rest_comes_again(receiver: Receiver) -> None:
    left = iter([60_000, 9_999])
    assert forwarded(events(3), door(receiver), lambda: next(left)) == ["1"]
    assert len(receiver.requests) == 1


def test_the_key_does_not_follow_a_redirect(receiver: Receiver) -> None:
    with running_receiver() as elsewhere:
        receiver.reply = Reply(status=307, headers={"Location": f"{elsewhere.url}/intake/aws-eventbridge"})
        assert forwarded(events(1), door(receiver)) == []
        assert elsewhere.requests == ()


def test_a_key_that_was_changed_is_read_anew_once(receiver: Receiver) -> None:
    keys = iter(["old", "new"])
    receiver.reply = Reply(status=401)
    assert forwarded(events(1), door(receiver, lambda: next(keys))) == ["0"]
    assert [one.headers["authorization"] for one in receiver.requests] == ["Bearer old", "Bearer new"]


def test_the_key_is_read_at_most_every_five_minutes() -> None:
    now, read = [0.0], list[float]()

    def reading() -> str:
        read.append(now[0])
        return KEY

    key = forward.Key(reading, clock=lambda: now[0])
    for now[0] in (0.0, 299.0, 300.0, 301.0):
        assert key.get() == KEY
    assert read == [0.0, 300.0]


@pytest.mark.parametrize(
    "url",
    [
        "http://recoverops.example.com",
        "https://a.example.com/path",
        "https://a.example.com?x",
        "https://u@a.b",
        "ftp://a",
    ],
)
def test_an_address_that_would_carry_the_key_in_the_open_or_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="RECOVEROPS_URL"):
        forward.checked(url)


def test_nothing_is_imported_that_the_runtime_does_not_have() -> None:
    for name in ("forward", "widen"):
        tree = ast.parse((AWS / "lambda" / f"{name}.py").read_text(encoding="utf-8"))
        found = {
            one.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
        }
        found |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert found - set(sys.stdlib_module_names) <= {"boto3"}


@pytest.mark.parametrize(("state", "readers"), [("ALARM", 10), ("OK", 1), ("INSUFFICIENT_DATA", None)])
def test_more_read_while_the_intake_lags_and_nothing_changes_when_nobody_knows(state: str, readers: int | None) -> None:
    assert widen.readers(state, 10) == readers


def test_more_readers_than_lambda_allows_are_refused() -> None:
    with pytest.raises(ValueError, match="WIDEST is 11, expected 2 to 10"):
        widen.readers("ALARM", 11)
