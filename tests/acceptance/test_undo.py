"""A remedy that did not help is taken back: the probed state before it is restored, then a person is called."""

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


def _configure(place: Site, link: Path, *, helps_within: str = "4s") -> None:
    (place.directory / "runbooks/back.yaml").write_text(
        f"{{name: go-back, action: switch-release, verify: {{hold: 1s, timeout: {helps_within}}}}}"
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
        (run,) = [run for run in told["runs"] if run["actions"]]
        effect, undo = run["actions"]
        assert effect["outcome"]["status"] == "succeeded", told["timeline"]
        assert undo["is_undo"] is True
        assert undo["outcome"]["status"] == "succeeded", undo
        assert (run["state"], incident["reason"]) == ("undone", "undone")
        assert os.readlink(link) == "releases/2"
        assert place.command("audit", "verify").returncode == 0


def test_a_dry_run_over_http_shows_every_gate_and_changes_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        # given a running service and a rule that may act
        place.configure(rule={"mode": "act"}, decision={"mode": "act", "ask_when_critical": False})
        place.up()
        pid = place.supervisor.info("checkout")["pid"]
        entries = place.json("audit", "verify")["entries"]
        # when somebody asks what a restart would do
        question = {"service": "checkout", "runbook": "restart-service"}
        status, answer = place.ask("POST", "/remediation/test", question)
        # then every gate answers, and nothing has changed: no process, no incident, no line in the audit log
        assert (status, answer["executed"]) == (200, False)
        assert answer["decision"]["plan"]["action"] == "restart-service"
        assert {gate["gate"] for gate in answer["decision"]["gates"]} >= {"emergency_stop", "rate", "lock", "approval"}
        assert place.supervisor.info("checkout")["pid"] == pid
        assert (place.starts("checkout"), place.incidents()) == (1, [])
        assert place.json("audit", "verify")["entries"] == entries


def test_a_requested_run_goes_through_the_gates_and_is_verified(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.up()
        # when a person asks for a restart, under the untouched defaults
        status, answer = place.ask(
            "POST",
            "/remediation/execute",
            {"service": "checkout", "runbook": "restart-service", "reason": "new certificate"},
        )
        # then the last healthy member of a group is protected, whoever asks
        assert status == 202
        incident = place.incident_in("escalated")
        assert (incident["id"], incident["reason"]) == (answer["incident"], "last_healthy_member")
        assert place.starts("checkout") == 1


def _healed_by_going_back(place: Site, directory: Path, link: Path) -> str:
    """The run that went back to release 1 and started the service again."""
    _configure(place, link, helps_within="30s")
    place.up()
    eventually("release 1 to be seen", lambda: list(directory.glob(".current.history*")))
    _deploy(link, "2")
    eventually("release 2 to be seen", lambda: "2" in next(iter(directory.glob(".current.history*"))).read_text())
    place.crash("checkout")
    incident = place.incident_in("resolved", within_s=40)
    (run,) = [run for run in place.story(incident["id"])["runs"] if run["actions"]]
    assert (run["state"], os.readlink(link)) == ("succeeded", "releases/1")
    return str(run["id"])


def test_what_helped_is_taken_back_by_a_person_at_the_command_line_and_only_once(tmp_path: Path) -> None:
    link = _release_layout(tmp_path)
    with site(tmp_path) as place:
        # given an incident that was resolved by going back to release 1
        run = _healed_by_going_back(place, tmp_path, link)
        # when a person wants release 2 back, while the emergency stop is engaged
        place.command("stop", "--reason", "looking at it")
        held = place.json("undo", run, "--reason", "it was the disk")["incident"]
        # then it is held, and the person is told that the change is still in place
        eventually("the held undo", lambda: place.story(held)["incident"]["state"] == "escalated")
        assert (place.story(held)["incident"]["reason"], os.readlink(link)) == ("undo_gated", "releases/1")
        # when the stop is cleared and it is asked for again, and the engine is killed at once
        place.command("resume")
        asked = place.json("undo", run, "--reason", "it was the disk")["incident"]
        place.kill()
        place.up()
        # then it is undone, once, by name
        eventually("the undo", lambda: place.story(asked)["incident"]["state"] == "resolved")
        told = place.story(asked)
        assert (told["incident"]["reason"], told["runs"][0]["state"]) == ("undone", "undone")
        assert told["runs"][0]["requested_by"].startswith("local:")
        assert os.readlink(link) == "releases/2"
        # and a second time is refused with the reason, at every door
        again = place.command("undo", run, check=False)
        assert (again.returncode, "already_undone" in again.stderr) == (4, True)
        status, problem = place.ask("POST", f"/api/v1/runs/{run}/undo", {"reason": "again"})
        assert (status, "already_undone" in problem["detail"]) == (409, True)
        assert place.command("undo", "run-nowhere", check=False).returncode == 5
        assert "Example: recoverops undo" in place.command("undo", "--help").stdout
        assert place.command("audit", "verify").returncode == 0
