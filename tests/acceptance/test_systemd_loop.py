"""A crashed unit from the first sample to the verified recovery, beside a program of supervisord.

systemd is the double of `recoverops.testing`: a real unit file, a real process, and a `systemctl` that is called.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.acceptance.harness import eventually, site

from recoverops.testing import running_systemd

UNIT = """[Unit]
Description=Billing

[Service]
Type=exec
ExecStart={python} -S {folder}/service.py {folder}/billing.ledger
TimeoutStopSec=2
"""


def test_a_crashed_unit_is_restarted_once_and_its_recovery_is_verified(tmp_path: Path) -> None:
    unit = UNIT.format(python=sys.executable, folder=tmp_path)
    with running_systemd(tmp_path / "systemd", {"billing.service": unit}) as systemd, site(tmp_path) as place:
        # given a service under supervisord, one under systemd, and a rule that may act
        systemd.start("billing.service")
        eventually("the first start of billing", lambda: place.starts("billing") == 1)
        settings = {
            "supervisor": {"url": place.supervisor.url, "every": "200ms"},
            "systemd": {"systemctl": str(systemd.systemctl), "every": "300ms"},
        }
        place.configure(
            rule={"mode": "act"},
            decision={"mode": "act", "ask_when_critical": False},
            services=[
                {"name": "checkout", "address": {"supervisor": "checkout"}},
                {"name": "billing", "address": {"systemd": "billing.service"}},
            ],
            plugins=[{"name": "linux", "settings": settings}, {"name": "console"}],
        )
        place.up()
        before = systemd.show("billing.service")
        # when the unit's process is killed
        os.kill(int(before["MainPID"]), signal.SIGKILL)
        # then the unit is restarted, once, and that it runs again is verified
        incident = place.incident_in("resolved", within_s=40)
        (run,) = place.story(incident["id"])["runs"]
        (effect,) = run["actions"]
        assert effect["outcome"]["status"] == "succeeded"
        assert effect["plan"]["before"]["invocation"] == before["InvocationID"]
        assert effect["outcome"]["after"]["invocation"] == systemd.show("billing.service")["InvocationID"]
        assert (incident["resource"], incident["reason"]) == ({"kind": "service", "name": "billing"}, "verified")
        assert (place.starts("billing"), place.starts("checkout")) == (2, 1)
        assert place.command("audit", "verify").returncode == 0
