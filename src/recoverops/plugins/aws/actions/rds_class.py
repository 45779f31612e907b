"""The action `rds-class`: another class for a database, at once; undo gives it the old one again."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.databases import DESCRIBE_DATABASE, MODIFY_DATABASE, Database, check_ready, database
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter


class ChangeClass(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "rds-class"
    summary = "Gives the service's RDS instance another class, at once."
    kind = Kind.RDS
    parameters = (
        Parameter(name="class", pattern=r"db\.[a-z][a-z0-9-]{1,20}\.[a-z0-9-]{2,20}", meaning="e.g. db.r7g.large"),
    )
    grants = (DESCRIBE_DATABASE, Grant(action=MODIFY_DATABASE, on=Kind.RDS, why="to change the class"))
    cost = "the new class has another price by the hour, which is not looked up"
    is_slow = True

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.RDS)
        found = database(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        check_ready(found)
        new = arguments["class"]
        if found.cls == new:
            raise PermanentError(f"nothing to change: {ident} is {new} already")
        down = "for the time of a failover" if found.is_spread else "for minutes, because it has no standby"
        return Aim(
            address=address,
            summary=f"change the database {ident} of {service.name} from {found.cls} to {new} at once; it does "
            f"not answer {down}",
            before={
                "database": ident,
                "state": f"{found.cls} available",
                "goal": f"{new} available",
                "state_class": found.cls,
                "goal_class": new,
            },
            chosen=("database",),
            felt=Felt(others={Kind.RDS: frozenset({ident})}),
        )

    def state(self, plan: Plan) -> str:
        return self._database(plan).told

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence(self._database(plan).evidence)

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        ident, new = plan.before["database"], plan.before[f"{wanted}_class"]
        check_ready(self._database(plan))
        self.calls.change(
            place_of(plan), MODIFY_DATABASE, DBInstanceIdentifier=ident, DBInstanceClass=new, ApplyImmediately=True
        )
        attempt.begun(f"AWS was told to make {ident} {new}, but ")

    def _database(self, plan: Plan) -> Database:
        found = database(self.calls, place_of(plan), plan.before["database"])
        self.reach.check_scope(found.id, found.tags)
        return found
