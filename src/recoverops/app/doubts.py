"""What is allowed and is more likely a slip than meant: warnings of `recoverops check`, whatever its exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from recoverops.app.addresses import address_doubts
from recoverops.app.loaded import Loaded
from recoverops.app.patterns import pattern_doubts
from recoverops.app.rule_actions import action_doubts
from recoverops.app.rule_doubts import metric_doubts, name_doubts
from recoverops.app.settings import Settings
from recoverops.model import Mode


def doubts(settings: Settings, loaded: Loaded, *, measured: Collection[str]) -> Iterator[str]:
    """`measured` are the metrics that the sources have just answered with."""
    yield from _nothing_to_do(settings)
    yield from pattern_doubts(settings)
    yield from address_doubts(settings, loaded)
    yield from action_doubts(settings, loaded)
    yield from name_doubts(settings, loaded)
    yield from metric_doubts(settings, measured)


def _nothing_to_do(settings: Settings) -> Iterator[str]:
    if not settings.inventory.services:
        yield "there is no service, so nothing is ever acted on; list what RecoverOps shall look after under services:"
    rules = settings.rules.rules
    if settings.decision.mode is Mode.ACT and all(rule.mode is not Mode.ACT for rule in rules):
        place = settings.configuration.place("decision.mode")
        yield (
            f"{place}: decision.mode is act, but none of the {len(rules)} rules in {settings.rules_path} has "
            "mode: act, so nothing is done without a person; write it into the rules that may act alone"
        )
