"""Whether the credentials in use have what the generated policy asks for, and no more; asked at `recoverops check`.

What is missing is asked of IAM's simulator where that is allowed, else read from the holder's policies; what is too
wide can only be read. Nothing of this is needed for work, so what cannot be known is said, and is no failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recoverops.model import ForbiddenError, PermanentError, Record
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.rights import Needed, beyond_of, missing_of, needed_of, wide_of
from recoverops.plugins.aws.settings import AccountSettings

_SIMULATE = "iam:SimulatePrincipalPolicy"
_READING = {
    "role": ("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
    "user": ("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser"),
    "group": ("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
}
_DOCUMENTS = ("iam:GetPolicy", "iam:GetPolicyVersion")


class Holder(Record, frozen=True, kw_only=True):
    """Whose rights they are."""

    kind: str
    """role | user"""
    name: str
    arn: str


def check_grants(account: AccountSettings, *, is_user: bool) -> Iterator[Grant]:
    """For `check_permissions`: to look at its own rights, and at nobody else's where the role is known."""
    kind = "user" if is_user and account.role is None else "role"
    holder = account.role or f"arn:{{partition}}:iam::{account.id}:{kind}/*"
    why = "for `recoverops check`: to compare the rights in use with this policy"
    for action in (_SIMULATE, *_READING[kind]):
        yield Grant(action=action, arn=holder, why=why, changes=False)
    for action in _READING["group"] if kind == "user" else ():
        yield Grant(action=action, arn=f"arn:{{partition}}:iam::{account.id}:group/*", why=why, changes=False)
    for action in _DOCUMENTS:
        yield Grant(action=action, arn=f"arn:{{partition}}:iam::{account.id}:policy/*", why=why, changes=False)


class RightsCheck:
    """Implements `ports.LiveCheck`: the rights in one account."""

    def __init__(self, account: AccountSettings, calls: Calls, document: str) -> None:
        """`document`: the generated policy of this account."""
        self._account = account
        self._calls = calls
        self._place = Place(account=account.name, account_id=account.id, region=account.regions[0])
        self._needed = needed_of(document)
        self._foreign: list[str] = []
        self.name = f"aws rights {account.name}"

    def look(self) -> str:
        """What is known; too much is told, since it works. Raises `ForbiddenError` for what is missing."""
        holder = self._holder()
        simulated = self._simulated(holder)
        held, unread = self._held(holder)
        own, foreign = held or (), self._foreign
        missing = simulated
        if simulated is None and held is not None and not foreign:
            missing = missing_of(self._needed, held)
        wide = (*wide_of(self._needed, own), *(f"AWS's own policy {one.rpartition('/')[2]}" for one in foreign))
        told_wide = f"too wide: {'; '.join(wide)}. `recoverops permissions aws` prints the policy that is right"
        if missing:
            also = f". {told_wide}" if wide else "; `recoverops permissions aws` prints the policy that has it"
            raise ForbiddenError(f"{holder.arn}: missing: {'; '.join(missing)}{also}")
        if wide:
            return f"{holder.arn} is {told_wide}"
        return self._told(holder, held, missing=missing, unread=unread)

    def _told(
        self, holder: Holder, held: Sequence[Mapping[str, Any]] | None, *, missing: Sequence[str] | None, unread: str
    ) -> str:
        if missing is None:
            needs = f"{_SIMULATE}, or {', '.join((*_READING[holder.kind], *_DOCUMENTS))}"
            return f"whether rights are missing or too wide cannot be known: that needs {needs} (check_permissions)"
        told = f"{holder.arn} has every right that is needed"
        if held is None:
            return f"{told}; whether it has more cannot be known: {unread} (check_permissions)"
        beyond = beyond_of(self._needed, held)
        return f"{told}, and beyond them, by name: {', '.join(beyond)}" if beyond else f"{told}, and no others"

    def _holder(self) -> Holder:
        arn = str(self._calls.read(self._place, "sts:GetCallerIdentity")["Arn"])
        kind, _, rest = arn.split(":", 5)[5].partition("/")
        if kind == "root":
            raise ForbiddenError(f"{arn}: the root user may do everything, and nothing limits it; use a role")
        if kind == "assumed-role":
            name = rest.partition("/")[0]
            partition = arn.split(":")[1]
            role = self._account.role or f"arn:{partition}:iam::{self._account.id}:role/{name}"
            return Holder(kind="role", name=name, arn=role)
        if kind != "user":
            raise PermanentError(f"{arn} is neither a role nor a user; its rights are not looked at")
        return Holder(kind="user", name=rest.rpartition("/")[2], arn=arn)

    def _simulated(self, holder: Holder) -> tuple[str, ...] | None:
        """What IAM says is not allowed; None when it may not be asked."""
        try:
            return tuple(one.told for one in self._needed if not self._is_allowed(holder, one))
        except ForbiddenError:
            return None

    def _is_allowed(self, holder: Holder, needed: Needed) -> bool:
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": list(values[:1]), "ContextKeyType": "string"}
            for key, values in needed.context.items()
        ]
        found = self._calls.read(
            self._place,
            _SIMULATE,
            PolicySourceArn=holder.arn,
            ActionNames=[needed.action],
            ResourceArns=[needed.sample],
            ContextEntries=entries,
        )["EvaluationResults"]
        return all(one["EvalDecision"] == "allowed" for one in found)

    def _held(self, holder: Holder) -> tuple[list[Mapping[str, Any]] | None, str]:
        """The holder's policies; None with the reason when they may not be read."""
        self._foreign.clear()
        try:
            found = list(self._documents(holder.kind, holder.name))
            if holder.kind == "user":
                groups = self._calls.pages(self._place, "iam:ListGroupsForUser", "Groups", UserName=holder.name)
                found += [one for group in groups for one in self._documents("group", group["GroupName"])]
        except ForbiddenError as error:
            return None, str(error)
        return found, ""

    def _documents(self, kind: str, name: str) -> Iterator[Mapping[str, Any]]:
        word = kind.capitalize()
        whose = {f"{word}Name": name}
        for inline in self._calls.pages(self._place, f"iam:List{word}Policies", "PolicyNames", **whose):
            yield self._calls.read(self._place, f"iam:Get{word}Policy", PolicyName=inline, **whose)["PolicyDocument"]
        for one in self._calls.pages(self._place, f"iam:ListAttached{word}Policies", "AttachedPolicies", **whose):
            if is_awss_own(str(one["PolicyArn"])):
                self._foreign.append(str(one["PolicyArn"]))
            else:
                yield self._managed(str(one["PolicyArn"]))

    def _managed(self, arn: str) -> Mapping[str, Any]:
        version = self._calls.read(self._place, "iam:GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self._calls.read(self._place, "iam:GetPolicyVersion", PolicyArn=arn, VersionId=version)
        document = found["PolicyVersion"]["Document"]
        read: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
        return read


def is_awss_own(arn: str) -> bool:
    """A policy that AWS keeps. The generated policy does not let them be read, and none of them is made for this."""
    return arn.split(":")[4] == "aws"
