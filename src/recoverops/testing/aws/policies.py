"""Whether a set of IAM policies allows one request. Pure; the part of IAM's logic that our policies use.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. An operator of conditions
that is not known here is an error, never a silent yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, aimed at one resource."""

    action: str
    """`ec2:RebootInstances`"""
    resource: str = "*"
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition key in lower case, but for the part after a slash -> its values."""


def allows(policies: Iterable[Mapping[str, Any]], asked: Asked) -> bool:
    """An explicit deny wins; without an allow it is denied."""
    found = [one["Effect"] for policy in policies for one in _statements(policy) if _fits(one, asked)]
    return "Allow" in found and "Deny" not in found


def trusts(policy: Mapping[str, Any], asked: Asked, principal: str) -> bool:
    """Whether a role's trust policy lets this principal assume it. A principal may be an ARN or an account's root."""
    for one in _statements(policy):
        named = _listed(one.get("Principal", {}).get("AWS", ()))
        is_named = principal in named or f"arn:aws:iam::{principal.split(':')[4]}:root" in named
        if one["Effect"] == "Allow" and is_named and _fits({**one, "Resource": "*"}, asked):
            return True
    return False


def _statements(policy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    given = policy["Statement"]
    return [given] if isinstance(given, Mapping) else given


def _fits(statement: Mapping[str, Any], asked: Asked) -> bool:
    is_action = any(_like(one.lower(), asked.action.lower()) for one in _listed(statement["Action"]))
    return (
        is_action
        and any(_like(one, asked.resource) for one in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(wanted), asked.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, key: str, wanted: Sequence[str], context: Mapping[str, tuple[str, ...]]) -> bool:
    prefix, slash, rest = key.partition("/")
    values = context.get(f"{prefix.lower()}{slash}{rest}", ())
    quantifier, _, plain = operator.rpartition(":")
    compare = _COMPARE.get(plain)
    if compare is None:
        raise NotImplementedError(f"the double does not know the condition operator {operator}; add it to policies.py")
    fits = [any(compare(one, value) for one in wanted) for value in values]
    if quantifier == "ForAllValues":
        return all(fits)
    return any(fits)


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _like(pattern: str, text: str) -> bool:
    """`*` and `?` as IAM has them. A request that names no resource is matched by `*` alone."""
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text, flags=re.DOTALL) is not None


_COMPARE = {
    "StringEquals": lambda wanted, value: bool(wanted == value),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
}
