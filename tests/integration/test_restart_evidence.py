"""Before a restart destroys it, what the processes, sockets and log looked like is kept with the outcome."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from recoverops.clock import SystemClock
from recoverops.model import ExecutionStatus, Service
from recoverops.plugins.linux.restart import RestartService
from recoverops.plugins.linux.rpc import SupervisorClient
from recoverops.testing.supervisor import Program, running_supervisor


def test_a_restart_keeps_what_it_ends(tmp_path: Path) -> None:
    # given a running service with a log
    log = tmp_path / "app.log"
    log.write_text("first line\nlast line before the restart, password=hunter2hunter2\n")
    program = Program(name="app", command=(sys.executable, "-S", "-c", "import time; time.sleep(600)"), startsecs=0)
    with running_supervisor(tmp_path / "supervisor", [program]) as supervisor:
        service = Service(name="app", group="app", address={"supervisor": "app", "log": str(log)})
        clock = SystemClock()
        restart = RestartService(
            SupervisorClient(supervisor.url, clock=clock),
            {"app": service},
            clock=clock,
            timeout=timedelta(seconds=20),
            probe_timeout=timedelta(seconds=5),
        )
        plan = restart.plan(service, {})
        # when it is restarted
        done = restart.execute(plan, service, idempotency_key="run-1:1")
    # then its process and its last log lines are kept, without the secret
    assert done.status is ExecutionStatus.SUCCEEDED
    assert plan.before["pid"] in done.after["evidence.processes"]
    assert "last line before the restart" in done.after["evidence.log"]
    assert "hunter2" not in done.after["evidence.log"]
