"""New evidence on an incident that nobody works on any more starts its response afresh, and never more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import eventually, site


def _alert(service: str) -> dict[str, Any]:
    return {
        "version": "4",
        "status": "firing",
        "receiver": "recoverops",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "ServiceDown", "service": service},
                "annotations": {},
                "startsAt": "2026-03-01T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "00000000000000aa",
            }
        ],
    }


def test_in_mode_observe_an_alert_that_joins_does_not_stop_the_pipeline(tmp_path: Path) -> None:
    # given mode observe, and an incident that was observed after its hold
    with site(tmp_path, ["checkout", "catalogue"]) as place:
        place.configure(rule={"mode": "act", "hold": "1s"}, decision={"mode": "observe"})
        place.up()
        place.crash("checkout")
        eventually(
            "an observed decision", lambda: place.incidents() and place.incidents()[0]["reason"] == "observe_only"
        )
        # when an alert joins it
        assert place.ask("POST", "/intake/alertmanager", _alert("checkout"))[0] == 200
        # then it is decided anew, and the pipeline goes on: another crash opens another incident
        eventually("a fresh response", lambda: place.incidents()[-1]["episode"] == 2)
        place.crash("catalogue")
        eventually("the other incident", lambda: len(place.incidents()) == 2)
        assert (place.starts("checkout"), place.starts("catalogue")) == (1, 1)


def test_one_approval_is_good_for_one_action(tmp_path: Path) -> None:
    # given the defaults, and a service that ends again right after each start, so that the approved action fails
    with site(tmp_path, startsecs=1) as place:
        place.up()
        (tmp_path / "service.py").write_text("raise SystemExit(3)")
        place.crash("checkout")
        asked = place.pending_approval()
        assert place.ask("POST", f"/api/v1/approvals/{asked['id']}/approve")[0] == 200
        place.incident_in("escalated")
        # when new evidence comes to the escalated incident
        assert place.ask("POST", "/intake/alertmanager", _alert("checkout"))[0] == 200
        # then it asks again instead of acting on the old answer
        eventually("a fresh response", lambda: place.incidents()[0]["episode"] == 2)
        incident = place.incident_in("waiting")
        told = place.story(incident["id"])
        assert len([run for run in told["runs"] if run["actions"]]) == 1
