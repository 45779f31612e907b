"""The action `iam-key-deactivate`: an access key works no more; undo lets it work again.

The id of a key is treated as a secret (`redact`), so plans and outcomes name its last four characters, and a digest
finds it again among the two that a user may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import NotFoundError, PermanentError, Plan, Service, digest
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt, only_one

_UPDATE = "iam:UpdateAccessKey"
_ACTIVE, _INACTIVE = "Active", "Inactive"


class DeactivateKey(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "iam-key-deactivate"
    summary = "Deactivates the service's declared access key of an IAM user."
    kind = Kind.IAM_KEY
    always_asks = "whoever works with the key is locked out"
    grants = (
        Grant(action="iam:ListAccessKeys", on=Kind.IAM_KEY, why="to see whether the key is active", changes=False),
        Grant(action="iam:ListUserTags", on=Kind.IAM_KEY, why="to see the user's tags", changes=False),
        Grant(
            action="iam:GetAccessKeyLastUsed",
            on=Kind.IAM_KEY,
            why="to keep as evidence when, where and for what it was used last",
            changes=False,
        ),
        Grant(action=_UPDATE, on=Kind.IAM_KEY, why="to deactivate the key, and to activate it again at an undo"),
    )
    cost = "none"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address = only_one(self.reach.address(service, self.kind))
        user, _, key = (address.id or "").rpartition("/")
        told = f"the access key …{key[-4:]} of {user}"
        self.reach.check_protected(key, user)
        if key == self.calls.own_key():
            raise PermanentError(f"{told} is the one that RecoverOps itself works with")
        self._check_user(address.place, user)
        now = self._status(address.place, user, digest(key))
        if now != _ACTIVE:
            raise PermanentError(f"nothing to deactivate: {told} is {now}")
        return Aim(
            address=address,
            summary=f"deactivate {told}, for {service.name}",
            before={"user": user, "key": digest(key), "told": told, "state": _ACTIVE, "goal": _INACTIVE},
            chosen=("user", "key"),
            felt=Felt(),
        )

    def state(self, plan: Plan) -> str:
        self._check_user(place_of(plan), plan.before["user"])
        return self._status(place_of(plan), plan.before["user"], plan.before["key"])

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        key = self._key(place_of(plan), plan.before["user"], plan.before["key"])
        asked = self.calls.read(place_of(plan), "iam:GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
        used = asked.get("AccessKeyLastUsed", {})
        at = used.get("LastUsedDate")
        told = f"{at:%Y-%m-%dT%H:%M:%SZ} {used.get('ServiceName')} {used.get('Region')}" if at else "never, or long ago"
        return evidence({"key": plan.before["told"], "created": f"{key['CreateDate']:%Y-%m-%d}", "last_used": told})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        place, user, status = place_of(plan), plan.before["user"], plan.before[wanted]
        found = self._key(place, user, plan.before["key"])["AccessKeyId"]
        if found == self.calls.own_key():
            raise PermanentError(f"{plan.before['told']} is the one that RecoverOps itself works with")
        self.calls.change(place, _UPDATE, UserName=_name(user), AccessKeyId=found, Status=status)
        attempt.begun(f"{plan.before['told']} was made {status}, but ")

    def _status(self, place: Place, user: str, key: str) -> str:
        return str(self._key(place, user, key)["Status"])

    def _key(self, place: Place, user: str, key: str) -> Mapping[str, Any]:
        """The key with this digest. Raises `NotFoundError` when the user has none."""
        keys: list[Mapping[str, Any]] = self.calls.pages(
            place, "iam:ListAccessKeys", "AccessKeyMetadata", UserName=_name(user)
        )
        found = next((one for one in keys if digest(one["AccessKeyId"]) == key), None)
        if found is None:
            raise NotFoundError(f"the user {user} of {place} does not have this access key (any more)")
        return found

    def _check_user(self, place: Place, user: str) -> None:
        found = self.calls.pages(place, "iam:ListUserTags", "Tags", UserName=_name(user))
        self.reach.check_scope(user, {one["Key"]: one["Value"] for one in found})


def _name(user: str) -> str:
    """Without its path."""
    return user.rpartition("/")[2]
