"""An engine whose store is gone, or is an older one, does not act as if nothing had been."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.acceptance.harness import Site, eventually, site

ACT: dict[str, Any] = {"mode": "act", "ask_when_critical": False}


def test_an_engine_that_finds_its_store_gone_stops_says_why_and_keeps_what_was_anchored(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        # given an engine that has acted, and whose database is lost while it is off
        place.configure(rule={"mode": "act"}, decision=ACT)
        place.up()
        place.crash("checkout")
        place.incident_in("resolved")
        place.down()
        anchored = (place.data_dir / "audit.head").read_bytes()
        for file in place.data_dir.glob("recoverops.sqlite*"):
            file.unlink()
        # when it is started again
        place.up()
        # then it is stopped, and says why
        stop = place.ask("GET", "/api/v1/stop")[1]
        assert stop["stopped"] is True
        assert "this is not the store that was here before: the chain ends at entry 0" in stop["reason"]
        # and what the old head was is not overwritten
        (kept,) = place.data_dir.glob("audit.head.*")
        assert kept.read_bytes() == anchored
        assert kept.name in stop["reason"]
        # and a crash is not acted on, and waits for a person
        starts = place.starts("checkout")
        place.crash("checkout")
        assert place.incident_in("escalated")["reason"] == "emergency_stop"
        assert place.starts("checkout") == starts
        # and once a person has looked, it goes on with the store that there is, also after the next start
        assert place.json("resume")["cleared"]["stopped"] is True
        place.down()
        place.up()
        assert place.ask("GET", "/api/v1/stop")[1]["stopped"] is False
        assert place.command("audit", "verify").returncode == 0


def test_an_older_copy_that_is_put_back_with_its_own_head_is_the_same_store(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        # given a copy of everything, and an engine that went on after it
        place.configure(rule={"mode": "act"}, decision=ACT)
        place.up()
        place.down()
        copy = tmp_path / "copy"
        shutil.copytree(place.data_dir, copy)
        place.up()
        place.down()
        # when the copy is put back as a whole
        shutil.rmtree(place.data_dir)
        shutil.copytree(copy, place.data_dir)
        place.up()
        # then nothing is stopped
        assert place.ask("GET", "/api/v1/stop")[1]["stopped"] is False
        assert not list(place.data_dir.glob("audit.head.*"))


def test_a_running_engine_whose_audit_log_is_cut_stops_and_does_not_write_over_what_was_anchored(
    tmp_path: Path,
) -> None:
    with site(tmp_path) as place:
        # given an engine that runs, has acted, and has noted that
        place.configure(rule={"mode": "act"}, decision=ACT)
        place.up()
        place.crash("checkout")
        place.incident_in("resolved")
        newest = _entries(place)
        head = place.data_dir / "audit.head"
        eventually("its note", lambda: head.exists() and json.loads(head.read_bytes())["seq"] >= newest)
        # when somebody with the database alone removes what was done
        with closing(sqlite3.connect(place.data_dir / "recoverops.sqlite", timeout=10)) as database, database:
            (guard,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_entry_kept'").fetchone()
            database.execute("DROP TRIGGER audit_entry_kept")
            database.execute("DELETE FROM audit_entry WHERE seq > 1")
            database.execute(guard)
        # then it stops by itself, says why, and keeps the old head
        stop = eventually("the stop", lambda: _stop_of(place))
        (kept,) = place.data_dir.glob("audit.head.*")
        noted = json.loads(kept.read_bytes())["seq"]
        assert noted >= newest
        assert f"the chain ends at entry 1, but {noted} was anchored" in stop["reason"]
        # and nothing acts until a person has looked
        starts = place.starts("checkout")
        place.crash("checkout")
        assert place.incident_in("escalated")["reason"] == "emergency_stop"
        assert place.starts("checkout") == starts
        assert place.json("resume")["cleared"]["stopped"] is True


def _entries(place: Site) -> int:
    with closing(sqlite3.connect(place.data_dir / "recoverops.sqlite", timeout=10)) as database:
        return int(database.execute("SELECT max(seq) FROM audit_entry").fetchone()[0])


def _stop_of(place: Site) -> dict[str, Any] | None:
    stop: dict[str, Any] = place.ask("GET", "/api/v1/stop")[1]
    return stop if stop["stopped"] else None
