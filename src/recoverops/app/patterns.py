"""`decision.protected` and `decision.allow` against the inventory: a slip there protects nothing, or allows nothing.

What can match nothing is wrong (`load_settings` refuses it); what covers nothing now may be meant, and `check` says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from recoverops.app.settings import Settings
from recoverops.config import Configuration
from recoverops.decision import OWN_PARTS, DecisionSettings
from recoverops.model import ResourceKind
from recoverops.topology import ServiceSettings, covered, never_matches


def pattern_problems(
    reader: Configuration, decision: DecisionSettings, services: tuple[ServiceSettings, ...]
) -> Iterator[str]:
    """A name in `allow` that no service has yet is on the safe side, and so is every name where there is no service."""
    names = {f"service:{one.name}" for one in services} or None
    for key, patterns, known in (("protected", decision.protected, names), ("allow", decision.allow, None)):
        for position, pattern in enumerate(patterns):
            if (why := never_matches(pattern, known)) is not None:
                name = f"decision.{key}[{position}]"
                yield f'{reader.place(name)}: {name} is "{pattern}", which matches nothing: {why}'


def pattern_doubts(settings: Settings) -> Iterator[str]:
    """What is written in the file and covers no service. The defaults are for what may come."""
    known = [str(one.resource) for one in settings.inventory.services.values()]
    decision = settings.decision
    for key, patterns, usual in (
        ("protected", decision.protected, OWN_PARTS),
        ("allow", decision.allow, DecisionSettings().allow),
    ):
        for position, pattern in enumerate(patterns):
            if pattern not in usual and _is_of_services(pattern) and not covered(pattern, known):
                name = f"decision.{key}[{position}]"
                place = settings.configuration.place(name)
                yield f'{place}: {name} is "{pattern}", which covers no service of the inventory'


def _is_of_services(pattern: str) -> bool:
    """Which hosts and sources there are is not known beforehand."""
    return not pattern.startswith((f"{ResourceKind.HOST}:", f"{ResourceKind.SOURCE}:"))
