"""What RecoverOps does when nobody has configured how far it may go."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.harness import eventually, site


def test_under_the_untouched_defaults_it_asks_and_a_denial_goes_to_a_person(tmp_path: Path) -> None:
    # given the untouched defaults
    with site(tmp_path) as place:
        place.up()
        # when the service crashes
        place.crash("checkout")
        asked = place.pending_approval()
        # then it asks, and does nothing
        assert asked["plan"]["action"] == "restart-service"
        assert place.starts("checkout") == 1
        assert place.incidents()[0]["state"] == "waiting"
        # and when a person denies, it hands over and says why it did not act
        status, answered = place.ask("POST", f"/api/v1/approvals/{asked['id']}/deny", {"note": "maintenance"})
        assert (status, answered["state"]) == (200, "denied")
        incident = place.incident_in("escalated")
        assert incident["reason"] == "denied"
        assert place.starts("checkout") == 1
        assert "key:admin denied it: maintenance" in place.command("why", incident["id"]).stdout


def test_under_the_untouched_defaults_the_eleventh_action_of_an_hour_is_refused(tmp_path: Path) -> None:
    # given eleven services, each with a group of its own, and the untouched defaults
    names = [f"service-{number}" for number in range(1, 12)]
    with site(tmp_path, names) as place:
        place.up()
        # when ten of them crash and a person approves each restart
        for name in names[:10]:
            place.crash(name)
        approved: set[str] = set()

        def approve_what_is_asked() -> bool:
            for asked in place.ask("GET", "/api/v1/approvals")[1]["approvals"]:
                if asked["id"] not in approved:
                    assert place.ask("POST", f"/api/v1/approvals/{asked['id']}/approve")[0] == 200
                    approved.add(asked["id"])
            return all(place.starts(name) == 2 for name in names[:10])

        eventually("ten restarts", approve_what_is_asked, within_s=60)
        # then the eleventh is not even asked about: the limit is spent
        place.crash(names[10])
        incident = place.incident_in("escalated")
        assert incident["resource"]["name"] == names[10]
        assert incident["reason"] == "rate_hour_spent"
        assert place.starts(names[10]) == 1
        told = place.command("why", incident["id"]).stdout
        assert "10 of 10 actions in the last hour; the next is free at" in told
        # and what a person can do about it
        assert "decision.max_actions_per_hour" in told.partition("What to do\n")[2]
        # and the limit is kept across a restart
        assert place.down() == 0
        place.up()
        place.crash(names[0])
        assert place.incident_in("escalated")["reason"] in {"rate_hour_spent"}
        assert place.starts(names[0]) == 2
