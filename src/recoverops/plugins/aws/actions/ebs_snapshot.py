"""The action `ebs-snapshot`: a snapshot of a volume; undo deletes that snapshot, and no other.

CreateSnapshot has no idempotency token, so the snapshot carries the key of its run as a tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recoverops.model import Execution, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, ask, evidence, failed, probed, succeeded
from recoverops.plugins.aws.targets import Felt
from recoverops.plugins.aws.volumes import (
    CREATE,
    DELETE_SNAPSHOT,
    SNAPSHOT_GRANTS,
    Snapshot,
    check_usable,
    making,
    snapshots_of,
    volume,
)

_DELETE = "ec2:DeleteSnapshot"
_NONE, _MADE = "no snapshot of RecoverOps since the plan", "one snapshot of RecoverOps since the plan"


class MakeSnapshot(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "ebs-snapshot"
    summary = "Makes a snapshot of the service's EBS volume."
    always_asks = "it is made to be kept, and billed until a person deletes it"
    kind = Kind.EBS
    grants = (*SNAPSHOT_GRANTS, DELETE_SNAPSHOT)
    cost = "the snapshot is billed by the month, until it is deleted"
    is_slow = True

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.volume(service)
        check_usable(found)
        self.calls.may(address.place, CREATE, **making(found.id, "plan"))
        known = sorted(one.id for one in snapshots_of(self.calls, address.place, found.id))
        return Aim(
            address=address,
            summary=f"make a snapshot of {found.told}, which is the volume of {service.name}",
            before={"volume": found.id, "known": " ".join(known), "state": _NONE, "goal": _MADE},
            chosen=("volume",),
            felt=Felt(others={Kind.EBS: frozenset({found.id})}),
        )

    def state(self, plan: Plan) -> str:
        made = [one for one in self._new(plan) if one.key]
        if not made:
            return _NONE
        return _MADE if len(made) == 1 and made[0].state != "error" else "; ".join(one.told for one in made)

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence({"volume": volume(self.calls, place_of(plan), plan.before["volume"]).told})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        place, ident = place_of(plan), plan.before["volume"]
        attempt.kept["key"] = key  # what the snapshot carries, also when the answer is lost
        made = self.calls.change(place, CREATE, **making(ident, key))["SnapshotId"]
        attempt.kept["snapshot"] = made
        attempt.begun(f"the snapshot {made} was made and stays, but ")
        self.calls.may(place, _DELETE, SnapshotId=made)
        while any(one.id == made and one.state == "pending" for one in self._new(plan)):
            if not attempt.may_wait(LOOK_AGAIN_S):
                return

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._is_gone(plan, left))

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self.clock, timeout_s=plan.timeout_s).run(lambda attempt: self._take_back(plan, left, attempt))

    def _take_back(self, plan: Plan, left: Mapping[str, str], attempt: Attempt) -> Execution:
        new = self._new(plan)
        stands = judge(left, new)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was touched: {stands.statement}", attempt.kept)
        attempt.kept = dict(self.evidence(plan))
        made = of_the_run(left, new)
        assert made is not None  # else it is not there, which is DONE
        self.calls.change(place_of(plan), _DELETE, SnapshotId=made.id)
        return succeeded(f"the snapshot {made.id} is deleted", attempt.kept)

    def _is_gone(self, plan: Plan, left: Mapping[str, str]) -> ProbeResult:
        return judge(left, self._new(plan))

    def _new(self, plan: Plan) -> tuple[Snapshot, ...]:
        """Made since the plan, by anybody."""
        found = volume(self.calls, place_of(plan), plan.before["volume"])
        self.reach.check_scope(found.id, found.tags)
        known = plan.before["known"].split()
        return tuple(one for one in snapshots_of(self.calls, place_of(plan), found.id) if one.id not in known)


def of_the_run(left: Mapping[str, str], new: Sequence[Snapshot]) -> Snapshot | None:
    """The snapshot that was made: by its id; by the key of the run when the answer was lost. Pure."""
    made, key = left.get("snapshot"), left.get("key")
    return next((one for one in new if (one.id == made if made else one.key == key)), None)


def judge(left: Mapping[str, str], new: Sequence[Snapshot]) -> ProbeResult:
    """Whether the snapshot that was made is gone. Pure."""
    key, found = left.get("key", ""), of_the_run(left, new)
    if not key:
        return probed(ProbeAnswer.UNKNOWN, "it is not known with which key the snapshot was made")
    if found is None:
        return probed(ProbeAnswer.DONE, f"the snapshot of {key} is not there")
    if found.key != key:
        told = f"{found.id} does not carry the key of the run any more: somebody wants to keep it"
        return probed(ProbeAnswer.UNKNOWN, told)
    return probed(ProbeAnswer.NOT_DONE, f"it is there: {found.told}")
