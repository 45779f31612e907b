"""A switch outside can only tighten: whatever it says, does not say, or said too long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.decision.builders import facts, rule

from recoverops.api.telemetry import Metrics
from recoverops.app.caution import CautionWorker, demands_of
from recoverops.decision.gates.consent import approval
from recoverops.model import Demand, ForbiddenError, GateAnswer, Mode, UnreachableError
from recoverops.plugins.aws.approvals_switch import demand_of
from recoverops.testing.doubles import ManualClock


class Switch:
    """A double of `ports.CautionSwitch`."""

    name = "/outside"
    every = timedelta(minutes=1)

    def __init__(self) -> None:
        self.says: Demand | Exception = Demand(is_made=False, statement='says "true"')

    def look(self) -> Demand:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def worker(switch: Switch, clock: ManualClock) -> CautionWorker:
    return CautionWorker(switch, clock, Metrics())


@pytest.mark.parametrize("value", ["true", " TRUE\n", "yes", "on", "1", "enabled"])
def test_the_plain_word_leaves_everything_as_the_configuration_has_it(value: str) -> None:
    assert not demand_of(value).is_made


@pytest.mark.parametrize("value", ["false", "No", "off", "0", "disabled", "", "perhaps", "true false", "truee", None])
def test_every_other_value_demands_approval(value: str | None) -> None:
    assert demand_of(value).is_made


def test_a_value_that_nobody_understands_is_not_repeated() -> None:
    assert "hunter2" not in demand_of("hunter2").statement


def test_before_the_first_reading_it_demands(worker: CautionWorker) -> None:
    assert demands_of([worker]) == ("switch /outside: it has not been read yet",)
    worker.read()
    assert demands_of([worker]) == ()
    assert worker.status.statement == 'says "true"'


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (UnreachableError("no answer"), "it cannot be read: no answer"),
        (
            ForbiddenError("the permission ssm:GetParameter is missing"),
            "it cannot be read: the permission ssm:GetParam",
        ),
        (ValueError("hunter2"), "it cannot be read: ValueError"),
    ],
)
def test_what_cannot_be_read_demands_with_the_reason(
    worker: CautionWorker, switch: Switch, trouble: Exception, told: str
) -> None:
    worker.read()
    switch.says = trouble
    worker.read()
    (demand,) = demands_of([worker])
    assert told in demand
    assert worker.status.state == "unreachable"
    switch.says = Demand(is_made=False, statement='says "true"')
    worker.read()
    assert demands_of([worker]) == ()


def test_a_reading_that_is_too_old_demands(worker: CautionWorker, clock: ManualClock) -> None:
    worker.read()
    clock.sleep(180)
    assert demands_of([worker]) == ()
    clock.sleep(1)
    assert demands_of([worker]) == ("switch /outside: it was last read 181 s ago",)


def test_a_demand_asks_where_the_rule_may_act_and_its_absence_loosens_nothing() -> None:
    assert approval(facts()).answer is GateAnswer.PASS
    asked = approval(facts(demands=("switch /outside: it says no",)))
    assert (asked.answer, asked.statement) == (GateAnswer.ASK, "switch /outside: it says no")
    assert approval(facts(rule=rule(mode=Mode.ASK), demands=())).answer is GateAnswer.ASK
