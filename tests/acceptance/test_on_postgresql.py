"""`recoverops up` on a real PostgreSQL, from an alert to the verified recovery, and through a `kill -9`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import eventually, site


def _alert(status: str) -> dict[str, Any]:
    return {
        "version": "4",
        "status": status,
        "receiver": "recoverops",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "ServiceDown", "service": "checkout"},
                "annotations": {},
                "startsAt": "2026-03-01T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-01T12:10:00Z",
                "fingerprint": "00000000000000aa",
            }
        ],
    }


def test_an_alert_is_acted_on_and_a_killed_engine_goes_on_where_it_was(tmp_path: Path, postgres_url: str) -> None:
    with site(tmp_path) as place:
        # given an engine whose database is PostgreSQL, named by a reference
        place.environment["STORE_URL"] = postgres_url
        place.configure(
            rule={"mode": "act", "hold": "1s"},
            decision={"mode": "act", "ask_when_critical": False, "cooldown": "1s"},
            storage={"url": "env:STORE_URL"},
        )
        place.up()
        # when the service is down and an alert says so
        place.crash("checkout")
        assert place.ask("POST", "/intake/alertmanager", _alert("firing")) == (200, {"stored": 1, "duplicates": 0})
        # then it is started once, and the recovery is verified
        healed = place.incident_in("resolved")
        assert (healed["reason"], place.starts("checkout")) == ("verified", 2)
        assert place.ask("POST", "/intake/alertmanager", _alert("firing")) == (200, {"stored": 0, "duplicates": 1})
        assert place.ask("POST", "/intake/alertmanager", _alert("resolved"))[0] == 200
        # when it is down again, and the engine is killed in the middle of its response
        place.crash("checkout")
        eventually("another incident", lambda: len(place.incidents()) == 2)
        place.kill()
        assert not (place.data_dir / "recoverops.sqlite").exists()
        place.up()
        # then the next one goes on with it, acts once, and everything is on record
        again = place.incident_in("resolved")
        assert (again["reason"], place.starts("checkout")) == ("verified", 3)
        assert again["id"] != healed["id"]
        runs = [run for run in place.story(again["id"])["runs"] if run["state"] == "succeeded"]
        assert len(runs) == 1
        assert place.command("audit", "verify").returncode == 0
        assert place.down() == 0
