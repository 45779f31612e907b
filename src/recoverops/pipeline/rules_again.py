"""Asks the rules again about trouble that none of them matched, for as long as it lasts.

A person was called, and is not called a second time for the same answer. But a condition over `age_seconds` or over a
metric comes true later, and a rule may have been written since. Called by the sweep, with the open incidents.
"""

from __future__ import annotations

import logging
from datetime import datetime

from recoverops import incidents
from recoverops.model import Incident, IncidentId, Reason, ResponseStage, UnreachableError
from recoverops.pipeline.assess import rule_that_matches
from recoverops.pipeline.deciding import LOOK_AGAIN
from recoverops.pipeline.parts import Parts

_LOG = logging.getLogger("recoverops.rules_again")

MOST_LOOKS = 20
"""In one tick of the sweep: a storm leaves thousands, and a look costs some milliseconds."""

_UNMATCHED = frozenset({Reason.NO_RULE_MATCHED, Reason.NO_HYPOTHESIS})


class RulesAgain:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._open: dict[IncidentId, Incident] = {}
        self._due: dict[IncidentId, datetime] = {}
        self._page = parts.playbook.page
        self._times_back = parts.wall.times_back()

    def note(self, incident: Incident) -> None:
        """One that is open; whether it is to be asked about is found out here."""
        if self._is_unmatched(incident):
            self._open[incident.id] = incident

    def _is_unmatched(self, incident: Incident) -> bool:
        return (
            incident.reason in _UNMATCHED
            and incident.response is ResponseStage.FINISHED
            and incident.flapping_since is None
            and self._parts.inventory.find(incident.resource) is not None  # nothing can be done about any other
        )

    def matches(self) -> list[tuple[Incident, str]]:
        """Of those noted since the last call: the ones that a rule matches now, each with the rule's name."""
        noted, self._open = self._open, {}
        self._forget_what_is_out_of_date()
        now = self._parts.clock.now()
        self._due = {name: self._due.get(name, _first_look(incident, now=now)) for name, incident in noted.items()}
        due = sorted((at, name) for name, at in self._due.items() if at <= now)
        if not due or self._is_stopped():
            return []
        looked = [(noted[name], self._look(noted[name], now)) for _, name in due[:MOST_LOOKS]]
        return [(incident, rule) for incident, rule in looked if rule is not None]

    def _is_stopped(self) -> bool:
        """What a rule matches now would go to a person for good, and be forgotten when the stop is cleared."""
        try:
            return self._parts.stop.read().stopped
        except UnreachableError:
            return True

    def _forget_what_is_out_of_date(self) -> None:
        """What other rules said, and times of a clock that was set back since."""
        page, times_back = self._parts.playbook.page, self._parts.wall.times_back()
        if page is not self._page or times_back != self._times_back:
            self._page, self._times_back = page, times_back
            self._due.clear()

    def _look(self, incident: Incident, now: datetime) -> str | None:
        pause = max(LOOK_AGAIN, incidents.pause_between_looks(incident, now=now))
        self._due[incident.id] = now + pause
        if not incidents.is_firing(incident, self._parts.conditions.of_resource(incident.resource)):
            return None
        try:
            rule = rule_that_matches(self._parts, incident, now=now)
        except Exception:  # noqa: BLE001 - one incident that cannot be looked at must not keep the others from it
            _LOG.exception("look_failed", extra={"incident": incident.id})
            return None
        if rule is not None:
            del self._due[incident.id]  # should it come back, the pause counts from then
        return rule


def _first_look(incident: Incident, *, now: datetime) -> datetime:
    return max(min(incident.updated_at, now) + LOOK_AGAIN, incidents.may_reopen_at(incident, now=now))
