"""Alerts from an Alertmanager pair: stored once, acted on once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import site

ACT: dict[str, Any] = {"mode": "act", "ask_when_critical": False}


def _delivery(service: str, *, status: str = "firing") -> dict[str, Any]:
    """What Alertmanager 0.25 sends, version 4 of its webhook."""
    alert = {
        "status": status,
        "labels": {"alertname": "ServiceDown", "service": service, "severity": "critical"},
        "annotations": {"summary": "it is down"},
        "startsAt": "2026-03-01T12:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-01T12:05:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "a1b2c3d4e5f60718",
    }
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ServiceDown"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "recoverops",
        "groupLabels": {"alertname": "ServiceDown"},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [alert],
    }


def test_the_same_alert_delivered_three_times_is_stored_once_and_acted_on_once(tmp_path: Path) -> None:
    # given a service that is down without our noticing: stopped before the engine looks, and only an alert tells
    with site(tmp_path) as place:
        place.configure(
            rule={"mode": "act"},
            decision=ACT,
            detection={"thresholds": [{"metric": "service.running", "below": 1.0, "for": "1h"}]},
        )
        place.crash("checkout")
        place.up()
        # when the alert comes three times, as from an HA pair with a retry
        answers = [place.ask("POST", "/intake/alertmanager", _delivery("checkout")) for _ in range(3)]
        # then one of them is stored
        assert [status for status, _ in answers] == [200, 200, 200]
        assert [answer["stored"] for _, answer in answers] == [1, 0, 0]
        assert [answer["duplicates"] for _, answer in answers] == [0, 1, 1]
        # and the service is restarted once
        incident = place.incident_in("resolved")
        assert len(place.incidents()) == 1
        assert place.starts("checkout") == 2
        assert [run["state"] for run in place.story(incident["id"])["runs"]] == ["succeeded"]


def test_an_alert_that_names_no_service_of_the_inventory_is_never_acted_on(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision=ACT)
        place.up()
        place.ask("POST", "/intake/alertmanager", _delivery("--all; reboot"))
        incident = place.incident_in("escalated")
        assert incident["reason"] == "target_unknown"
        assert place.story(incident["id"])["runs"] == []
        assert place.starts("checkout") == 1
