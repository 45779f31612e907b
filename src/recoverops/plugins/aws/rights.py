"""What a holder's policies allow beside what the generated policy asks for. Pure.

Compares texts of policies; it knows no permission boundaries and no policies of an organisation. A resource that is
allowed by a pattern counts as covered when the pattern matches the needed one as it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recoverops.model import Record

Statement = Mapping[str, Any]


class Needed(Record, frozen=True, kw_only=True):
    """One action on one resource, under the conditions of the generated policy."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]]
    """Condition key -> values."""

    @property
    def told(self) -> str:
        return self.action if self.resource == "*" else f"{self.action} on {self.resource}"

    @property
    def sample(self) -> str:
        """A resource that the needed one stands for: patterns cannot be asked about."""
        return "*" if self.resource == "*" else self.resource.replace("*", "sample").replace("?", "a")


def needed_of(document: str) -> tuple[Needed, ...]:
    """Of a policy that `policy.py` made."""
    return tuple(
        Needed(action=action, resource=resource, context=_context(one.get("Condition", {})))
        for one in statements([json.loads(document)])
        for action in listed(one["Action"])
        for resource in listed(one["Resource"])
    )


def missing_of(needed: Iterable[Needed], held: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the policies do not allow, or deny."""
    found = list(statements(held))
    return tuple(
        one.told
        for one in needed
        if not any(_allows(statement, one) for statement in found)
        or any(statement["Effect"] == "Deny" and _names(statement, one) for statement in found)
    )


def wide_of(needed: Sequence[Needed], held: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the policies allow by patterns beyond what is needed: every action, a service, every resource."""
    return tuple(dict.fromkeys(one for statement in _allowing(held) for one in _wide(statement, needed)))


def beyond_of(needed: Sequence[Needed], held: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Actions that the policies allow by their full names, and that nothing enabled needs."""
    known = {one.action.lower() for one in needed}
    named = (action for statement in _allowing(held) for action in listed(statement.get("Action", ())))
    return tuple(dict.fromkeys(one for one in named if "*" not in one and one.lower() not in known))


def statements(held: Iterable[Mapping[str, Any]]) -> Iterator[Statement]:
    for document in held:
        given = document["Statement"]
        yield from [given] if isinstance(given, Mapping) else given


def listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _allowing(held: Iterable[Mapping[str, Any]]) -> Iterator[Statement]:
    return (one for one in statements(held) if one["Effect"] == "Allow")


def _wide(statement: Statement, needed: Sequence[Needed]) -> Iterator[str]:
    if "NotAction" in statement or "NotResource" in statement:
        yield "everything but what it names (NotAction or NotResource)"
        return
    for action in listed(statement["Action"]):
        if action == "*":
            yield "every action (*)"
        elif "*" in action or "?" in action:
            yield f"every action {action}"
        else:
            wanted = [one.resource for one in needed if one.action.lower() == action.lower()]
            for resource in listed(statement["Resource"]):
                if wanted and not any(like(one, resource) for one in wanted):
                    yield f"{action} on {resource}, needed on {', '.join(wanted)}"


def _allows(statement: Statement, needed: Needed) -> bool:
    if statement["Effect"] != "Allow" or not _names(statement, needed):
        return False
    demanded = _context(statement.get("Condition", {}))
    return all(set(needed.context.get(key, ())) & set(values) for key, values in demanded.items())


def _names(statement: Statement, needed: Needed) -> bool:
    def fits(key: str, text: str, *, is_action: bool) -> bool:
        patterns = [one.lower() if is_action else one for one in listed(statement[key])]
        return any(like(one, text.lower() if is_action else text) for one in patterns)

    by_action = fits("Action", needed.action, is_action=True) if "Action" in statement else True
    by_not = "NotAction" in statement and fits("NotAction", needed.action, is_action=True)
    by_resource = fits("Resource", needed.resource, is_action=False) if "Resource" in statement else True
    return by_action and not by_not and by_resource


def _context(condition: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(listed(values)) for keys in condition.values() for key, values in keys.items()}


def like(pattern: str, text: str) -> bool:
    """`*` and `?` as IAM has them."""
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text, flags=re.DOTALL) is not None
