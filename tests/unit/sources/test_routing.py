"""Which service a pushed series is about, and what its metric is called."""

from __future__ import annotations

import pytest

from recoverops.model import Service
from recoverops.model.pushed import Kind
from recoverops.sources import IntakeSettings
from recoverops.sources.routing import Route, Unrouted, route
from recoverops.topology import Inventory

INVENTORY = Inventory(
    [
        Service(name="checkout", group="checkout", match={"service": "checkout"}),
        Service(name="mail", group="mail", match={"job": "mail", "role": "sender"}),
        Service(name="twin-1", group="twin", match={"job": "twin"}),
        Service(name="twin-2", group="twin", match={"job": "twin"}),
    ]
)


def routed(labels: dict[str, str], kind: Kind = Kind.GAUGE) -> Route | Unrouted:
    return route(labels, kind, INVENTORY, IntakeSettings().target_labels)


@pytest.mark.parametrize(
    ("labels", "kind", "metric"),
    [
        ({"__name__": "queue_depth"}, Kind.GAUGE, "queue_depth"),
        ({"__name__": "up", "job": "x", "instance": "y:1"}, Kind.GAUGE, "up"),
        ({"__name__": "a", "code": "500", "b": 'q"\\'}, Kind.GAUGE, 'a{b="q\\"\\\\", code="500"}'),
        ({"__name__": "http_requests_total"}, Kind.COUNTER, "rate(http_requests_total)"),
        ({"__name__": "http.requests", "http.route": "/"}, Kind.RATE, 'rate({"http.requests", "http.route"="/"})'),
    ],
)
def test_the_metric_is_called_as_promql_calls_it(labels: dict[str, str], kind: Kind, metric: str) -> None:
    found = routed({**labels, "service": "checkout"}, kind)
    assert isinstance(found, Route)
    assert (found.resource.name, found.metric) == ("checkout", metric)


def test_a_pushed_name_never_passes_for_one_that_was_measured_here() -> None:
    found = routed({"__name__": "service.running", "service": "checkout"})
    assert isinstance(found, Route)
    assert found.metric == '{"service.running"}'


def test_labels_by_which_the_service_was_found_are_not_part_of_the_name() -> None:
    found = routed({"__name__": "depth", "job": "mail", "role": "sender"})
    assert isinstance(found, Route)
    assert (found.resource.name, found.metric) == ("mail", "depth")


def test_nobodys_series_say_why() -> None:
    assert routed({"__name__": "up", "service": "unknown"}) is Unrouted.UNLISTED
    assert routed({"__name__": "up", "job": "twin"}) is Unrouted.AMBIGUOUS
