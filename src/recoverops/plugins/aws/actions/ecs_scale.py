"""The action `ecs-scale`: change the desired count of an ECS service within bounds; undo sets it back.

Undo is refused when somebody else, a scaling policy included, has changed the desired count since.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.ecs import EcsService, ecs_service
from recoverops.plugins.aws.grants import DESCRIBE_ECS, Grant
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_UPDATE = "ecs:UpdateService"


class ScaleService(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "ecs-scale"
    summary = "Raises or lowers the desired count of the service's ECS service, within bounds."
    kind = Kind.ECS
    parameters = (
        Parameter(name="count_delta", pattern=r"\+[1-9][0-9]?|-[1-9][0-9]?", meaning="by how much, e.g. +1 or -1"),
    )
    grants = (DESCRIBE_ECS, Grant(action=_UPDATE, on=Kind.ECS, why="to set the desired count"))
    cost = "one task more or less for each step; on Fargate it is billed by the second"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.ECS)
        found = ecs_service(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        settings = self.reach.settings
        delta = int(arguments["count_delta"])
        goal = count_of(found, delta, max_step=settings.max_step, most=settings.bounds.max_tasks)
        return Aim(
            address=address,
            summary=f"scale the ECS service {ident} of {service.name} from {found.desired} to {goal} tasks "
            f"({found.running} run)",
            before={"service": ident, "state": str(found.desired), "goal": str(goal)},
            chosen=("service", "goal"),
            felt=Felt(ecs=frozenset({ident})),
        )

    def state(self, plan: Plan) -> str:
        return str(self._service(plan).desired)

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence(self._service(plan).evidence)

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        cluster, _, name = plan.before["service"].partition("/")
        count = int(plan.before[wanted])
        self.calls.change(place_of(plan), _UPDATE, cluster=cluster, service=name, desiredCount=count)
        attempt.begun(f"the desired count of {plan.before['service']} was set to {count}, but ")

    def _service(self, plan: Plan) -> EcsService:
        found = ecs_service(self.calls, place_of(plan), plan.before["service"])
        self.reach.check_scope(found.ident, found.tags)
        return found


def count_of(service: EcsService, delta: int, *, max_step: int, most: int) -> int:
    """The new desired count. Pure. Raises `PermanentError` outside the bounds."""
    goal = service.desired + delta
    if service.is_daemon:
        raise PermanentError(f"{service.ident} runs one task on each machine (DAEMON), it has no desired count")
    if abs(delta) > max_step:
        raise PermanentError(f"{service.ident}: a step of {delta:+} is larger than max_step, which is {max_step}")
    if goal < 1:
        raise PermanentError(f"{service.ident} cannot go from {service.desired} to {goal}: no task would be left")
    if delta > 0 and goal > most:
        raise PermanentError(f"{service.ident} cannot go to {goal} tasks: bounds.max_tasks is {most}")
    return goal
