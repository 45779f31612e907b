"""`recoverops init`: look, propose, write, and say what the last day would have brought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from recoverops.app.discovery.alert import Delivery, send_test_alert
from recoverops.app.discovery.facts import Facts
from recoverops.app.discovery.prometheus import PastDay, past_day
from recoverops.app.discovery.propose import Proposal, propose
from recoverops.app.discovery.write import FILE, receiver_snippet, text_of, write
from recoverops.app.files import ADMIN_KEY_FILE
from recoverops.app.load import load_settings
from recoverops.app.settings import Settings
from recoverops.model import NotFoundError, Record, UnreachableError
from recoverops.ports import Clock


class Beginning(Record, frozen=True, kw_only=True):
    file: str
    proposal: Proposal
    receiver: str
    """What belongs into Alertmanager's configuration."""
    next: tuple[str, ...]
    """Commands."""
    past_day: PastDay | None
    why_no_past_day: str = ""


def begin(facts: Facts, directory: Path, environment: Mapping[str, str], clock: Clock, *, force: bool) -> Beginning:
    """Writes the file; it has been read back by the loader of `recoverops up` when this returns.

    Raises ConflictError when there is one already.
    """
    proposal = propose(facts)
    path = write(directory, text_of(proposal), force=force)
    settings = load_settings(path, environment)
    measured, why_not = _past_day(proposal, settings, clock)
    return Beginning(
        file=str(path),
        proposal=proposal,
        receiver=receiver_snippet(host=settings.api.host, port=settings.api.port, data_dir=settings.data_dir),
        next=(
            f"recoverops check --config {path}",
            f"recoverops up --config {path}",
            f"recoverops init --directory {directory} --test-alert",
        ),
        past_day=measured,
        why_no_past_day=why_not,
    )


def _past_day(proposal: Proposal, settings: Settings, clock: Clock) -> tuple[PastDay | None, str]:
    if not proposal.prometheus:
        return None, "no Prometheus answered on this machine, so nothing can be said of the last 24 h"
    try:
        return past_day(proposal.prometheus, proposal.services, hold=_hold(settings), now=clock.now()), ""
    except UnreachableError as error:
        return None, str(error)


def _hold(settings: Settings) -> timedelta:
    """How long something has to be down before the first rule for that would ask."""
    holds = [rule.hold for rule in settings.rules.rules if "service_down" in rule.when]
    return min(holds, default=timedelta(0))


def try_intake(directory: Path, environment: Mapping[str, str], clock: Clock) -> Delivery:
    """A test alert to the engine that runs with this directory's file."""
    path = directory / FILE
    if not path.exists():
        raise NotFoundError(f"there is no {path}; write it with `recoverops init`, and start the engine")
    settings = load_settings(path, environment)
    key_file = settings.data_dir / ADMIN_KEY_FILE
    return send_test_alert(host=settings.api.host, port=settings.api.port, key_file=key_file, now=clock.now())
