"""The action `rds-storage`: grow the storage of a database. It cannot shrink again, so a person approves, always."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.databases import DESCRIBE_DATABASE, MODIFY_DATABASE, Database, check_ready, database
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.growth import PERCENT, grown
from recoverops.plugins.aws.targets import Felt

_LEAST_PERCENT = 10
"""RDS refuses less."""


class GrowDatabase(AwsAction):
    """Implements `ports.Action`."""

    name = "rds-storage"
    summary = "Grows the storage of the service's RDS instance; it cannot shrink again."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.RDS
    parameters = (PERCENT,)
    grants = (DESCRIBE_DATABASE, Grant(action=MODIFY_DATABASE, on=Kind.RDS, why="to grow the storage"))
    cost = "the added storage is billed by the month, for as long as the database exists"
    is_slow = True

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.RDS)
        found = database(self.calls, address.place, ident)
        self.reach.check_scope(ident, found.tags)
        check_may_grow(found)
        percent = int(arguments["percent"])
        if percent < _LEAST_PERCENT:
            raise PermanentError(f"{ident}: RDS grows storage by 10 % at least, asked is {percent} %")
        goal = grown(ident, found.storage, percent, self.reach.settings.bounds)
        return Aim(
            address=address,
            summary=f"grow the storage of the database {ident} of {service.name} from {found.storage} to {goal} GiB, "
            "which cannot be taken back; AWS allows the next change after six hours",
            before={"database": ident, "storage": str(found.storage), "goal": str(goal)},
            chosen=("database", "goal"),
            felt=Felt(others={Kind.RDS: frozenset({ident})}),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, self._database(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        ident, goal, found = plan.before["database"], int(plan.before["goal"]), self._database(plan)
        stands = judge(plan, found)
        attempt.kept = {"storage": str(found.storage)} | evidence(found.evidence)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        check_may_grow(found)
        self.calls.change(
            place_of(plan), MODIFY_DATABASE, DBInstanceIdentifier=ident, AllocatedStorage=goal, ApplyImmediately=True
        )
        attempt.begun(f"AWS was told to grow {ident} to {goal} GiB, but ")
        while (found := self._database(plan)).storage < goal:
            if not attempt.may_wait(LOOK_AGAIN_S):
                return succeeded(f"AWS has accepted it and is still at it: {_told(found)}", attempt.kept)
        attempt.kept["storage"] = str(found.storage)
        return succeeded(_told(found), attempt.kept)

    def _database(self, plan: Plan) -> Database:
        found = database(self.calls, place_of(plan), plan.before["database"])
        self.reach.check_scope(found.id, found.tags)
        return found


def check_may_grow(one: Database) -> None:
    """Pure. Raises `PermanentError`."""
    check_ready(one)
    if one.state == "storage-optimization":
        raise PermanentError(f"{one.id} has been grown lately and is being optimised; AWS refuses another growth now")


def judge(plan: Plan, now: Database) -> ProbeResult:
    """Whether the growth was accepted since the plan was made. Pure."""
    goal = plan.before["goal"]
    if now.storage >= int(goal) or now.pending.get("AllocatedStorage") == goal:
        return probed(ProbeAnswer.DONE, _told(now))
    same = str(now.storage) == plan.before["storage"] and "AllocatedStorage" not in now.pending
    return probed(ProbeAnswer.NOT_DONE if same else ProbeAnswer.UNKNOWN, f"{_told(now)}; wanted: {goal} GiB")


def _told(one: Database) -> str:
    coming = one.pending.get("AllocatedStorage")
    return f"{one.id} is {one.state} with {one.storage} GiB{f', {coming} GiB asked for' if coming else ''}"
