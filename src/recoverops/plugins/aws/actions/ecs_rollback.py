"""The action `ecs-rollback`: back to the previous task definition; undo goes forward again."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.ecs import EcsService, active_revisions, ecs_service, previous_revision
from recoverops.plugins.aws.grants import DESCRIBE_ECS, Grant
from recoverops.plugins.aws.targets import Felt

_UPDATE = "ecs:UpdateService"


class RollBackService(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "ecs-rollback"
    summary = "Rolls the service's ECS service back to the previous task definition."
    kind = Kind.ECS
    grants = (
        DESCRIBE_ECS,
        Grant(
            action="ecs:ListTaskDefinitions",
            why="to find the previous revision of the task definition",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(action=_UPDATE, on=Kind.ECS, why="to give the service another revision"),
    )
    cost = "old and new tasks run side by side for the time of the deployment"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.ECS)
        found = ecs_service(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        active = active_revisions(self.calls, address.place, found.revision.rpartition(":")[0])
        goal = previous_revision(found, active)
        return Aim(
            address=address,
            summary=f"roll the ECS service {ident} of {service.name} back from {found.revision} to {goal} "
            f"({found.running} of {found.desired} tasks run)",
            before={"service": ident, "state": found.revision, "goal": goal},
            chosen=("service", "goal"),
            felt=Felt(ecs=frozenset({ident})),
        )

    def state(self, plan: Plan) -> str:
        return self._service(plan).revision

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence(self._service(plan).evidence)

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        cluster, _, name = plan.before["service"].partition("/")
        revision = plan.before[wanted]
        self.calls.change(place_of(plan), _UPDATE, cluster=cluster, service=name, taskDefinition=revision)
        attempt.begun(f"{plan.before['service']} was told to run {revision}, but ")

    def _service(self, plan: Plan) -> EcsService:
        found = ecs_service(self.calls, place_of(plan), plan.before["service"])
        self.reach.check_scope(found.ident, found.tags)
        return found
