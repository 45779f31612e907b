"""The hot path: bounded, durable before it is acknowledged, and clear about what is wrong with a delivery."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from tests.conftest import NOON
from tests.unit.api.conftest import KEYS, MAX_BODY, House, bearer
from tests.unit.api.test_answers import is_problem

from recoverops.api.lanes import Lane
from recoverops.api.settings import Role
from recoverops.model import (
    Alert,
    AlertStatus,
    ForbiddenError,
    OverloadedError,
    PermanentError,
    RecoverOpsError,
    UnreachableError,
)


def delivery(*entries: dict[str, Any], version: str = "4", filler: str = "") -> bytes:
    return json.dumps({"version": version, "alerts": list(entries), "externalURL": filler}).encode()


def entry(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "startsAt": "2026-03-01T12:00:00Z",
        "labels": {"alertname": "ServiceDown"},
        "fingerprint": f"f{number}",
        **changes,
    }


def deliver(house: House, body: Any, **headers: str) -> httpx.Response:
    return house.ask("POST", "/intake/alertmanager", Role.INTAKE, content=body, headers=headers)


def stored(house: House) -> int:
    return len(house.store.read(lambda tx: tx.signals.pending(limit=100)))


def test_a_delivery_is_acknowledged_when_it_is_stored_and_the_pipeline_is_told(house: House) -> None:
    answer = deliver(house, delivery(entry(1), entry(2)))

    assert (answer.status_code, answer.json()) == (200, {"stored": 2, "duplicates": 0})
    assert stored(house) == 2
    assert house.nudged == ["admitted"]


def test_a_repeated_delivery_is_acknowledged_and_stored_once(house: House) -> None:
    deliver(house, delivery(entry(1)))

    answer = deliver(house, delivery(entry(1), entry(2)))

    assert answer.json() == {"stored": 1, "duplicates": 1}
    assert stored(house) == 2


def test_an_empty_delivery_is_fine_and_wakes_nobody(house: House) -> None:
    assert deliver(house, delivery()).json() == {"stored": 0, "duplicates": 0}
    assert house.nudged == []


BROKEN: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{not json", "it begins with"),
    "nothing": (b"", "it begins with"),
    "another version": (delivery(entry(), version="5"), "version is '5'"),
    "no alerts": (b'{"version": "4"}', "alerts"),
    "a status that does not exist": (delivery(entry(status="melting")), "melting"),
    "a time that is none": (delivery(entry(startsAt="yesterday")), "yesterday"),
    "a label that is no text": (delivery(entry(labels={"alertname": 7})), "7"),
    "the second of two": (delivery(entry(), entry(status="odd")), "alerts[1].status"),
    "a NUL in a fingerprint": (delivery(entry(fingerprint="x\0y")), r"fingerprint is 'x\x00y'"),
    "a line break in a fingerprint": (delivery(entry(fingerprint="x\ny")), "leave it out"),
    "a NUL in a label": (delivery(entry(), entry(labels={"job": "a\0b"})), r"alert 1, labels['job'] has a NUL"),
    "a NUL in a label's name": (delivery(entry(labels={"a\0b": "job"})), "send it without"),
    "a NUL in an annotation": (delivery(entry(annotations={"summary": "a\0b"})), r"'a\x00b'"),
    "not UTF-8": (b'{"version": "\xff"}', "it begins with"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_malformed_delivery_is_refused_whole_and_the_value_is_named(house: House, case: tuple[bytes, str]) -> None:
    body, words = case

    answer = deliver(house, body)

    assert is_problem(answer, 400), answer.text
    assert words in answer.json()["detail"]
    assert stored(house) == 0
    assert 'recoverops_intake_rejected_total{source="alertmanager",status="400"} 1.0' in (
        house.doors.metrics.page().decode()
    )


def test_what_only_looks_like_a_nul_is_stored(house: House) -> None:
    answer = deliver(house, delivery(entry(annotations={"summary": r"C:\u0000"})))
    assert answer.json() == {"stored": 1, "duplicates": 0}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP, gzip"])
def test_a_compressed_delivery_is_refused_as_one(house: House, encoding: str) -> None:
    answer = deliver(house, gzip.compress(delivery(entry())), **{"content-encoding": encoding})
    assert is_problem(answer, 415), answer.text
    assert repr(encoding.lower()) in answer.json()["detail"]
    assert "send identity" in answer.json()["detail"]
    assert deliver(house, delivery(entry()), **{"content-encoding": "identity"}).status_code == 200


def padded(size: int) -> bytes:
    empty = len(delivery(entry(), filler=""))
    return delivery(entry(), filler="x" * (size - empty))


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
def test_a_delivery_may_be_as_large_as_configured_and_not_a_byte_larger(
    house: House, size: int, status: int, is_declared: bool
) -> None:
    body = padded(size)
    assert len(body) == size

    answer = deliver(house, body if is_declared else in_chunks(body))

    assert answer.status_code == status
    if status == 413:
        assert is_problem(answer, 413)
        assert str(MAX_BODY) in answer.json()["detail"]
        assert stored(house) == 0


def test_a_declared_size_that_lies_does_not_get_more_in(house: House) -> None:
    answer = deliver(house, in_chunks(padded(MAX_BODY + 500)), **{"content-length": "10"})

    assert answer.status_code in {400, 413}
    assert stored(house) == 0


def test_a_full_queue_says_come_back_and_loses_nothing_that_was_acknowledged(
    open_house: Callable[..., House],
) -> None:
    """The disk stalls: what is being written and what waits is not answered yet, the rest finds the queue full."""
    house = open_house(intake_queue_bytes=64 * 1024, max_body_bytes=64 * 1024)
    stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        def hold(_: object) -> None:
            stalled.set()
            go_on.wait(20)

        house.store.write(hold)

    async def scenario() -> tuple[httpx.Response, list[httpx.Response]]:
        transport = httpx.ASGITransport(app=house.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://door", timeout=20) as client:

            async def send(number: int) -> httpx.Response:
                body = delivery(entry(number), filler="x" * 40_000)
                return await client.post("/intake/alertmanager", content=body, headers=bearer(KEYS[Role.INTAKE]))

            sent = [asyncio.create_task(send(number)) for number in range(5)]
            answered, _ = await asyncio.wait(sent, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            first = answered.pop().result()
            go_on.set()
            return first, await asyncio.gather(*sent)

    holder = threading.Thread(target=stall)
    holder.start()
    assert stalled.wait(10)
    try:
        refused, answers = asyncio.run(scenario())
    finally:
        go_on.set()
        holder.join(10)

    assert is_problem(refused, 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert "the intake queue is full" in refused.json()["detail"]
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert stored(house) == len(accepted)


def test_a_client_that_takes_only_plain_json_gets_the_sentence_alone(house: House) -> None:
    answer = house.ask("POST", "/api/v2/alerts", Role.INTAKE, content=b"{", headers={"Accept": "application/json"})

    assert answer.status_code == 400
    assert isinstance(answer.json(), str)


# deliveries that have to be verified


class Doubting:
    """A double of `ports.VerifiedPushSource`: believes what its `answer` says."""

    name = "doubting"

    def __init__(self, answer: Callable[[], None]) -> None:
        self._answer = answer
        self.asked_on: list[str] = []

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        self.asked_on.append(threading.current_thread().name)
        self._answer()

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        assert self.asked_on, "it was decoded before it was verified"
        return (Alert(source=self.name, fingerprint="f", status=AlertStatus.FIRING, starts_at=NOON),)


def told(error: RecoverOpsError) -> Callable[[], None]:
    def answer() -> None:
        raise error

    return answer


def test_a_delivery_is_verified_off_the_loop_before_it_is_admitted(open_house: Callable[..., House]) -> None:
    source = Doubting(lambda: None)
    house = open_house(push_sources={source.name: source})
    answer = house.ask("POST", "/intake/doubting", Role.INTAKE, content=b"{}")
    assert (answer.status_code, answer.json()["stored"]) == (200, 1)
    assert source.asked_on[0].startswith("recoverops-asking")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError("it is forged"), 403),
        (UnreachableError("SNS is away"), 503),
        (PermanentError("it is no JSON"), 400),
    ],
)
def test_what_is_not_verified_is_not_admitted(
    open_house: Callable[..., House], error: RecoverOpsError, status: int
) -> None:
    source = Doubting(told(error))
    house = open_house(push_sources={source.name: source})
    answer = house.ask("POST", "/intake/doubting", Role.INTAKE, content=b"{}")
    assert is_problem(answer, status)
    assert answer.json()["detail"] == str(error)
    assert stored(house) == 0


def test_nobody_without_a_key_makes_us_ask(open_house: Callable[..., House]) -> None:
    source = Doubting(lambda: None)
    house = open_house(push_sources={source.name: source})
    assert house.ask("POST", "/intake/doubting", content=b"{}").status_code == 401
    assert source.asked_on == []


def test_when_too_many_wait_for_their_answer_the_next_is_told_to_come_again() -> None:
    released = threading.Event()

    def wait() -> None:
        assert released.wait(10)

    async def scenario() -> None:
        asking = Lane("asking", threads=1, waiting=2, what="deliveries wait to be verified")
        waiting = [asyncio.create_task(asking.take(wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="2 deliveries wait to be verified"):
            await asking.take(lambda: None)
        released.set()
        await asyncio.gather(*waiting)
        await asking.take(lambda: None)

    asyncio.run(scenario())


# keys in an address


def basic(name: str, key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


def test_an_intake_key_may_come_as_basic_authentication(house: House) -> None:
    answer = house.ask(
        "POST", "/intake/alertmanager", content=delivery(), headers=basic("the-intake", KEYS[Role.INTAKE])
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic("the-intake", "a-key-that-nobody-has-ever-had-here"),
        basic("somebody", KEYS[Role.INTAKE]),
        basic("the-intake", ""),
        basic("the-admin", KEYS[Role.ADMIN]),
        basic("the-responder", KEYS[Role.RESPONDER]),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic"},
    ],
)
def test_no_other_key_may_come_that_way_and_the_challenge_offers_it(house: House, headers: dict[str, str]) -> None:
    answer = house.ask("POST", "/intake/alertmanager", content=delivery(), headers=headers)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ["Bearer", 'Basic realm="recoverops"']
    assert house.ask("GET", "/status", headers=headers).status_code == 401
