"""The action `ec2-monitoring`: detailed monitoring, a value a minute, for a while; undo or time switches it off.

The source of the same name ends what has lasted long enough.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.actions.ec2_power import idents_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.instances import Instance, described
from recoverops.plugins.aws.monitored import GRANTS, MARK, OFF, ON, TAG, UNMARK, mark, switch_off, switch_on, told_of
from recoverops.plugins.aws.targets import Felt


class MonitorInstances(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "ec2-monitoring"
    summary = "Switches detailed monitoring of the service's EC2 instances on for a while."
    kind = Kind.EC2
    grants = GRANTS
    cost = "detailed monitoring is billed for each metric, for the time that it is on"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        for one in found:
            if one.monitoring != "disabled" or TAG in one.tags:
                raise PermanentError(f"nothing to switch on: {told_of(one)}")
        idents = [one.id for one in found]
        lasts = self.reach.settings.bounds.monitoring_lasts
        self.calls.may(address.place, MARK, Resources=idents, Tags=mark(self.clock.now() + lasts))
        self.calls.may(address.place, ON, InstanceIds=idents)
        self.calls.may(address.place, OFF, InstanceIds=idents)
        self.calls.may(address.place, UNMARK, Resources=idents, Tags=[{"Key": TAG}])
        return Aim(
            address=address,
            summary=f"switch detailed monitoring of {', '.join(idents)} of {service.name} on for {lasts}",
            before={
                "instances": " ".join(idents),
                "state": _told(found),
                "goal": "; ".join(f"{one} enabled for a while" for one in idents),
            },
            chosen=("instances",),
            felt=Felt(instances=frozenset(idents), tags={one.id: one.tags for one in found}),
        )

    def state(self, plan: Plan) -> str:
        return _told(self._found(plan))

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence({"instances": "; ".join(one.told for one in self._found(plan))})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        idents = idents_of(plan)
        if wanted == "goal":
            end = self.clock.now() + self.reach.settings.bounds.monitoring_lasts
            switch_on(self.calls, place_of(plan), idents, end=end)
        else:
            switch_off(self.calls, place_of(plan), idents)
        attempt.begun(
            f"detailed monitoring of {', '.join(idents)} was switched {'on' if wanted == 'goal' else 'off'}, but "
        )

    def _found(self, plan: Plan) -> tuple[Instance, ...]:
        found = described(self.calls, place_of(plan), idents_of(plan))
        for one in found:
            self.reach.check_scope(one.id, one.tags)
        return found


def _told(found: tuple[Instance, ...]) -> str:
    return "; ".join(told_of(one) for one in sorted(found, key=lambda one: one.id))
