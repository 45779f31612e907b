"""The linux plugin on systemd units, through the kits: against the double, with real unit files and real processes.

No systemd runs where these tests run; `systemd-analyze verify` says whether systemd itself would take the units.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.aimed import aimed

from recoverops.clock import SystemClock
from recoverops.model import ExecutionStatus, MisconfiguredError, PermanentError, Service, UnreachableError
from recoverops.plugins import linux
from recoverops.ports import Action, PluginContext, PluginParts
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


def parts(systemd: Systemd, *services: Service, **settings: Any) -> PluginParts:
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
