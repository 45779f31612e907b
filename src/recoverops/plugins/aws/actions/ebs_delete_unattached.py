"""The action `ebs-delete-unattached`: keep a volume in a snapshot, and delete it when the snapshot is complete.

The snapshot carries our key, so a repetition goes on with it instead of making another one. AWS itself refuses to
delete a volume that was attached meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt, chosen_from, only_one
from recoverops.plugins.aws.unused import Snapshot, Volume, snapshots, volumes, volumes_at

_SNAPSHOT, _DELETE = "ec2:CreateSnapshot", "ec2:DeleteVolume"
_SNAPSHOTS = "arn:{partition}:ec2:{region}::snapshot/*"
_NONE = "AWS has no resource-level permission for it"
_TAG = "recoverops:deleted-by"


class DeleteVolume(AwsAction):
    """Implements `ports.Action`."""

    name = "ebs-delete-unattached"
    summary = "Takes a snapshot of the service's unattached EBS volume, and deletes the volume when it is complete."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.EBS
    is_slow = True
    grants = (
        Grant(
            action="ec2:DescribeVolumes",
            why="to see whether the volume is attached, and its tags",
            no_resource=_NONE,
            changes=False,
        ),
        Grant(
            action="ec2:DescribeSnapshots",
            why="to see whether the snapshot is complete",
            no_resource=_NONE,
            changes=False,
        ),
        Grant(action=_SNAPSHOT, on=Kind.EBS, why="to keep what is on the volume"),
        Grant(action=_SNAPSHOT, arn=_SNAPSHOTS, why="to make the snapshot, which has no id before"),
        Grant(
            action="ec2:CreateTags",
            arn=_SNAPSHOTS,
            why="to give the snapshot our key and the volume's tags when it is made; at no other time",
            condition={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
        ),
        Grant(action=_DELETE, on=Kind.EBS, why="to delete the volume when its snapshot is complete"),
    )
    cost = "the volume is not billed any more, its snapshot is, at a lower price"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address = only_one(self.reach.address(service, self.kind))
        found = {one.id: one for one in volumes_at(self.calls, address)}
        volume = found[chosen_from(address, tuple(found))[0]]
        self._check(volume)
        known = snapshots(self.calls, address.place, volume.id)
        self.calls.may(address.place, _SNAPSHOT, **_keeping(volume, "plan"))
        self.calls.may(address.place, _DELETE, VolumeId=volume.id)
        return Aim(
            address=address,
            summary=f"take a snapshot of the unattached volume {volume.told} of {service.name} and delete it for good "
            f"(it has {len(known)} snapshots)",
            before={"volume": volume.id, "state": volume.state},
            chosen=("volume",),
            felt=Felt(),
        )

    def look(self, plan: Plan) -> ProbeResult:
        volume = self._volume(place_of(plan), plan.before["volume"])
        if volume is None:
            return probed(ProbeAnswer.DONE, f"{plan.before['volume']} is gone")
        return probed(ProbeAnswer.NOT_DONE, f"{volume.told} is {volume.state}")

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        place, volume = place_of(plan), self._volume(place_of(plan), plan.before["volume"])
        if volume is None:
            return succeeded(f"not repeated: {plan.before['volume']} is gone", {})
        self._check(volume)
        before = snapshots(self.calls, place, volume.id)
        attempt.kept = evidence({"volume": volume.told, "snapshots": "; ".join(one.told for one in before)})
        kept = self._snapshot(place, volume, attempt, key=key)
        now = self._volume(place, volume.id)
        if now is None or not now.is_unattached:
            return failed(f"{volume.id} was kept in {kept.id} and not deleted: it is in use now", attempt.kept)
        self.calls.change(place, _DELETE, VolumeId=volume.id)
        return succeeded(f"{volume.told} was deleted; what was on it is in the snapshot {kept.id}", attempt.kept)

    def _snapshot(self, place: Place, volume: Volume, attempt: Attempt, *, key: str) -> Snapshot:
        """The complete one with our key. Raises `PermanentError` when AWS could not make it."""
        found = [one for one in snapshots(self.calls, place, volume.id, tag=(_TAG, key)) if one.state != "error"]
        ident = found[0].id if found else self.calls.change(place, _SNAPSHOT, **_keeping(volume, key))["SnapshotId"]
        attempt.kept["snapshot"] = ident
        attempt.begun(f"the snapshot {ident} of {volume.id} was begun and the volume is untouched, but ")
        while True:
            of_ours = snapshots(self.calls, place, volume.id, tag=(_TAG, key))
            now = next((one for one in of_ours if one.id == ident), None)
            if now is not None and now.state == "completed":
                return now
            if now is not None and now.state == "error":
                raise PermanentError(f"AWS could not complete it: {now.told}")
            attempt.wait(LOOK_AGAIN_S)

    def _volume(self, place: Place, ident: str) -> Volume | None:
        found = volumes(self.calls, place, [{"Name": "volume-id", "Values": [ident]}])
        return found[0] if found else None

    def _check(self, volume: Volume) -> None:
        self.reach.check_scope(volume.id, volume.tags)
        if not volume.is_unattached:
            to = f" and attached to {', '.join(volume.attached_to)}" if volume.attached_to else ""
            raise PermanentError(f"{volume.told} is {volume.state}{to}; only an unattached volume is deleted")


def _keeping(volume: Volume, key: str) -> dict[str, Any]:
    """With the volume's own tags, as far as AWS lets them be given."""
    tags = {name: value for name, value in volume.tags.items() if not name.startswith("aws:")} | {_TAG: key}
    listed = [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
    return {
        "VolumeId": volume.id,
        "Description": f"{volume.id}, deleted by RecoverOps",
        "TagSpecifications": [{"ResourceType": "snapshot", "Tags": listed}],
    }
