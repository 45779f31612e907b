"""The inventory, what an alert's labels mean, and how far a plan reaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recoverops.model import MisconfiguredError, Resource, ResourceKind, Service
from recoverops.topology import BlastRadius, Inventory, ServiceSettings, blast_radius

NAMES = ("a", "b", "c", "d", "e")


def resource(name: str) -> Resource:
    return Resource(kind=ResourceKind.SERVICE, name=name)


def inventory(**groups: str) -> Inventory:
    """`inventory(shop="ab", db="c")`: one letter a service."""
    return Inventory(Service(name=name, group=group) for group, names in groups.items() for name in names)


def test_a_service_that_is_listed_twice_is_refused_by_name() -> None:
    with pytest.raises(MisconfiguredError, match='"a" is listed twice'):
        inventory(shop="aa")


def test_a_service_without_a_group_is_a_group_of_its_own_and_is_meant_by_its_name() -> None:
    found = Inventory.of([ServiceSettings(name="checkout")])

    assert found.services["checkout"].group == "checkout"
    assert found.services["checkout"].match == {"service": "checkout"}
    assert found.members("checkout") == (found.services["checkout"],)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "unlisted/x", "ä", "a" * 101])
def test_a_service_name_that_could_be_mistaken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(name=name)


def test_only_services_are_found_never_hosts_of_the_same_name() -> None:
    found = inventory(shop="a")

    assert found.find(resource("a")) is not None
    assert found.find(Resource(kind=ResourceKind.HOST, name="a")) is None
    assert found.find(resource("z")) is None


LABELS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "by its name": ({"service": "checkout"}, ("checkout",)),
    "among other labels": ({"service": "checkout", "severity": "page"}, ("checkout",)),
    "in other letters": ({"service": "Checkout"}, ()),
    "not at all": ({"job": "checkout"}, ()),
    "without labels": ({}, ()),
    "one demanding service": ({"app": "shop", "tier": "db"}, ("database",)),
    "half of what a service demands": ({"app": "shop"}, ()),
    "the more demanding one wins": ({"service": "checkout", "app": "shop", "tier": "db"}, ("database",)),
    "two alike": ({"instance": "10.0.0.1"}, ("left", "right")),
    "an empty label": ({"service": ""}, ()),
}


@pytest.mark.parametrize("case", LABELS.values(), ids=LABELS)
def test_labels_mean_the_services_whose_every_match_they_equal(case: tuple[dict[str, str], tuple[str, ...]]) -> None:
    labels, names = case
    found = Inventory.of(
        [
            ServiceSettings(name="checkout"),
            ServiceSettings(name="database", match={"app": "shop", "tier": "db"}),
            ServiceSettings(name="left", match={"instance": "10.0.0.1"}),
            ServiceSettings(name="right", match={"instance": "10.0.0.1"}),
        ]
    )

    assert tuple(service.name for service in found.matching(labels)) == names


REACH: dict[str, tuple[str, tuple[str, ...], list[BlastRadius]]] = {
    "one of its group": ("a", (), [BlastRadius(group="shop", touched=1, size=3)]),
    "running work on the group counts": ("a", ("service:b",), [BlastRadius(group="shop", touched=2, size=3)]),
    "the same member counts once": ("a", ("service:a",), [BlastRadius(group="shop", touched=1, size=3)]),
    "running work elsewhere does not": ("a", ("service:d",), [BlastRadius(group="shop", touched=1, size=3)]),
    "two groups": (
        "ad",
        ("service:e",),
        [BlastRadius(group="db", touched=2, size=2), BlastRadius(group="shop", touched=1, size=3)],
    ),
    "something unknown": ("z", ("service:a",), []),
    "nothing": ("", ("service:a",), []),
}


@pytest.mark.parametrize("case", REACH.values(), ids=REACH)
def test_the_blast_radius_counts_what_is_touched_at_the_same_time(
    case: tuple[str, tuple[str, ...], list[BlastRadius]],
) -> None:
    touches, in_flight, expected = case

    assert list(blast_radius(inventory(shop="abc", db="de"), map(resource, touches), in_flight)) == expected


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_more_running_work_never_makes_the_radius_smaller(touches: set[str], some: set[str], more: set[str]) -> None:
    known = inventory(shop="abc", db="de")

    def radius(in_flight: set[str]) -> list[BlastRadius]:
        return list(blast_radius(known, map(resource, sorted(touches)), [f"service:{name}" for name in in_flight]))

    for before, after in zip(radius(some), radius(some | more), strict=True):
        assert before.touched <= after.touched <= after.size
        assert 0.0 < before.share <= after.share <= 1.0


@given(st.sets(st.sampled_from(NAMES), min_size=1))
def test_every_group_that_is_touched_has_its_radius(touches: set[str]) -> None:
    known = inventory(shop="abc", db="de")

    groups = {radius.group for radius in blast_radius(known, map(resource, touches), ())}

    assert groups == {known.services[name].group for name in touches}
