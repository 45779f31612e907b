"""A remedy that did not help is taken back: the state that was probed before it is restored, then a person is called."""

from __future__ import annotations

import os
from pathlib import Path

from tests.acceptance.harness import Site, eventually, site


def _release_layout(directory: Path) -> Path:
    for number in ("1", "2"):
        (directory / "releases" / number).mkdir(parents=True)
    link = directory / "current"
    link.symlink_to("releases/1")
    return link


def _deploy(link: Path, release: str) -> None:
    fresh = link.with_name("current.new")
    fresh.symlink_to(f"releases/{release}")
    fresh.replace(link)


def _configure(place: Site, link: Path) -> None:
    (place.directory / "runbooks/back.yaml").write_text(
        "{name: go-back, action: switch-release, verify: {hold: 1s, timeout: 4s}}"
    )
    place.configure(
        rule={"mode": "act", "runbook": "go-back", "when": 'kind != "unknown"'},
        decision={"mode": "act", "ask_when_critical": False},
        services=[{"name": "checkout", "address": {"supervisor": "checkout", "release": str(link)}}],
    )


def test_a_switch_of_release_that_did_not_help_is_undone_and_a_person_is_called(tmp_path: Path) -> None:
    link = _release_layout(tmp_path)
    with site(tmp_path) as place:
        # given a service on release 2, and a rule that goes back to the release before
        _configure(place, link)
        place.up()
        eventually("release 1 to be seen", lambda: list(tmp_path.glob(".current.history*")))
        _deploy(link, "2")
        eventually("release 2 to be seen", lambda: "2" in next(iter(tmp_path.glob(".current.history*"))).read_text())
        # when it crashes for a reason that has nothing to do with the release
        (tmp_path / "service.py").write_text("raise SystemExit(3)")
        place.crash("checkout")
        # then going back does not help, is taken back, and a person is called
        incident = place.incident_in("escalated", within_s=40)
        told = place.story(incident["id"])
        runs = [run for run in told["runs"] if run["actions"]]
        assert runs, told["timeline"]
        assert os.readlink(link).endswith("releases/2") or os.readlink(link).endswith("2")
        assert any(action["is_undo"] for run in runs for action in run["actions"]) or runs[0]["state"] == "failed"
