"""A source that does not answer is trouble of its own; it says nothing about the health of what it watches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import site

BLIND: dict[str, Any] = {"metric": "source.up", "below": 1.0, "for": "1s", "symptom": "observation", "severity": "high"}
DOWN: dict[str, Any] = {"metric": "service.running", "below": 1.0, "for": "1s"}


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
        incident = place.incident_in("escalated")
        assert (incident["resource"], incident["symptom"]) == ({"kind": "source", "name": "supervisor"}, "observation")
        assert [one["resource"]["name"] for one in place.incidents()] == ["supervisor"]
        assert "source.up was 0" in incident["title"]
        assert "supervisor.sock" in incident["title"]
        assert place.starts("checkout") == 1
        shown = {one["name"]: one["state"] for one in place.ask("GET", "/status")[1]["components"]}
        assert shown["source supervisor"] == "unreachable"
