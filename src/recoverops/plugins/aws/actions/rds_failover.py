"""The action `rds-failover`: reboot a Multi-AZ database with failover, so that its standby takes over.

The zones tell whether it has happened: the standby's is the database's own afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.databases import DESCRIBE_DATABASE, READY, Database, check_ready, database
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt

_REBOOT = "rds:RebootDBInstance"


class FailOver(AwsAction):
    """Implements `ports.Action`."""

    name = "rds-failover"
    summary = "Reboots the service's Multi-AZ RDS instance with failover to its standby."
    effect = EffectClass.RESTORATIVE
    kind = Kind.RDS
    grants = (DESCRIBE_DATABASE, Grant(action=_REBOOT, on=Kind.RDS, why="to reboot with failover"))
    cost = "none"
    is_slow = True

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.RDS)
        found = database(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        check_may_fail_over(found)
        return Aim(
            address=address,
            summary=f"fail the database {ident} of {service.name} over from {found.zone} to its standby in "
            f"{found.standby}; connections break, and it does not answer for a minute or two",
            before={"database": ident, "zone": found.zone, "standby": found.standby},
            chosen=("database", "standby"),
            felt=Felt(others={Kind.RDS: frozenset({ident})}),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, self._database(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        ident, found = plan.before["database"], self._database(plan)
        stands = judge(plan, found)
        attempt.kept = {"zone": found.zone} | evidence(found.evidence)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        check_may_fail_over(found)
        self.calls.change(place_of(plan), _REBOOT, DBInstanceIdentifier=ident, ForceFailover=True)
        attempt.begun(f"{ident} was told to fail over, but ")
        while (stands := judge(plan, self._database(plan))).answer is not ProbeAnswer.DONE:
            attempt.wait(LOOK_AGAIN_S)
        attempt.kept["zone"] = plan.before["standby"]
        return succeeded(stands.statement, attempt.kept)

    def _database(self, plan: Plan) -> Database:
        found = database(self.calls, place_of(plan), plan.before["database"])
        self.reach.check_scope(found.id, found.tags)
        return found


def check_may_fail_over(one: Database) -> None:
    """Pure. Raises `PermanentError`."""
    check_ready(one)
    if not one.is_spread or not one.standby:
        raise PermanentError(f"{one.id} has no standby (it is not Multi-AZ): a reboot would only take it down")


def judge(plan: Plan, now: Database) -> ProbeResult:
    """Whether the standby has taken over since the plan was made. Pure."""
    told = f"{now.id} is {now.state} in {now.zone}"
    if now.zone == plan.before["standby"] and now.state in READY:
        return probed(ProbeAnswer.DONE, f"{told}, where its standby was")
    if now.zone == plan.before["zone"] and now.state in READY:
        return probed(ProbeAnswer.NOT_DONE, f"{told}, as it was")
    return probed(ProbeAnswer.UNKNOWN, f"{told}; it was in {plan.before['zone']}, standby in {plan.before['standby']}")
