"""The smallest IAM policy for grants and addresses, each statement with its explanation. Pure.

Grants of the same resources and conditions become one statement. Resources are exact where an address has an id; where
tags choose, `*` stands for the id and the tags are conditions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recoverops.model import Record
from recoverops.plugins.aws.address import Address, Kind, Place, partition_of
from recoverops.plugins.aws.grants import ARNS, Grant
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.ports import Policy

_VERSION = "2012-10-17"
Conditions = Mapping[str, Mapping[str, Any]]


class _Right(Record, frozen=True, kw_only=True):
    """One grant, on one resource or on none."""

    grant: Grant
    resource: str
    condition: str
    """JSON with sorted keys, so that equal conditions are equal."""


def policies_of(
    accounts: Sequence[AccountSettings],
    grants: Iterable[Grant],
    addresses: Iterable[Address],
    *,
    only_tagged: Mapping[str, str],
) -> tuple[Policy, ...]:
    """One policy for each account, and one for the credentials in use when roles are assumed with them."""
    wanted, known = tuple(grants), tuple(addresses)
    found = [_base(accounts)] if any(one.role for one in accounts) else []
    for account in accounts:
        own = [one for one in known if one.place.account == account.name]
        own_grants = [one for one in wanted if one.account in {"", account.name}]
        rights = [right for grant in own_grants for right in _rights(grant, own, only_tagged, account)]
        holder = f"role {account.role}" if account.role else "credentials in use"
        found.append(_policy(f"account {account.name} ({account.id}): {holder}", rights))
    return tuple(found)


def arn_of(kind: Kind, ident: str, place: Place) -> str:
    return ARNS[kind].format(partition=place.partition, region=place.region, account=place.account_id, id=ident)


def _rights(
    grant: Grant, addresses: Iterable[Address], only_tagged: Mapping[str, str], account: AccountSettings
) -> Iterable[_Right]:
    regions = account.regions
    if grant.arn:
        for region in regions:
            arn = grant.arn.format(partition=partition_of(region), region=region, account=account.id)
            if arn.split(":")[3] in {"", region} and arn.split(":")[4] in {"", account.id}:
                yield _right(grant, arn, {}, grant.condition)
        return
    if grant.on is None:
        where = {"StringEquals": {"aws:RequestedRegion": regions[0] if len(regions) == 1 else list(regions)}}
        yield _right(grant, "*", {}, {**where, **grant.condition})
        return
    for address in addresses:
        if address.kind is not grant.on:
            continue
        ident = address.id or "*"
        if address.kind in {Kind.ELB_TARGET, Kind.SG_RULE}:
            ident = ident.partition("/")[0]
        if address.kind is Kind.IAM_KEY:
            ident = ident.rpartition("/")[0]
        tags = {**address.tags, **(only_tagged if grant.changes else {})}
        yield _right(grant, arn_of(address.kind, ident, address.place), tags, grant.condition)


def _right(grant: Grant, resource: str, tags: Mapping[str, str], condition: Conditions) -> _Right:
    conditions = {operator: dict(keys) for operator, keys in condition.items()}
    for key, value in tags.items():
        conditions.setdefault("StringEquals", {})[f"{grant.tag_key}/{key}"] = value
    return _Right(grant=grant, resource=resource, condition=json.dumps(conditions, sort_keys=True))


def _policy(name: str, rights: Iterable[_Right]) -> Policy:
    """Rights of the same action and condition share a statement, then statements of the same resources do."""
    resources: dict[tuple[str, str], set[str]] = {}
    why: dict[str, set[str]] = {}
    for right in rights:
        resources.setdefault((right.grant.action, right.condition), set()).add(right.resource)
        reason = f" ({right.grant.no_resource})" if right.grant.no_resource else ""
        why.setdefault(right.grant.action, set()).add(f"{right.grant.why}{reason}")
    actions: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (action, condition), aimed in sorted(resources.items()):
        actions.setdefault((condition, tuple(sorted(aimed))), []).append(action)
    statements, explained = [], {}
    for number, ((condition, on), allowed) in enumerate(actions.items(), start=1):
        sid = f"RecoverOps{number}"
        statements.append(_statement(sid, allowed, on, json.loads(condition)))
        explained[sid] = "; ".join(f"{one}: {', '.join(sorted(why[one]))}" for one in allowed)
    return Policy(name=name, document=_document(statements), explained=explained)


def _statement(sid: str, actions: Sequence[str], on: Sequence[str], condition: Mapping[str, Any]) -> dict[str, Any]:
    said = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(on) if len(on) > 1 else on[0]}
    return {**said, "Condition": condition} if condition else said


def _document(statements: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": _VERSION, "Statement": statements}, indent=2)


def _base(accounts: Iterable[AccountSettings]) -> Policy:
    roles = sorted(one.role for one in accounts if one.role)
    statement = _statement("RecoverOps1", ["sts:AssumeRole"], roles, {})
    why = {"RecoverOps1": "sts:AssumeRole: to work in the accounts with the rights of these roles, and no others"}
    return Policy(name="credentials in use", document=_document([statement]), explained=why)
