"""The linux plugin against a real supervisord with real processes that really die."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.model import (
    ExecutionStatus,
    PermanentError,
    ProbeAnswer,
    Sample,
    Service,
    UnreachableError,
)
from recoverops.plugins.linux import LinuxSettings, plugin
from recoverops.ports import Action, PluginContext, Source
from recoverops.testing import Program, Supervisor, running_supervisor

STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True)\n"
    "while True:\n"
    "    time.sleep(600)\n"
)


def service(name: str, address: str | None = None) -> Service:
    return Service(name=name, group="shop", address={"supervisor": address or name})


def no_secret(reference: str) -> str:
    raise AssertionError(f"nobody needs the secret {reference}")


def parts(supervisor: Supervisor, *services: Service, **settings: object) -> tuple[Source, Action]:
    inventory = {one.name: one for one in services}
    context = PluginContext(clock=SystemClock(), services=inventory, secret=no_secret)
    checked = LinuxSettings.model_validate({"supervisor": {"url": supervisor.url, **settings}})
    built = plugin.build(checked, context)
    return built.sources[0], built.actions[0]


def sample_of(samples: tuple[Sample, ...], name: str) -> Sample:
    (sample,) = (sample for sample in samples if sample.resource.name == name)
    return sample


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """A program of more than one line, from a file."""

    def write(name: str, code: str) -> list[str]:
        file = tmp_path / f"{name}.py"
        file.write_text(code, encoding="utf-8")
        return [sys.executable, str(file)]

    return write


@pytest.fixture
def sleeper(script: Callable[[str, str], list[str]]) -> list[str]:
    return script("sleeper", "import time\ntime.sleep(600)\n")


@pytest.fixture
def shop(tmp_path: Path, sleeper: list[str]) -> Iterator[Supervisor]:
    programs = [Program(name="checkout", command=sleeper), Program(name="cart", command=sleeper)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        yield supervisor


def test_a_killed_process_is_seen_in_the_next_poll_and_its_neighbour_stays_healthy(shop: Supervisor) -> None:
    source, _ = parts(shop, service("checkout"), service("cart"))
    assert [sample.value for sample in source.poll()] == [1.0, 1.0]
    shop.kill_program("checkout")
    samples = source.poll()
    assert sample_of(samples, "checkout").value == 0.0
    assert sample_of(samples, "checkout").detail.startswith("EXITED, killed by a signal at ")
    assert sample_of(samples, "cart").value == 1.0


def test_a_process_that_does_not_exist_is_never_healthy_and_poisons_no_other(shop: Supervisor) -> None:
    source, _ = parts(shop, service("checkout"), service("ghost"), service("all", "shop:*"))
    samples = source.poll()
    assert sample_of(samples, "checkout").value == 1.0
    assert sample_of(samples, "ghost").value == 0.0
    assert 'no process "ghost:ghost"' in sample_of(samples, "ghost").detail
    assert sample_of(samples, "all").value == 0.0


def test_a_restart_brings_a_dead_process_back_under_a_new_pid(shop: Supervisor) -> None:
    source, restart = parts(shop, service("checkout"))
    old_pid = shop.kill_program("checkout")
    plan = restart.plan(service("checkout"), {})
    assert plan.summary.startswith("restart checkout (supervisor checkout, now EXITED")
    assert plan.before["state"] == "EXITED"
    assert restart.probe(plan, service("checkout")).answer is ProbeAnswer.NOT_DONE
    execution = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
    assert int(execution.after["pid"]) not in {0, old_pid}
    assert restart.probe(plan, service("checkout")).answer is ProbeAnswer.DONE
    assert source.poll()[0].value == 1.0


def test_a_second_execute_of_one_plan_starts_nothing(shop: Supervisor) -> None:
    _, restart = parts(shop, service("checkout"))
    shop.kill_program("checkout")
    plan = restart.plan(service("checkout"), {})
    first = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    second = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    assert second.status is ExecutionStatus.SUCCEEDED
    assert second.statement.startswith("not repeated: ")
    assert second.after["pid"] == first.after["pid"]


def test_a_restart_by_somebody_else_since_the_plan_is_not_repeated(shop: Supervisor) -> None:
    _, restart = parts(shop, service("checkout"))
    shop.kill_program("checkout")
    plan = restart.plan(service("checkout"), {})
    shop.start("checkout")
    pid = shop.info("checkout")["pid"]
    execution = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    assert execution.status is ExecutionStatus.SUCCEEDED
    assert shop.info("checkout")["pid"] == pid


def test_a_running_process_is_stopped_and_started(shop: Supervisor) -> None:
    _, restart = parts(shop, service("checkout"))
    old_pid = shop.info("checkout")["pid"]
    plan = restart.plan(service("checkout"), {})
    execution = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
    assert shop.info("checkout")["pid"] not in {0, old_pid}
    with pytest.raises(ProcessLookupError):
        os.kill(old_pid, 0)


def test_a_hung_process_that_ignores_the_request_is_killed_and_started(
    tmp_path: Path, script: Callable[[str, str], list[str]]
) -> None:
    programs = [Program(name="hung", command=script("hung", STUBBORN), stopwaitsecs=1)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        _, restart = parts(supervisor, service("hung"))
        old_pid = int(supervisor.info("hung")["pid"])
        os.kill(old_pid, signal.SIGSTOP)
        plan = restart.plan(service("hung"), {})
        execution = restart.execute(plan, service("hung"), idempotency_key="run-1:1")
        assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement
        assert supervisor.info("hung")["pid"] not in {0, old_pid}


def test_a_restart_that_takes_too_long_is_unknown(tmp_path: Path, script: Callable[[str, str], list[str]]) -> None:
    programs = [Program(name="hung", command=script("hung", STUBBORN), stopwaitsecs=3)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        _wait_for_log(supervisor, "hung", "ready")
        _, restart = parts(supervisor, service("hung"), restart_timeout="1s")
        plan = restart.plan(service("hung"), {})
        started = time.monotonic()
        execution = restart.execute(plan, service("hung"), idempotency_key="run-1:1")
        assert time.monotonic() - started < 3
        assert execution.status is ExecutionStatus.UNKNOWN
        assert "did not answer stopProcess" in execution.statement
        assert restart.probe(plan, service("hung")).answer is ProbeAnswer.NOT_DONE


def test_a_process_that_is_just_being_stopped_is_waited_for(
    tmp_path: Path, script: Callable[[str, str], list[str]]
) -> None:
    programs = [Program(name="hung", command=script("hung", STUBBORN), stopwaitsecs=2)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        _wait_for_log(supervisor, "hung", "ready")
        source, restart = parts(supervisor, service("hung"))
        supervisor.call("stopProcess", "hung", False)
        assert supervisor.info("hung")["statename"] == "STOPPING"
        assert source.poll()[0].value == 0.0
        plan = restart.plan(service("hung"), {})
        execution = restart.execute(plan, service("hung"), idempotency_key="run-1:1")
        assert execution.status is ExecutionStatus.SUCCEEDED, execution.statement


def test_a_program_that_ends_at_once_fails_with_a_sentence(
    tmp_path: Path, script: Callable[[str, str], list[str]]
) -> None:
    programs = [Program(name="broken", command=script("broken", "raise SystemExit(3)\n"), autostart=False)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        source, restart = parts(supervisor, service("broken"))
        assert source.poll()[0].detail == "STOPPED, never started"
        plan = restart.plan(service("broken"), {})
        execution = restart.execute(plan, service("broken"), idempotency_key="run-1:1")
        assert execution.status is ExecutionStatus.FAILED
        assert '"broken:broken"' in execution.statement
        assert "its own log" in execution.statement


def test_a_program_that_does_not_exist_fails_with_a_sentence(tmp_path: Path) -> None:
    programs = [
        Program(name="missing", command=[str(tmp_path / "no-such-program")], autostart=False),
        Program(name="plain", command=[str(tmp_path / "plain-file")], autostart=False),
    ]
    (tmp_path / "plain-file").write_text("not a program", encoding="utf-8")
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        _, restart = parts(supervisor, service("missing"), service("plain"))
        said = {}
        for name in ("missing", "plain"):
            plan = restart.plan(service(name), {})
            execution = restart.execute(plan, service(name), idempotency_key="run-1:1")
            assert execution.status is ExecutionStatus.FAILED
            said[name] = execution.statement
    assert 'the program of "missing:missing" does not exist' in said["missing"]
    assert 'the program of "plain:plain" may not be executed' in said["plain"]


def test_there_is_nothing_to_plan_for_a_process_that_does_not_exist(shop: Supervisor) -> None:
    _, restart = parts(shop, service("ghost"))
    with pytest.raises(PermanentError, match='supervisor has no process "ghost:ghost"'):
        restart.plan(service("ghost"), {})


def test_a_dead_daemon_is_unreachable_and_unknown_and_says_nothing_of_the_services(shop: Supervisor) -> None:
    source, restart = parts(shop, service("checkout"))
    plan = restart.plan(service("checkout"), {})
    shop.kill_daemon()
    with pytest.raises(UnreachableError, match="is supervisord running"):
        source.poll()
    with pytest.raises(UnreachableError):
        restart.plan(service("checkout"), {})
    assert restart.probe(plan, service("checkout")).answer is ProbeAnswer.UNKNOWN
    execution = restart.execute(plan, service("checkout"), idempotency_key="run-1:1")
    assert execution.status is ExecutionStatus.FAILED
    assert execution.statement.startswith("nothing was done: ")


def test_a_daemon_that_hangs_is_unreachable_within_the_timeout(shop: Supervisor) -> None:
    _, patient = parts(shop, service("checkout"))
    source, restart = parts(shop, service("checkout"), timeout="300ms", restart_timeout="1s")
    plan = patient.plan(service("checkout"), {})
    os.kill(shop.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=r"did not answer getAllProcessInfo within 0\.3 s"):
            source.poll()
        assert time.monotonic() - started < 5
        assert restart.probe(plan, service("checkout")).answer is ProbeAnswer.UNKNOWN
    finally:
        os.kill(shop.pid, signal.SIGCONT)


def _wait_for_log(supervisor: Supervisor, name: str, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in supervisor.log(name):
        assert time.monotonic() < deadline, f"{name} never said {text}"
        time.sleep(0.02)
