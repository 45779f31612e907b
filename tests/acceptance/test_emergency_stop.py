"""The emergency stop holds without the database, and nothing acts while it does."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.acceptance.harness import site

ACT: dict[str, Any] = {"mode": "act", "ask_when_critical": False}


def test_the_emergency_stop_works_while_the_database_is_unreachable(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision=ACT, storage={"busy_timeout_s": 1.0})
        place.up()
        # given a database that nobody can write to
        blocker = sqlite3.connect(place.data_dir / "recoverops.sqlite", isolation_level=None, timeout=30)
        blocker.execute("BEGIN EXCLUSIVE")
        # when a person stops everything
        stopped = place.json("stop", "--reason", "the database is down")
        # then it is stopped, and says that it could not be audited
        assert stopped["stopped"] is True
        assert stopped["audited"] is False
        # and once the database is back, a crash is refused, not acted on
        blocker.execute("ROLLBACK")
        blocker.close()
        place.crash("checkout")
        incident = place.incident_in("escalated")
        assert incident["reason"] == "emergency_stop"
        assert place.starts("checkout") == 1
        # and resuming is audited
        assert place.json("resume")["cleared"]["stopped"] is True
        assert place.ask("GET", "/api/v1/stop")[1]["stopped"] is False


def test_the_emergency_stop_over_http_works_while_the_database_is_unreachable(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision=ACT, storage={"busy_timeout_s": 1.0})
        place.up()
        blocker = sqlite3.connect(place.data_dir / "recoverops.sqlite", isolation_level=None, timeout=30)
        blocker.execute("BEGIN EXCLUSIVE")
        status, stopped = place.ask("POST", "/api/v1/stop", {"reason": "stop it"})
        blocker.execute("ROLLBACK")
        blocker.close()
        assert status == 200
        assert stopped["stopped"] is True
        assert stopped["audited"] is False
        assert place.ask("GET", "/api/v1/stop")[1]["reason"] == "stop it"


def test_the_emergency_stop_needs_no_store_at_all(tmp_path: Path) -> None:
    # given a machine on which nothing has ever run
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision=ACT)
        # when somebody stops, and the engine is started afterwards
        assert place.json("stop", "--reason", "before the start")["stopped"] is True
        place.up()
        place.crash("checkout")
        # then it observes, and does not act
        assert place.incident_in("escalated")["reason"] == "emergency_stop"
        assert place.starts("checkout") == 1


def test_the_emergency_stop_works_with_a_configuration_that_is_broken_elsewhere(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision={"mode": "yolo"})
        stopped = place.json("stop", "--reason", "whatever it does")
        assert stopped["stopped"] is True
        assert stopped["audited"] is False
        assert "there is no store" in stopped["why_not_audited"]
        assert (place.data_dir / "EMERGENCY_STOP").exists()
        assert "yolo" in place.command("stop").stderr
