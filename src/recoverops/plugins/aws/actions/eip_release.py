"""The action `eip-release`: give an elastic address that nothing uses back to AWS. Somebody else may have it then."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence, probed, succeeded
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt, chosen_from, only_one
from recoverops.plugins.aws.unused import ElasticAddress, addresses, addresses_at

_RELEASE = "ec2:ReleaseAddress"


class ReleaseAddress(AwsAction):
    """Implements `ports.Action`."""

    name = "eip-release"
    summary = "Releases the service's elastic address, when nothing is associated with it."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.EIP
    grants = (
        Grant(
            action="ec2:DescribeAddresses",
            why="to see whether the address is associated, and its tags",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(action=_RELEASE, on=Kind.EIP, why="to give the address back"),
    )
    cost = "the address is not billed any more"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address = only_one(self.reach.address(service, self.kind))
        found = {one.id: one for one in addresses_at(self.calls, address)}
        chosen = found[chosen_from(address, tuple(found))[0]]
        self._check(chosen)
        self.calls.may(address.place, _RELEASE, AllocationId=chosen.id)
        return Aim(
            address=address,
            summary=f"release the elastic address {chosen.ip} ({chosen.id}) of {service.name} for good",
            before={"allocation": chosen.id, "ip": chosen.ip},
            chosen=("allocation",),
            felt=Felt(),
        )

    def look(self, plan: Plan) -> ProbeResult:
        found = self._found(plan)
        if found is None:
            return probed(ProbeAnswer.DONE, f"{plan.before['ip']} ({plan.before['allocation']}) is released")
        return probed(ProbeAnswer.NOT_DONE, f"{found.ip} ({found.id}) is still there")

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        found = self._found(plan)
        if found is None:
            return succeeded(f"not repeated: {plan.before['ip']} is released", {})
        self._check(found)
        told = ", ".join(f"{name}={value}" for name, value in sorted(found.tags.items()))
        attempt.kept = evidence({"address": f"{found.ip} {found.id}", "tags": told})
        self.calls.change(place_of(plan), _RELEASE, AllocationId=found.id)
        return succeeded(f"{found.ip} ({found.id}) was released", attempt.kept)

    def _found(self, plan: Plan) -> ElasticAddress | None:
        by_id = [{"Name": "allocation-id", "Values": [plan.before["allocation"]]}]
        found = addresses(self.calls, place_of(plan), by_id)
        return found[0] if found else None

    def _check(self, one: ElasticAddress) -> None:
        self.reach.check_scope(one.id, one.tags)
        self.reach.check_protected(one.ip)
        if one.used_by:
            raise PermanentError(
                f"{one.ip} ({one.id}) is associated with {one.used_by}; only an unused one is released"
            )
