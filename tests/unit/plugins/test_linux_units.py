"""Units as `systemctl show` writes them, the names that are taken, and what counts as a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from recoverops.model import (
    MisconfiguredError,
    OutcomeStatus,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
)
from recoverops.plugins.linux.answers import unknown
from recoverops.plugins.linux.systemctl import changing, permissions
from recoverops.plugins.linux.units import Unit, judge, judge_stop, unit_name, units_of
from recoverops.remediation import after_execution

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOWN = """Type=notify
MainPID=4711
ExecMainCode=0
ExecMainStatus=0
Result=success
Id=checkout.service
Names=checkout.service shop.service
LoadState=loaded
ActiveState=active
SubState=running
InvocationID=5f3a
ActiveEnterTimestampMonotonic=1200000
InactiveEnterTimestampMonotonic=0

Type=
MainPID=0
Id=gone.service
Names=gone.service
LoadState=not-found
ActiveState=inactive
SubState=dead
InvocationID=
Job=
"""


def unit(**changed: object) -> Unit:
    running = Unit(
        name="checkout.service", load="loaded", active="active", sub="running", result="success", kind="simple",
        pid=4711, ended_by_signal=False, exit_status=0, invocation="5f3a", entered="1200000", has_job=False,
    )  # fmt: skip
    return msgspec.structs.replace(running, **changed)


BEFORE = unit().snapshot
DEAD = {"active": "failed", "sub": "failed", "result": "exit-code", "pid": 0, "exit_status": 3}


def service(address: str) -> Service:
    return Service(name="checkout", group="shop", address={"systemd": address})


def test_each_unit_is_read_from_its_block_whatever_the_order_of_its_lines() -> None:
    found = units_of(SHOWN, ("shop.service", "gone.service"))
    assert found["shop.service"].statement == "active (running), pid 4711"
    assert found["shop.service"].invocation == "5f3a"
    assert found["gone.service"].statement == "not loaded (not-found)"
    assert not found["gone.service"].has_job


@pytest.mark.parametrize("names", [("checkout.service",), ("gone.service", "checkout.service"), ()])
def test_an_answer_about_other_units_than_asked_is_none(names: tuple[str, ...]) -> None:
    with pytest.raises(UnreachableError, match="systemctl described"):
        units_of(SHOWN, names)


@pytest.mark.parametrize(
    "name", ["checkout.service", "shop@eu-1.service", "a.b_c:d.service", r"dev-disk\x2dby.service", "0.service"]
)
def test_names_of_one_service_are_taken(name: str) -> None:
    assert unit_name(service(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "checkout", "checkout.socket", "-checkout.service", "--now.service", "*.service", "a?.service", "a.service b",
        "../a.service", "/a.service", "a@.service", "a.service\n", "", ".service", f"{'a' * 260}.service", "ä.service",
        "a[b].service", "systemd-journald.service", "dbus.service", "user@1000.service",
    ],
)  # fmt: skip
def test_options_patterns_paths_templates_and_the_machines_own_units_are_refused(name: str) -> None:
    with pytest.raises(MisconfiguredError, match='service "checkout"'):
        unit_name(service(name))


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        ({}, ProbeAnswer.NOT_DONE),
        (DEAD, ProbeAnswer.NOT_DONE),
        ({"active": "inactive", "sub": "dead", "invocation": "", "pid": 0}, ProbeAnswer.NOT_DONE),
        ({"invocation": "77aa", "pid": 4711}, ProbeAnswer.DONE),
        ({**DEAD, "invocation": "77aa"}, ProbeAnswer.UNKNOWN),
        ({"active": "activating", "sub": "auto-restart", "invocation": "77aa"}, ProbeAnswer.UNKNOWN),
        ({"name": "other.service", "invocation": "77aa"}, ProbeAnswer.UNKNOWN),
        ({"active": "deactivating", "sub": "stop-sigterm", "has_job": True}, ProbeAnswer.UNKNOWN),
        ({"active": "activating", "sub": "start-pre", "invocation": "77aa"}, ProbeAnswer.UNKNOWN),
        ({**DEAD, "has_job": True}, ProbeAnswer.UNKNOWN),
        ({"sub": "exited", "invocation": "77aa", "pid": 0}, ProbeAnswer.UNKNOWN),
    ],
)
def test_a_restart_is_known_by_the_id_of_the_start_and_not_by_the_pid(
    now: dict[str, object], answer: ProbeAnswer
) -> None:
    assert judge(BEFORE, unit(**now)).answer is answer


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        ({}, ProbeAnswer.NOT_DONE),
        ({"active": "inactive", "sub": "dead", "pid": 0}, ProbeAnswer.DONE),
        (DEAD, ProbeAnswer.DONE),
        ({"active": "activating", "sub": "auto-restart", "pid": 0}, ProbeAnswer.NOT_DONE),
        ({"invocation": "77aa"}, ProbeAnswer.UNKNOWN),
        ({"active": "deactivating", "sub": "stop-sigterm", "has_job": True}, ProbeAnswer.UNKNOWN),
        ({"active": "deactivating", "sub": "final-sigkill"}, ProbeAnswer.UNKNOWN),
        ({"active": "inactive", "sub": "dead", "pid": 0, "has_job": True}, ProbeAnswer.UNKNOWN),
        ({"sub": "exited", "pid": 0}, ProbeAnswer.NOT_DONE),
    ],
)
def test_a_stop_is_not_repeated_on_a_start_that_came_after_the_plan(
    now: dict[str, object], answer: ProbeAnswer
) -> None:
    assert judge_stop(BEFORE, unit(**now)).answer is answer


@pytest.mark.parametrize("judged", [judge, judge_stop])
def test_a_job_that_systemd_is_still_at_is_no_failure(judged: Callable[..., ProbeResult]) -> None:
    under_way = judged(BEFORE, unit(active="deactivating", sub="stop-sigterm", has_job=True))
    outcome = after_execution(unknown("systemd was told to stop it, but it took longer"), under_way, now=NOON)
    assert outcome.status is OutcomeStatus.UNKNOWN
    assert "systemd is still at it: checkout.service is deactivating (stop-sigterm)" in outcome.statement


def test_a_unit_that_is_active_without_a_process_does_not_run() -> None:
    exited = unit(sub="exited", pid=0, kind="forking")
    assert not exited.is_alive
    assert exited.is_silent
    assert exited.statement == "active (exited)"
    assert "does not say whether the service runs" in exited.why_silent
    assert not unit(kind="forking").is_silent


def test_a_failed_unit_says_how_it_ended() -> None:
    assert unit(**DEAD).statement == "failed (failed: exit-code, exit status 3)"
    assert unit(**{**DEAD, "result": "signal", "ended_by_signal": True, "exit_status": 9}).statement == (
        "failed (failed: signal, signal 9)"
    )


def test_a_change_is_one_fixed_argument_list_and_the_right_to_it_names_it_whole() -> None:
    command = changing("/usr/bin/systemctl", "restart", "shop@eu.service", sudo="/usr/bin/sudo")
    assert command[:3] == ("/usr/bin/sudo", "-n", "--")
    assert command[3:] == (
        "/usr/bin/systemctl", "--no-block", "--no-ask-password", "restart", "--", "shop@eu.service"
    )  # fmt: skip
    (line,) = permissions(["a:b.service"], ["stop"], program="/usr/bin/systemctl", sudo="/usr/bin/sudo", why="w")
    assert line.system == "sudoers"
    assert line.right == (
        r"recoverops ALL=(root) NOPASSWD: /usr/bin/systemctl --no-block --no-ask-password stop -- a\:b.service"
    )
    (right,) = permissions(["a.service"], ["stop", "start"], program="/usr/bin/systemctl", sudo=None, why="w")
    assert right.right == "org.freedesktop.systemd1.manage-units: stop, start of a.service"
