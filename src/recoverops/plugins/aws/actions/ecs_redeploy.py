"""The action `ecs-redeploy`: new tasks for an ECS service, in a rolling deployment of the same definition."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, Execution, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.ecs import EcsService, ecs_service
from recoverops.plugins.aws.grants import DESCRIBE_ECS, Grant
from recoverops.plugins.aws.targets import Felt

UPDATE = "ecs:UpdateService"


class RedeployService(AwsAction):
    """Implements `ports.Action`."""

    name = "ecs-redeploy"
    summary = "Replaces the tasks of the service's ECS service by new ones of the same task definition."
    effect = EffectClass.RESTORATIVE
    kind = Kind.ECS
    grants = (DESCRIBE_ECS, Grant(action=UPDATE, on=Kind.ECS, why="to force a new deployment"))
    cost = "old and new tasks run side by side for the time of the deployment"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.ECS)
        found = ecs_service(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        return Aim(
            address=address,
            summary=f"redeploy the ECS service {ident} of {service.name} "
            f"({found.revision}, {found.running} of {found.desired} tasks run)",
            before={"service": ident, "revision": found.revision, "deployment": found.primary},
            chosen=("service", "revision"),
            felt=Felt(ecs=frozenset({ident})),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, ecs_service(self.calls, place_of(plan), plan.before["service"]))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        ident = plan.before["service"]
        cluster, _, name = ident.partition("/")
        found = ecs_service(self.calls, place_of(plan), ident)
        self.reach.check_scope(ident, found.tags)
        stands = judge(plan, found)
        attempt.kept = {"deployment": found.primary, "revision": found.revision} | evidence(found.evidence)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        answer = self.calls.change(place_of(plan), UPDATE, cluster=cluster, service=name, forceNewDeployment=True)
        made = next((one["id"] for one in answer["service"].get("deployments", ()) if one["status"] == "PRIMARY"), "")
        attempt.kept["deployment"] = made
        return succeeded(f"ECS replaces the tasks of {ident} in the deployment {made}", attempt.kept)


def judge(plan: Plan, now: EcsService) -> ProbeResult:
    """Whether there is a new deployment of the same definition. Pure."""
    if now.revision != plan.before["revision"]:
        return probed(ProbeAnswer.UNKNOWN, f"{now.ident} runs {now.revision} now, it was {plan.before['revision']}")
    if now.primary == plan.before["deployment"]:
        return probed(ProbeAnswer.NOT_DONE, f"the deployment of {now.ident} is still {now.primary or 'none'}")
    return probed(ProbeAnswer.DONE, f"{now.ident} has the new deployment {now.primary}")
