"""`kill -9` of RecoverOps at the worst moments: the effect happens once, and the incident ends resolved.

"Once" is counted by the service's own append-only ledger: one line for the first start, one for the restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.harness import Site, eventually, site

ACT: dict[str, Any] = {"mode": "act", "ask_when_critical": False}


def _assert_healed_once(place: Site) -> None:
    incident = place.incident_in("resolved")
    told = place.story(incident["id"])
    effects = [action for run in told["runs"] for action in run["actions"]]
    assert place.starts("checkout") == 2
    assert len(effects) == 1
    assert [run["state"] for run in told["runs"]][-1] == "succeeded"
    assert len(place.incidents()) == 1
    assert place.command("audit", "verify").returncode == 0


def test_killed_between_intent_and_outcome_the_effect_is_found_and_not_repeated(tmp_path: Path) -> None:
    # given a service whose restart takes six seconds, so that there is time between its effect and the outcome
    with site(tmp_path, startsecs=6) as place:
        place.configure(rule={"mode": "act"}, decision=ACT)
        place.up()
        # when it crashes, and RecoverOps is killed after the restart has begun and before it is known to have worked
        place.crash("checkout")
        eventually("the restart", lambda: place.starts("checkout") == 2)
        place.kill()
        place.up()
        # then the effect is found and not repeated
        _assert_healed_once(place)
        told = place.story(place.incidents()[0]["id"])
        assert told["runs"][0]["actions"][0]["outcome"]["status"] == "found_done"


def test_killed_before_the_intent_it_acts_after_the_restart(tmp_path: Path) -> None:
    # given a rule that holds for ten seconds before it acts
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act", "hold": "10s"}, decision=ACT)
        place.up()
        # when RecoverOps is killed while it holds
        place.crash("checkout")
        incident = place.incident_in("waiting")
        assert place.story(incident["id"])["runs"] == []
        place.kill()
        assert place.starts("checkout") == 1
        place.up()
        # then the same incident goes on
        _assert_healed_once(place)
        assert place.incidents()[0]["id"] == incident["id"]


def test_killed_while_an_approval_waits_the_answer_given_meanwhile_is_delivered_once(tmp_path: Path) -> None:
    # given the untouched defaults, which ask
    with site(tmp_path) as place:
        place.up()
        place.crash("checkout")
        asked = place.pending_approval()
        assert place.starts("checkout") == 1
        # when RecoverOps is killed, and a person approves while nobody runs
        place.kill()
        answered = place.json("approve", asked["id"], "--note", "go on")
        assert answered["state"] == "approved"
        place.up()
        # then the plan is carried out once
        _assert_healed_once(place)
        # and a second answer is refused
        assert place.command("approve", asked["id"], check=False).returncode == 4


def test_killed_while_it_verifies_it_still_ends_resolved(tmp_path: Path) -> None:
    # given a crash that has been acted on, and a verification of several seconds
    with site(tmp_path) as place:
        place.configure(rule={"mode": "act"}, decision=ACT)
        (tmp_path / "runbooks/restart-service.yaml").write_text(
            "{name: restart-service, action: restart-service, verify: {hold: 10s, timeout: 60s}}"
        )
        place.up()
        place.crash("checkout")
        place.incident_in("verifying")
        # when RecoverOps is killed
        place.kill()
        place.up()
        # then it looks on, and does nothing again
        _assert_healed_once(place)
