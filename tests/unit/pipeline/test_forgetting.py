"""Which ended alerts nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import Condition, ConditionStatus, Resource, ResourceKind
from recoverops.pipeline import Conditions
from recoverops.pipeline.forgetting import dispensable

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
STRANGER = Resource(kind=ResourceKind.SERVICE, name="unlisted/pod-7")


def ended(
    name: str, minutes: int = 0, *, resource: Resource = CHECKOUT, symptom: str = "errors", sticky: bool = True
) -> Condition:
    at = NOON + timedelta(minutes=minutes)
    return Condition(
        series=f"{resource}/alert:{name}",
        resource=resource,
        symptom=symptom,
        status=ConditionStatus.NORMAL,
        since=at,
        last_at=at,
        value=None,
        statement="s",
        sticky=sticky,
    )


def all_old(*conditions: Condition) -> set[str]:
    return {one.series for one in conditions}


def test_the_newest_of_each_symptom_stays_of_a_resource_that_is_asked_about() -> None:
    first, second, other = ended("a", 1), ended("b", 2), ended("c", 0, symptom="latency")
    known = (second, first, other)
    assert dispensable(known, old=all_old(*known), asked_about={CHECKOUT}) == (first,)


def test_of_a_resource_that_nobody_asks_about_nothing_stays() -> None:
    known = (ended("a", 1, resource=STRANGER), ended("b", 2, resource=STRANGER))
    assert dispensable(known, old=all_old(*known), asked_about={CHECKOUT}) == known


def test_what_is_not_old_stays_and_stands_for_its_symptom() -> None:
    old, new = ended("a", 1), ended("b", 2)
    assert dispensable((old, new), old=all_old(old), asked_about={CHECKOUT}) == (old,)
    assert dispensable((old, new), old=all_old(), asked_about={CHECKOUT}) == ()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90), st.sampled_from(["errors", "latency"])), max_size=12))
def test_no_symptom_of_an_asked_resource_is_ever_lost_nor_its_newest_end(drawn: list[tuple[int, int, str]]) -> None:
    known = [ended(f"{symptom}-{name}", at, symptom=symptom) for name, at, symptom in drawn]
    known = list({one.series: one for one in known}.values())
    gone = dispensable(known, old=all_old(*known), asked_about={CHECKOUT})
    left = [one for one in known if one not in gone]
    for symptom in {one.symptom for one in known}:
        newest = max(one.since for one in known if one.symptom == symptom)
        assert [one.since for one in left if one.symptom == symptom] == [newest]


def test_only_alerts_end_and_only_what_is_still_so_is_forgotten() -> None:
    known = Conditions()
    measured, alert = ended("cpu", sticky=False), ended("a")
    known.put(measured)
    known.put(alert)
    assert known.ended_alerts() == (alert,)
    # it has fired and ended again since it was looked at
    known.put(ended("a", 5))
    known.forget([alert])
    assert known.of(CHECKOUT, alert.series) == ended("a", 5)
    known.forget([ended("a", 5)])
    assert known.of_resource(CHECKOUT) == (measured,)
    assert not known.has_been_normal(alert.series)
    assert known.has_been_normal(measured.series)
