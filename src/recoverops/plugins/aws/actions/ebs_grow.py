"""The action `ebs-grow`: a snapshot first, then a larger volume. It cannot shrink again, so a person approves, always.

The file system on it is not touched: whoever runs the instance grows it, or a script that is declared for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Record, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.growth import PERCENT, grown
from recoverops.plugins.aws.targets import Felt
from recoverops.plugins.aws.volumes import (
    CREATE,
    SNAPSHOT_GRANTS,
    Snapshot,
    Volume,
    check_usable,
    making,
    snapshots_of,
    volume,
)

_MODIFY, _CHANGES = "ec2:ModifyVolume", "ec2:DescribeVolumesModifications"


class Change(Record, frozen=True, kw_only=True):
    """The last modification of a volume."""

    state: str
    """modifying, optimizing, completed, failed"""
    goal: int

    @property
    def told(self) -> str:
        return f"its last change, to {self.goal} GiB, is {self.state}"


class GrowVolume(AwsAction):
    """Implements `ports.Action`."""

    name = "ebs-grow"
    summary = "Makes a snapshot of the service's EBS volume, then grows the volume; it cannot shrink again."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.EBS
    parameters = (PERCENT,)
    grants = (
        *SNAPSHOT_GRANTS,
        Grant(
            action=_CHANGES,
            why="to see how far a change of the volume is",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(action=_MODIFY, on=Kind.EBS, why="to grow the volume"),
    )
    cost = "the added storage and the snapshot are billed by the month, until they are deleted"
    is_slow = True

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.volume(service)
        check_usable(found)
        goal = grown(found.id, found.size, int(arguments["percent"]), self.reach.settings.bounds)
        change = self._change(address.place, found.id)
        if change is not None and change.state in {"modifying", "optimizing"}:
            raise PermanentError(f"{found.id}: {change.told}; AWS refuses another one now")
        self.calls.may(address.place, CREATE, **making(found.id, "plan"))
        self.calls.may(address.place, _MODIFY, VolumeId=found.id, Size=goal)
        return Aim(
            address=address,
            summary=f"make a snapshot of {found.id} of {service.name} and grow it from {found.size} to {goal} GiB, "
            "which cannot be taken back; the file system on it has to be grown as well",
            before={"volume": found.id, "size": str(found.size), "goal": str(goal)},
            chosen=("volume", "goal"),
            felt=Felt(instances=frozenset(found.instances), others={Kind.EBS: frozenset({found.id})}),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return self._judged(plan, self._volume(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        place, found, goal = place_of(plan), self._volume(plan), int(plan.before["goal"])
        stands = self._judged(plan, found)
        attempt.kept = {"size": str(found.size)} | evidence({"volume": found.told})
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        check_usable(found)
        made = self._made(place, found.id, attempt, key=key)
        while (snapshot := self._snapshot(place, found.id, made)).state != "completed":
            if snapshot.state != "pending":
                return failed(f"{found.id} was not grown: its snapshot {snapshot.told}", attempt.kept)
            if not attempt.may_wait(LOOK_AGAIN_S):
                told = f"{found.id} was not grown: in {plan.timeout_s:.3g} s its snapshot was not completed"
                return failed(f"{told}; {snapshot.told} stays", attempt.kept)
        self.calls.change(place, _MODIFY, VolumeId=found.id, Size=goal)
        attempt.begun(f"the snapshot {made} was made, and AWS was told to grow {found.id} to {goal} GiB, but ")
        while (found := self._volume(plan)).size < goal:
            if not attempt.may_wait(LOOK_AGAIN_S):
                return succeeded(
                    f"AWS has accepted it and is still at it: {self._judged(plan, found).statement}", attempt.kept
                )
        attempt.kept["size"] = str(found.size)
        return succeeded(f"{found.told}; the snapshot {made} stays", attempt.kept)

    def _made(self, place: Place, ident: str, attempt: Attempt, *, key: str) -> str:
        """The snapshot of this run: that of an attempt before, or a new one."""
        known = next((one.id for one in snapshots_of(self.calls, place, ident) if one.key == key), None)
        made: str = known or self.calls.change(place, CREATE, **making(ident, key))["SnapshotId"]
        attempt.kept["snapshot"] = made
        attempt.begun(f"the snapshot {made} of {ident} was made and stays, but ")
        return made

    def _snapshot(self, place: Place, ident: str, made: str) -> Snapshot:
        """One that is too new to be listed is pending."""
        found = next((one for one in snapshots_of(self.calls, place, ident) if one.id == made), None)
        return found or Snapshot(id=made, state="pending", progress="", key="")

    def _volume(self, plan: Plan) -> Volume:
        found = volume(self.calls, place_of(plan), plan.before["volume"])
        self.reach.check_scope(found.id, found.tags)
        return found

    def _change(self, place: Place, ident: str) -> Change | None:
        filters = [{"Name": "volume-id", "Values": [ident]}]
        found = self.calls.pages(place, _CHANGES, "VolumesModifications", Filters=filters)
        newest = max(found, key=lambda one: one["StartTime"], default=None)
        return None if newest is None else _of(newest)

    def _judged(self, plan: Plan, found: Volume) -> ProbeResult:
        return judge(plan, found, self._change(place_of(plan), found.id))


def judge(plan: Plan, now: Volume, change: Change | None) -> ProbeResult:
    """Whether the growth was accepted since the plan was made. Pure."""
    goal = int(plan.before["goal"])
    told = f"{now.told}{f'; {change.told}' if change else ''}"
    if now.size >= goal or (change is not None and change.goal == goal and change.state in {"modifying", "optimizing"}):
        return probed(ProbeAnswer.DONE, told)
    same = str(now.size) == plan.before["size"]
    return probed(ProbeAnswer.NOT_DONE if same else ProbeAnswer.UNKNOWN, f"{told}; wanted: {goal} GiB")


def _of(given: Mapping[str, Any]) -> Change:
    return Change(state=given["ModificationState"], goal=given.get("TargetSize", 0))
