"""The linux plugin on systemd units, through the kits: against the double, with real unit files and real processes.

No systemd runs where these tests run; `systemd-analyze verify` says whether systemd itself would take the units.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.aimed import aimed

from recoverops.clock import SystemClock
from recoverops.model import (
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    ProbeAnswer,
    Service,
    UnreachableError,
)
from recoverops.plugins import linux
from recoverops.ports import Action, Doubt, PluginContext, PluginParts
from recoverops.testing import Program, Systemd, check_action, check_source, running_supervisor, running_systemd

UNIT = """[Unit]
Description=A service of the shop
StartLimitIntervalSec={limit}
StartLimitBurst=2

[Service]
Type=exec
ExecStart={python} {program}
WorkingDirectory={folder}
StandardOutput=append:{folder}/checkout.log
Restart={restart}
RestartSec=100ms
TimeoutStopSec=2

[Install]
WantedBy=multi-user.target
"""
CHECKOUT = Service(name="checkout", group="shop", address={"systemd": "checkout.service"})
SLEEPS = "import time\ntime.sleep(600)\n"


def unit_file(folder: Path, *, code: str = SLEEPS, restart: str = "no", limit: int = 0) -> str:
    program = folder / "checkout.py"
    program.write_text(code)
    return UNIT.format(python=sys.executable, program=program, folder=folder, restart=restart, limit=limit)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with running_systemd(tmp_path / "systemd", {"checkout.service": unit_file(tmp_path)}) as running:
        yield running


def parts(systemd: Systemd, /, *services: Service, **settings: Any) -> PluginParts:
    context = PluginContext(
        clock=SystemClock(), services={one.name: one for one in services}, secret=lambda reference: reference
    )
    systemctl = {"systemctl": str(systemd.systemctl), "timeout": "2s"}
    return linux.plugin.build(linux.LinuxSettings.model_validate({"systemd": systemctl, **settings}), context)


def action(name: str, systemd: Systemd) -> Action:
    return aimed(next(one for one in parts(systemd, CHECKOUT).actions if one.name == name))


def started(systemd: Systemd) -> None:
    systemd.start("checkout.service")
    systemd.wait_for("checkout.service", "active")


def stopped(systemd: Systemd) -> None:
    systemd.stop("checkout.service")
    systemd.wait_for("checkout.service", "inactive", "failed")


def start_of(systemd: Systemd) -> tuple[str, ...]:
    shown = systemd.show("checkout.service")
    return shown["ActiveState"], shown["MainPID"], shown["InvocationID"]


def test_restart_service_keeps_the_contract_on_a_unit_that_runs(systemd: Systemd) -> None:
    check_action(
        action("restart-service", systemd),
        CHECKOUT,
        break_it=lambda: started(systemd),
        snapshot=lambda: start_of(systemd),
        cut_off=systemd.gone,
    )


def test_restart_service_keeps_the_contract_on_a_unit_that_is_down(systemd: Systemd) -> None:
    check_action(
        action("restart-service", systemd),
        CHECKOUT,
        break_it=lambda: stopped(systemd),
        snapshot=lambda: start_of(systemd),
        cut_off=systemd.gone,
    )


def test_start_service_keeps_the_contract(systemd: Systemd) -> None:
    check_action(
        action("start-service", systemd),
        CHECKOUT,
        break_it=lambda: stopped(systemd),
        snapshot=lambda: start_of(systemd),
        cut_off=systemd.gone,
    )


def test_stop_service_keeps_the_contract(systemd: Systemd) -> None:
    check_action(
        action("stop-service", systemd),
        CHECKOUT,
        break_it=lambda: started(systemd),
        snapshot=lambda: start_of(systemd),
        cut_off=systemd.gone,
    )


def test_the_source_of_units_keeps_the_contract(systemd: Systemd) -> None:
    started(systemd)
    (source,) = [one for one in parts(systemd, CHECKOUT).sources if one.name == "systemd"]
    check_source(source, resources=[CHECKOUT.resource], cut_off=systemd.gone)
    (sample,) = source.poll()
    assert (sample.metric, sample.value) == ("service.running", 1.0)
    os.kill(int(systemd.show("checkout.service")["MainPID"]), signal.SIGKILL)
    systemd.wait_for("checkout.service", "failed")
    (sample,) = source.poll()
    assert sample.value == 0.0
    assert sample.detail == "checkout.service failed (failed: signal, signal 9)"


def test_a_hung_unit_is_restarted_and_its_evidence_is_kept(systemd: Systemd) -> None:
    started(systemd)
    pid = int(systemd.show("checkout.service")["MainPID"])
    os.kill(pid, signal.SIGSTOP)
    restart = action("restart-service", systemd)
    plan = restart.plan(CHECKOUT, {})
    done = restart.execute(plan, CHECKOUT, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert f"{pid} T" in done.after["evidence.processes"]
    assert done.after["pid"] != str(pid)


def test_a_unit_that_was_started_too_often_is_started_all_the_same(tmp_path: Path) -> None:
    crashes = unit_file(tmp_path, code="raise SystemExit(3)\n", restart="on-failure", limit=60)
    with running_systemd(tmp_path / "systemd", {"checkout.service": crashes}) as systemd:
        systemd.start("checkout.service")
        assert systemd.wait_for("checkout.service", "failed")["Result"] == "start-limit-hit"
        (tmp_path / "checkout.py").write_text(SLEEPS)
        restart = action("restart-service", systemd)
        done = restart.execute(restart.plan(CHECKOUT, {}), CHECKOUT, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement


def test_a_unit_that_ends_at_once_is_no_success(tmp_path: Path) -> None:
    missing = unit_file(tmp_path).replace(sys.executable, "/nowhere/python")
    with running_systemd(tmp_path / "systemd", {"checkout.service": missing}) as systemd:
        restart = action("restart-service", systemd)
        done = restart.execute(restart.plan(CHECKOUT, {}), CHECKOUT, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.FAILED
        assert "exit status 203" in done.statement


def exited(folder: Path) -> str:
    """A unit like those of SysV scripts: systemd calls it active also when its daemon is gone."""
    return unit_file(folder, code="").replace("Type=exec", "Type=exec\nRemainAfterExit=yes")


def wait_for_exit(systemd: Systemd, unit: str) -> None:
    systemd.start(unit)
    deadline = time.monotonic() + 10
    while systemd.show(unit)["SubState"] != "exited":
        assert time.monotonic() < deadline, systemd.show(unit)
        time.sleep(0.02)


def test_a_unit_that_is_active_without_a_process_is_not_measured_and_not_acted_on(tmp_path: Path) -> None:
    legacy = Service(name="legacy", group="shop", address={"systemd": "legacy.service"})
    units = {"legacy.service": exited(tmp_path), "checkout.service": unit_file(tmp_path)}
    (tmp_path / "checkout.py").write_text("")
    with running_systemd(tmp_path / "systemd", units) as systemd:
        wait_for_exit(systemd, "legacy.service")
        (tmp_path / "checkout.py").write_text(SLEEPS)
        started(systemd)
        both = parts(systemd, CHECKOUT, legacy)
        source = next(one for one in both.sources if one.name == "systemd")
        assert [(one.resource.name, one.value) for one in source.poll()] == [("checkout", 1.0)]
        for one in both.actions:
            with pytest.raises(PermanentError, match=r"legacy\.service is active \(exited\).*does not say whether"):
                one.plan(legacy, {})

        (check,) = [one for one in both.checks if one.name == "units of systemd"]
        told = check.look()
        assert isinstance(told, Doubt)
        assert told.startswith('nothing is measured of service "legacy": legacy.service is active (exited)')

        alone = next(one for one in parts(systemd, legacy).sources if one.name == "systemd")
        with pytest.raises(UnreachableError, match="says of no unit whether it runs"):
            alone.poll()


def test_systemd_says_of_other_units_whether_they_run(systemd: Systemd) -> None:
    (check,) = [one for one in parts(systemd, CHECKOUT).checks if one.name == "units of systemd"]
    assert check.look() == "it says of 1 services whether they run"
    with systemd.gone():
        assert check.look() == "not looked at, because it did not answer"


IGNORES_THE_END = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"


@pytest.mark.parametrize("name", ["stop-service", "restart-service"])
def test_a_job_that_takes_longer_is_under_way_and_not_failed(tmp_path: Path, name: str) -> None:
    stubborn = unit_file(tmp_path, code=IGNORES_THE_END).replace("TimeoutStopSec=2", "TimeoutStopSec=4")
    with running_systemd(tmp_path / "systemd", {"checkout.service": stubborn}) as systemd:
        started(systemd)
        time.sleep(0.5)  # until it ignores the signal
        built = parts(systemd, CHECKOUT, systemd={"systemctl": str(systemd.systemctl), "restart_timeout": "1s"})
        change = next(one for one in built.actions if one.name == name)
        plan = change.plan(CHECKOUT, {})
        done = change.execute(plan, CHECKOUT, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.UNKNOWN, done.statement
        seen = change.probe(plan, CHECKOUT)
        assert (seen.answer, "systemd is still at it" in seen.statement) == (ProbeAnswer.UNKNOWN, True)
        systemd.wait_for("checkout.service", "inactive" if name == "stop-service" else "active")
        assert change.probe(plan, CHECKOUT).answer is ProbeAnswer.DONE


def test_start_and_stop_of_a_unit_have_the_time_that_systemd_gives_it(systemd: Systemd) -> None:
    for name in ("restart-service", "start-service", "stop-service"):
        assert action(name, systemd).timeout == timedelta(seconds=100)


def test_a_stop_joins_one_that_is_under_way_but_ends_no_later_start(tmp_path: Path) -> None:
    stubborn = unit_file(tmp_path, code=IGNORES_THE_END)
    with running_systemd(tmp_path / "systemd", {"checkout.service": stubborn}) as systemd:
        started(systemd)
        time.sleep(0.5)  # until it ignores the signal
        stop = action("stop-service", systemd)
        plan = stop.plan(CHECKOUT, {})
        systemd.call("--no-block", "stop", "--", "checkout.service")
        systemd.wait_for("checkout.service", "deactivating")
        assert stop.execute(plan, CHECKOUT, idempotency_key="run-1:1").status is ExecutionStatus.SUCCEEDED
        started(systemd)
        late = stop.execute(plan, CHECKOUT, idempotency_key="run-1:1")
        assert late.status is ExecutionStatus.FAILED
        assert "was started anew since" in late.statement


def test_a_host_without_systemd_is_told_in_a_sentence(systemd: Systemd) -> None:
    built = parts(systemd, CHECKOUT)
    (source,) = [one for one in built.sources if one.name == "systemd"]
    with systemd.gone(), pytest.raises(UnreachableError, match="has not been booted with systemd"):
        source.poll()
    systemd.systemctl.unlink()
    with pytest.raises(UnreachableError, match="is this a host with systemd"):
        source.poll()


def test_a_systemd_that_hangs_is_given_up_in_time(systemd: Systemd) -> None:
    (source,) = [one for one in parts(systemd, CHECKOUT).sources if one.name == "systemd"]
    with systemd.hanging(), pytest.raises(UnreachableError, match="was ended when its time was over"):
        source.poll()


def test_a_unit_that_is_not_there_is_not_planned_for_and_does_not_run(systemd: Systemd) -> None:
    gone = Service(name="gone", group="shop", address={"systemd": "gone.service"})
    built = parts(systemd, gone)
    restart = next(one for one in built.actions if one.name == "restart-service")
    with pytest.raises(PermanentError, match=r'no usable gone\.service \(not-found\); check the address of "gone"'):
        restart.plan(gone, {})
    (sample,) = next(one for one in built.sources if one.name == "systemd").poll()
    assert (sample.value, sample.detail) == (0.0, "gone.service not loaded (not-found)")


def test_with_supervisor_and_systemd_the_address_chooses(systemd: Systemd, tmp_path: Path) -> None:
    worker = Service(name="worker", group="shop", address={"supervisor": "worker"})
    program = Program(name="worker", command=[sys.executable, str(tmp_path / "checkout.py")], startsecs=0)
    started(systemd)
    with running_supervisor(tmp_path / "supervisor", [program]) as supervisor:
        built = parts(systemd, CHECKOUT, worker, supervisor={"url": supervisor.url})
        (restart,) = [one for one in built.actions if one.name == "restart-service"]
        for service in (CHECKOUT, worker):
            plan = restart.plan(service, {})
            assert plan.timeout_s == restart.timeout.total_seconds()
            assert restart.execute(plan, service, idempotency_key="run-1:1").status is ExecutionStatus.SUCCEEDED
            assert restart.probe(plan, service).answer == "done"
        check_action(
            restart,
            CHECKOUT,
            break_it=lambda: started(systemd),
            snapshot=lambda: start_of(systemd),
            cut_off=systemd.gone,
        )
        both = Service(name="both", group="shop", address={"supervisor": "worker", "systemd": "checkout.service"})
        with pytest.raises(MisconfiguredError, match='service "both" has both addresses'):
            parts(systemd, both, supervisor={"url": supervisor.url})


def test_systemd_itself_would_take_the_units_of_these_tests(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze") is not None, "install systemd (Debian: apt-get install systemd)"
    file = tmp_path / "checkout.service"
    file.write_text(unit_file(tmp_path, restart="on-failure", limit=60))
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "checkout" not in said.stderr
    assert said.returncode == 0, said.stderr


def test_the_double_refuses_what_it_does_not_do(tmp_path: Path) -> None:
    unit = unit_file(tmp_path).replace("TimeoutStopSec=2", "WatchdogSec=2")
    with running_systemd(tmp_path / "systemd", {"checkout.service": unit}) as systemd:
        assert systemd.show("checkout.service")["LoadState"] == "bad-setting"
        assert "does not do Service.WatchdogSec" in (tmp_path / "systemd" / "manager.log").read_text()
