"""SIGHUP on a real engine: the next incident follows the new rules; broken files change nothing and say so."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import urllib.error
import urllib.request
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


def _keys(place: Site) -> dict[str, Any]:
    """The component `keys` of /status."""
    components = place.ask("GET", "/status")[1]["components"]
    return next(dict(one) for one in components if one["name"] == "keys")


def _is_let_in(place: Site, key: str) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{place.port}/api/v1/silences", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def test_a_key_is_revoked_although_another_cannot_be_read_and_status_and_audit_say_so(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        # given two keys in files
        files = {name: tmp_path / f"{name}.key" for name in ("ops", "sre")}
        old = {name: f"old-key-of-{name}-0123456789" for name in files}
        for name, file in files.items():
            file.write_text(old[name])
            file.chmod(0o600)
        keys = [{"name": name, "role": "viewer", "key": f"file:{file}"} for name, file in files.items()]
        place.configure(api={"port": place.port, "keys": keys})
        place.up()
        assert _keys(place)["state"] == "up"
        # when one gets a new value and the other's file is away
        files["ops"].write_text("new-key-of-ops-0123456789")
        files["sre"].rename(tmp_path / "away")
        _hang_up(place)
        status = eventually("the refusal", lambda: _keys(place) if _keys(place)["state"] == "degraded" else None)
        # then the one is revoked, the other holds, and everybody is told
        assert not _is_let_in(place, old["ops"])
        assert _is_let_in(place, "new-key-of-ops-0123456789")
        assert _is_let_in(place, old["sre"])
        assert "sre is as it was before" in status["statement"]
        assert str(files["sre"]) in status["statement"]
        # and once it can be read, all is well, and a reload that changes no key writes nothing down
        (tmp_path / "away").rename(files["sre"])
        for _ in range(2):
            _hang_up(place)
            eventually("the recovery", lambda: _keys(place)["state"] == "up" or None)
        written = [one for one in _audit(place) if one["event"].startswith("keys.")]
        assert [(one["event"], sorted(one["detail"])) for one in written] == [
            ("keys.reloaded", ["changed"]),
            ("keys.kept", ["because", "kept"]),
            ("keys.reloaded", ["changed"]),
        ]
        assert [one["detail"].get("changed", one["detail"].get("kept")) for one in written] == ["ops", "sre", ""]
        assert "0123456789" not in json.dumps(written) + place.log.read_text()
        assert place.down() == 0


def _decisions(place: Site, name: str) -> list[dict[str, Any]]:
    """Of the newest incident of the service, those that are no waiting."""
    found = [one for one in place.incidents() if one["resource"]["name"] == name]
    told = place.story(found[0]["id"])["decisions"] if found else []
    return [one for one in told if one["mode"] != "wait"]


def _audit(place: Site) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{place.data_dir / 'recoverops.sqlite'}?mode=ro", uri=True) as database:
        rows = database.execute("select event, detail from audit_entry order by seq").fetchall()
    return [{"event": event, "detail": json.loads(detail)} for event, detail in rows]
