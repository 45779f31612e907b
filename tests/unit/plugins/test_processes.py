"""What supervisord's answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import MisconfiguredError, ProbeAnswer, Service, UnreachableError
from recoverops.plugins.linux.faults import fault_sentence
from recoverops.plugins.linux.process import Process, State, process_name, process_of
from recoverops.plugins.linux.restart import judge, touched_with
from recoverops.plugins.linux.rpc import FaultError
from recoverops.plugins.linux.source import sample_of

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NOON_S = int(NOON.timestamp())


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "name": "checkout",
        "group": "shop",
        "state": 20,
        "pid": 4711,
        "start": NOON_S,
        "stop": 0,
        "exitstatus": 0,
        "spawnerr": "",
    } | changes


def process(**changes: Any) -> Process:
    return process_of(plain(**changes))


def service(address: str | None = "shop:checkout", name: str = "checkout") -> Service:
    return Service(name=name, group="shop", address={} if address is None else {"supervisor": address})


@pytest.mark.parametrize("state", list(State))
def test_only_running_counts_as_running(state: State) -> None:
    sample = sample_of(service(), {"shop:checkout": process(state=int(state))}, at=NOON)
    assert sample.value == (1.0 if state is State.RUNNING else 0.0)
    assert sample.detail


def test_a_process_that_supervisor_does_not_know_is_not_healthy_and_is_named() -> None:
    sample = sample_of(service("shop:chekout"), {"shop:checkout": process()}, at=NOON)
    assert sample.value == 0.0
    assert 'no process "shop:chekout"' in sample.detail


def test_an_address_that_names_a_whole_group_is_not_healthy_and_is_named() -> None:
    sample = sample_of(service("shop:*"), {"shop:checkout": process()}, at=NOON)
    assert sample.value == 0.0
    assert "shop:*" in sample.detail


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"state": 100, "exitstatus": 3, "stop": NOON_S + 1, "pid": 0}, "EXITED, exit status 3 at 12:00:01Z"),
        ({"state": 100, "exitstatus": -1, "stop": NOON_S, "pid": 0}, "EXITED, killed by a signal at 12:00:00Z"),
        (
            {"state": 100, "exitstatus": 137, "stop": NOON_S, "pid": 0},
            "EXITED, exit status 137 (a shell's word for SIGKILL) at 12:00:00Z",
        ),
        ({"state": 0, "start": 0, "pid": 0}, "STOPPED, never started"),
        ({"state": 0, "stop": NOON_S, "pid": 0}, "STOPPED on request at 12:00:00Z"),
        (
            {"state": 200, "spawnerr": "can't find command '/no'", "pid": 0},
            "FATAL, can't find command '/no' (started 12:00:00Z)",
        ),
        ({"state": 10}, "STARTING since 12:00:00Z, pid 4711"),
        ({"state": 777}, "in a state that supervisord does not know itself"),
    ],
)
def test_a_state_is_told_with_its_reason_and_time(changes: dict[str, Any], sentence: str) -> None:
    assert process(**changes).statement == sentence


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        plain(pid="x"),
        plain(start=-1),
        plain(stop=2**40),
        {key: value for key, value in plain().items() if key != "state"},
    ],
)
def test_an_answer_that_is_no_process_is_called_unreachable_and_never_healthy(answer: object) -> None:
    with pytest.raises(UnreachableError):
        process_of(answer)


BEFORE_DEAD = process(state=100, pid=0, stop=NOON_S + 5).snapshot
BEFORE_ALIVE = process().snapshot


@pytest.mark.parametrize(
    ("before", "changes", "answer"),
    [
        (BEFORE_DEAD, {"state": 100, "pid": 0}, ProbeAnswer.NOT_DONE),
        (BEFORE_DEAD, {"start": NOON_S + 9, "pid": 5000}, ProbeAnswer.DONE),
        (BEFORE_DEAD, {"start": NOON_S + 9, "pid": 5000, "state": 10}, ProbeAnswer.DONE),
        (BEFORE_DEAD, {"start": NOON_S, "pid": 5000}, ProbeAnswer.DONE),
        (BEFORE_DEAD, {"start": NOON_S + 9, "pid": 0, "state": 100}, ProbeAnswer.UNKNOWN),
        (BEFORE_DEAD, {"start": NOON_S + 9, "pid": 0, "state": 30}, ProbeAnswer.UNKNOWN),
        (BEFORE_ALIVE, {}, ProbeAnswer.NOT_DONE),
        (BEFORE_ALIVE, {"state": 40}, ProbeAnswer.NOT_DONE),
        (BEFORE_ALIVE, {"state": 0, "pid": 0}, ProbeAnswer.NOT_DONE),
        (BEFORE_ALIVE, {"start": NOON_S - 60}, ProbeAnswer.NOT_DONE),
        (BEFORE_ALIVE, {"pid": 5000}, ProbeAnswer.DONE),
        ({}, {"pid": 5000}, ProbeAnswer.UNKNOWN),
    ],
)
def test_a_restart_is_told_from_what_was_before(
    before: Mapping[str, str], changes: dict[str, Any], answer: ProbeAnswer
) -> None:
    assert judge(before, process(**changes)).answer is answer


@pytest.mark.parametrize("address", ["shop:*", "-shop", "shop:", ":checkout", "shop checkout", "a:b:c", "", "x\n"])
def test_an_address_that_is_not_one_process_is_refused(address: str) -> None:
    with pytest.raises(MisconfiguredError):
        process_name(service(address))


def test_a_name_without_a_group_is_a_group_of_its_own() -> None:
    assert process_name(service("checkout")) == "checkout:checkout"


def test_services_that_live_in_one_process_are_touched_together() -> None:
    cart = service("shop:checkout", name="cart")
    apart = service("shop:apart", name="apart")
    broken = service("shop:*", name="broken")
    inventory = {one.name: one for one in (service(), cart, apart, broken)}
    assert [str(one) for one in touched_with(service(), inventory)] == ["service:checkout", "service:cart"]


@given(code=st.integers(), text=st.text(max_size=50))
def test_every_fault_has_a_sentence_that_names_the_process(code: int, text: str) -> None:
    sentence = fault_sentence(FaultError(code, text), "shop:checkout")
    assert sentence
    assert "{" not in sentence.replace(text, "")
