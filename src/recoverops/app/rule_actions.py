"""Rules whose action no loaded plugin offers. Runbooks that one wrote oneself are judged in `crosscheck`.

The shipped rules and runbooks are on every machine, also on one without a supervisor: what nobody wrote is nobody's
mistake, and a response that would need such an action is refused with that reason. A rule of one's own that may act or
ask promises something. A shipped one that was copied as it is into one's own file is only doubted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from recoverops.app.books import read_books
from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.app.shipped import shipped_configs
from recoverops.decision import Rule
from recoverops.model import Mode


def action_problems(settings: Settings, loaded: Loaded) -> Iterator[str]:
    yield from (told for told, is_copied in _without_action(settings, loaded) if not is_copied)


def action_doubts(settings: Settings, loaded: Loaded) -> Iterator[str]:
    yield from (told for told, is_copied in _without_action(settings, loaded) if is_copied)


def is_shipped(place: str) -> bool:
    return place.startswith(str(shipped_configs()))


def nearest(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), n=1)
    return f' (did you mean "{found[0]}"?)' if found else ""


def _without_action(settings: Settings, loaded: Loaded) -> Iterator[tuple[str, bool]]:
    """The sentence for each rule, and whether it is a shipped one that was copied."""
    found = list(_unable(settings, loaded))
    shipped = _shipped_rules() if found else {}
    for rule in found:
        action = settings.runbooks[rule.runbook].action
        place = settings.rule_places[rule.name].runbook
        told = (
            f'{place}: rule "{rule.name}" names the runbook "{rule.runbook}", whose action "{action}" no plugin offers'
            f"{nearest(action, loaded.actions)}; give its plugin the settings and addresses that it needs, or take the "
            "rule out"
        )
        yield told, _is_copy(rule, shipped.get(rule.name))


def _is_copy(rule: Rule, shipped: Rule | None) -> bool:
    """Its mode and its pauses may be one's own."""
    return shipped is not None and (rule.when, rule.runbook) == (shipped.when, shipped.runbook)


def _unable(settings: Settings, loaded: Loaded) -> Iterator[Rule]:
    if loaded.disabled or settings.decision.mode is Mode.OBSERVE:
        return
    for rule in settings.rules.rules:
        is_own = not is_shipped(settings.rule_places[rule.name].runbook)
        is_judged_here = is_shipped(settings.runbook_actions[rule.runbook])
        has_action = settings.runbooks[rule.runbook].action in loaded.actions
        if is_own and is_judged_here and not has_action and rule.mode is not Mode.OBSERVE:
            yield rule


def _shipped_rules() -> Mapping[str, Rule]:
    books = read_books(shipped_configs() / "remediation-rules.yaml", shipped_configs() / "runbooks")
    return {rule.name: rule for rule in books.rules.rules}
