"""SIGHUP on a real engine: the next incident follows the new rules; broken files change nothing and say so."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.harness import Site, eventually, site

RULE = {"name": "restart", "when": 'kind == "service_down"', "runbook": "restart-service"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, ("checkout", "orders")) as made:
        made.configure(rule={"mode": "observe"}, decision={"mode": "act", "ask_when_critical": False})
        made.up()
        yield made


def _hang_up(place: Site) -> None:
    assert place._engine is not None
    os.kill(place._engine.pid, signal.SIGHUP)


def _rules(place: Site) -> dict[str, Any]:
    """The component `rules` of /status."""
    components = place.ask("GET", "/status")[1]["components"]
    return next(dict(one) for one in components if one["name"] == "rules")


def _write(place: Site, **changes: Any) -> None:
    (place.directory / "rules.yaml").write_text(json.dumps({"version": 1, "rules": [{**RULE, **changes}]}))


def _incident_of(place: Site, name: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = [one for one in place.incidents() if one["resource"]["name"] == name and one["state"] == state]
        return found[0] if found else None

    return eventually(f"an incident of {name} that is {state}", look, within_s=25)


def test_after_a_reload_the_next_incident_follows_the_new_rule(place: Site) -> None:
    place.crash("checkout")
    first = eventually("a decision", lambda: next(iter(_decisions(place, "checkout")), None))
    assert first["mode"] == "observe"
    assert place.starts("checkout") == 1

    _write(place, mode="act")
    _hang_up(place)
    eventually("the reload", lambda: _rules(place)["statement"].endswith("reloaded") or None)
    place.crash("orders")

    _incident_of(place, "orders", "resolved")
    assert place.starts("orders") == 2
    assert place.starts("checkout") == 1, "what was decided before stays decided"
    (line,) = (one for one in _audit(place) if one["event"] == "rules.reloaded")
    assert line["detail"]["rules"] != line["detail"]["rules_before"]
    assert line["detail"]["runbooks"] == line["detail"]["runbooks_before"]


BROKEN = {
    "a condition that does not compile": ({"when": "kind =="}, "rules.yaml:1"),
    "an unknown key": ({"mood": "act"}, '"mood"'),
    "a runbook that does not exist": ({"runbook": "restart-the-world"}, '"restart-the-world"'),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_rules_are_not_taken_and_status_says_why(place: Site, case: str) -> None:
    changes, told = BROKEN[case]
    _write(place, mode="act", **changes)

    _hang_up(place)

    status = eventually("the refusal", lambda: _rules(place) if _rules(place)["state"] == "degraded" else None)
    assert status["statement"].startswith("kept the old ones, because ")
    assert told in status["statement"]
    assert "rules_kept" in place.log.read_text()
    place.crash("checkout")
    decided = eventually("a decision", lambda: next(iter(_decisions(place, "checkout")), None))
    assert decided["mode"] == "observe", "the old rule still holds"
    assert place.is_ready()

    _write(place, mode="ask")
    _hang_up(place)
    eventually("the recovery", lambda: _rules(place)["state"] == "up" or None)
    place.crash("orders")
    assert place.pending_approval()["plan"]["target"]["name"] == "orders"


def test_a_runbook_with_an_action_that_nobody_offers_is_not_taken(place: Site) -> None:
    book = {"name": "restart-service", "action": "restart-servise"}
    (place.directory / "runbooks/restart-service.yaml").write_text(json.dumps(book))

    _hang_up(place)

    status = eventually("the refusal", lambda: _rules(place) if _rules(place)["state"] == "degraded" else None)
    assert 'did you mean "restart-service"' in status["statement"]


def _decisions(place: Site, name: str) -> list[dict[str, Any]]:
    """Of the newest incident of the service, those that are no waiting."""
    found = [one for one in place.incidents() if one["resource"]["name"] == name]
    told = place.story(found[0]["id"])["decisions"] if found else []
    return [one for one in told if one["mode"] != "wait"]


def _audit(place: Site) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{place.data_dir / 'recoverops.sqlite'}?mode=ro", uri=True) as database:
        rows = database.execute("select event, detail from audit_entry order by seq").fetchall()
    return [{"event": event, "detail": json.loads(detail)} for event, detail in rows]
