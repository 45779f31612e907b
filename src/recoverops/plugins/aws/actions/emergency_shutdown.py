"""The action `emergency-shutdown`: stop every running instance with the declared tags; undo starts exactly those again.

One instance after the other, so that one that AWS refuses does not keep the others running. What was stopped and what
was not is told by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recoverops.model import (
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    PermanentError,
    Plan,
    RetryableError,
    Service,
)
from recoverops.plugins.aws.action import Aim, place_of
from recoverops.plugins.aws.actions.ec2_power import START, STOP, PowerAction, idents_of
from recoverops.plugins.aws.answers import Attempt
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, DESCRIBE_STATUS
from recoverops.plugins.aws.instances import check_may_stop, told_of
from recoverops.plugins.aws.targets import Felt

_STOP, _START = "ec2:StopInstances", "ec2:StartInstances"


class EmergencyShutdown(PowerAction):
    """Implements `ports.ReversibleAction`."""

    name = "emergency-shutdown"
    summary = "Stops every running EC2 instance with the tags of the service's address."
    always_asks = "nobody is served by these instances until they are started"
    grants = (DESCRIBE_INSTANCES, DESCRIBE_STATUS, STOP, START)
    cost = "stopped instances are not billed by the hour, their volumes and addresses are"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, everything = self.reach.instances(service)
        if address.id is not None:
            raise PermanentError(f"{address.sought}: an emergency shutdown is aimed by tags; for one there is ec2-stop")
        found = tuple(one for one in everything if one.state == "running")
        if not found:
            raise PermanentError(f"nothing to stop: {told_of(everything)}")
        check_may_stop(found)
        idents = [one.id for one in found]
        self.calls.may(address.place, _STOP, InstanceIds=idents)
        self.calls.may(address.place, _START, InstanceIds=idents)
        left = [one for one in everything if one not in found]
        rest = f"; {told_of(left)} is left as it is" if left else ""
        return Aim(
            address=address,
            summary=f"stop all {len(found)} running instances of {service.name}: {', '.join(idents)}{rest}",
            before={
                "instances": " ".join(idents),
                "state": told_of(found),
                "goal": "; ".join(f"{one.id} stopped {one.type}" for one in found),
            },
            chosen=("instances",),
            felt=Felt(instances=frozenset(idents), tags={one.id: one.tags for one in found}),
        )

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        call, told = (_STOP, "stop") if wanted == "goal" else (_START, "start")
        idents = idents_of(plan)
        done, refused, unknown = list[str](), list[str](), list[str]()
        for ident in idents:
            try:
                self.calls.change(place_of(plan), call, InstanceIds=[ident])
            except OutcomeUnknownError as error:
                unknown.append(f"{ident}: {error}")
            except (PermanentError, ForbiddenError, NotFoundError, RetryableError) as error:
                refused.append(f"{ident}: {error}")
            else:
                done.append(ident)
            attempt.kept["changed"] = " ".join(done)
            if done:
                attempt.begun(f"{len(done)} of {len(idents)} were told to {told} ({', '.join(done)}), but ")
        _raise_for(refused, unknown)


def _raise_for(refused: Sequence[str], unknown: Sequence[str]) -> None:
    told = f"not: {'; '.join(refused)}" if refused else ""
    if unknown:
        raise OutcomeUnknownError(f"not known: {'; '.join(unknown)}{f'; {told}' if told else ''}")
    if refused:
        raise PermanentError(told)
