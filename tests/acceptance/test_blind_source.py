"""A source that does not answer is trouble of its own; it says nothing about the health of what it watches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import Site, eventually, site

BLIND: dict[str, Any] = {"metric": "source.up", "below": 1.0, "for": "1s", "symptom": "observation", "severity": "high"}
DOWN: dict[str, Any] = {"metric": "service.running", "below": 1.0, "for": "1s"}


def escalated(place: Site, source: str) -> dict[str, Any] | None:
    """What looks through the supervisor at processes goes blind with it, and may be told first."""
    found = (one for one in place.incidents() if one["resource"]["name"] == source)
    return next((one for one in found if one["state"] == "escalated"), None)


def test_a_supervisor_that_is_gone_is_an_incident_of_its_own_and_no_service_is_called_down(tmp_path: Path) -> None:
    # given a healthy service, and a rule that may restart it
    with site(tmp_path) as place:
        place.configure(
            rule={"mode": "act"},
            decision={"mode": "act", "ask_when_critical": False},
            detection={"thresholds": [BLIND, DOWN]},
        )
        place.up()
        # when the supervisor daemon dies, and the service lives on
        place.supervisor.kill_daemon()
        # then a person is called about the source, and nobody claims that the service is down
        incident = eventually("the source's incident with a person", lambda: escalated(place, "supervisor"))
        assert (incident["resource"]["kind"], incident["symptom"]) == ("source", "observation")
        assert {one["resource"]["kind"] for one in place.incidents()} == {"source"}
        assert "source.up was 0" in incident["title"]
        assert "supervisor.sock" in incident["title"]
        assert place.starts("checkout") == 1
        shown = {one["name"]: one["state"] for one in place.ask("GET", "/status")[1]["components"]}
        assert shown["source supervisor"] == "unreachable"
