"""What the engine is made of: handed in by `app`, which picked the implementations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recoverops.decision import DecisionSettings, RuleBook
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import Notification
from recoverops.notifications import NotificationSettings, channels_for
from recoverops.pipeline.calls import Calls
from recoverops.pipeline.conditions import Conditions
from recoverops.pipeline.playbook import Playbook
from recoverops.pipeline.wall import Wall
from recoverops.ports import Action, Clock, StopSwitch, Store, Telemetry, Tx
from recoverops.remediation import Runbook
from recoverops.sources import IntakeSettings
from recoverops.topology import Inventory

ENGINE = "recoverops"
"""The actor of everything that no person asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    store: Store
    clock: Clock
    wall: Wall
    stop: StopSwitch
    conditions: Conditions
    inventory: Inventory
    actions: Mapping[str, Action]
    playbook: Playbook
    telemetry: Telemetry
    decision: DecisionSettings
    detection: DetectionSettings
    incidents: IncidentSettings
    intake: IntakeSettings
    notifications: NotificationSettings
    nudge: Callable[[datetime | None], None]
    """Something may have been posted; and, when there is a time, something becomes due then."""
    demands: Callable[[], tuple[str, ...]] = tuple
    """Why switches outside demand a person's approval of every action now; empty: none does."""
    calls: Calls = field(default_factory=Calls)
    verdicts: threading.Lock = field(default_factory=threading.Lock)
    """Held to give a verdict. What a storm of recoveries would do at once is done one after the other, so that their
    threads do not compete with an action that is due."""

    def pinned(self) -> Parts:
        """The same with today's rules and runbooks for good: what belongs together asks one page, whoever reloads."""
        return replace(self, playbook=self.playbook.pinned())

    @property
    def rules(self) -> RuleBook:
        return self.playbook.page.rules

    @property
    def runbooks(self) -> Mapping[str, Runbook]:
        return self.playbook.page.runbooks

    def post(self, tx: Tx, notification: Notification) -> None:
        """Into the outbox, in the caller's transaction."""
        channels = channels_for(notification, self.notifications)
        if channels:
            tx.outbox.post(notification, channels=channels)
