"""The source `cloudwatch-metrics`, against the double of AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, service

from recoverops.clock import SystemClock
from recoverops.model import Resource, ResourceKind, Sample, Service, UnreachableError
from recoverops.ports import Source
from recoverops.testing import check_source
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.faults import Fault

_NUMBERS = itertools.count(1)


def minutes_ago(count: int) -> datetime:
    """A whole minute."""
    return SystemClock().now().replace(second=0, microsecond=0) - timedelta(minutes=count)


class World:
    """A namespace of its own, with one metric for each service."""

    def __init__(self, aws: Aws, services: Iterable[str]) -> None:
        self.aws = aws
        number = next(_NUMBERS)
        self.namespace, self.load = f"Shop{number}", f"Load{number}"  # moto does not tell namespaces apart
        self.services = {name: service(name, f"asg id=group-{name}") for name in services}

    def put(self, name: str, value: float, *, at: datetime, metric: str = "", **more: str) -> None:
        dimensions = {"Service": name, **more}
        self.aws.admin("cloudwatch").put_metric_data(
            Namespace=self.namespace, MetricData=[datum(dimensions, value, at=at, metric=metric or self.load)]
        )

    def put_all(self, *, at: datetime) -> None:
        data = [datum({"Service": name}, 1.0, at=at, metric=self.load) for name in self.services]
        for start in range(0, len(data), 500):
            self.aws.admin("cloudwatch").put_metric_data(Namespace=self.namespace, MetricData=data[start : start + 500])

    def source(self, key: Key, **settings: Any) -> Source:
        watch = {"namespace": self.namespace, "name": self.load, "metric": "host.load", "dimension": "Service"}
        given = {"metrics": {"watch": [watch]}, "actions": [], **settings}
        (source,) = Shop(aws=self.aws, services=self.services, settings=given).parts(key).sources
        return source

    def policy(self, key: Key) -> Mapping[str, Any]:
        given = {"metrics": {"watch": [{"namespace": "x", "name": "x", "metric": "x", "dimension": "x"}]}}
        (policy,) = Shop(aws=self.aws, services={}, settings={**given, "actions": []}).parts(key).policies
        document: Mapping[str, Any] = json.loads(policy.document)
        return document


def datum(dimensions: Mapping[str, str], value: float, *, at: datetime, metric: str) -> dict[str, Any]:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"MetricName": metric, "Dimensions": named, "Value": value, "Timestamp": at}


def told(samples: Iterable[Sample]) -> dict[str, float]:
    return {one.resource.name: one.value for one in samples}


def test_the_source_keeps_the_contract_of_sources_with_the_generated_policy(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout", "cart"])
    world.put_all(at=minutes_ago(3))
    source = world.source(aws.user(world.policy(root)))
    resources = {Resource(kind=ResourceKind.SERVICE, name=name) for name in ("checkout", "cart")}
    samples = check_source(source, resources=resources, cut_off=aws.faults.cut_off)
    assert {one.metric for one in samples} == {"host.load"}
    assert {one.at.tzinfo for one in samples} == {UTC}


@pytest.mark.parametrize("missing", ["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"])
def test_without_one_permission_the_source_says_which(aws: Aws, root: Key, missing: str) -> None:
    world = World(aws, ["checkout"])
    world.put("checkout", 1.0, at=minutes_ago(3))
    policy = json.loads(json.dumps(world.policy(root)).replace(f'"{missing}"', '"cloudwatch:DescribeAlarms"'))
    with pytest.raises(UnreachableError, match=f"the permission {missing} is missing"):
        world.source(aws.user(policy)).poll()


def test_five_thousand_metrics_are_found_with_ten_calls_and_read_with_ten(
    aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]]
) -> None:
    """Few of them have a value now: moto needs a minute for 5,000 that have, and the calls are the same."""
    world = World(aws, [f"s{number}" for number in range(5000)])
    world.put_all(at=minutes_ago(300))
    for name in ("s0", "s2500", "s4999"):
        world.put(name, 2.0, at=minutes_ago(3))
    source = world.source(root, timeout="30s")

    assert told(source.poll()) == {"s0": 2.0, "s2500": 2.0, "s4999": 2.0}
    once = {"sts:GetCallerIdentity": 1}
    assert calls() == {"cloudwatch:ListMetrics": 10, "cloudwatch:GetMetricData": 10, **once}

    aws.faults.forget()
    assert source.poll() == ()
    assert calls() == {"cloudwatch:GetMetricData": 10}


def test_a_value_that_arrives_late_is_read_all_the_same(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout", "cart"])
    world.put_all(at=minutes_ago(8))
    source = world.source(root)
    assert told(source.poll()) == {"checkout": 1.0, "cart": 1.0}

    world.put("checkout", 5.0, at=minutes_ago(4))
    assert told(source.poll()) == {"checkout": 5.0}
    world.put("cart", 7.0, at=minutes_ago(6))
    assert told(source.poll()) == {"cart": 7.0}
    assert source.poll() == ()


def test_a_value_that_changes_afterwards_is_reported_again(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout"])
    at = minutes_ago(4)
    world.put("checkout", 1.0, at=at)
    source = world.source(root)
    assert told(source.poll()) == {"checkout": 1.0}
    world.put("checkout", 3.0, at=at)
    assert told(source.poll()) == {"checkout": 2.0}


def test_a_metric_without_values_says_nothing_and_is_not_zero(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout", "cart"])
    world.put("checkout", 1.0, at=minutes_ago(3))
    world.put("cart", 1.0, at=minutes_ago(300))
    assert told(world.source(root).poll()) == {"checkout": 1.0}


def test_the_minute_that_still_runs_is_not_read(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout"])
    world.put("checkout", 1.0, at=minutes_ago(2))
    world.put("checkout", 9.0, at=minutes_ago(0) + timedelta(minutes=1, seconds=5))
    assert told(world.source(root).poll()) == {"checkout": 1.0}


def test_other_dimensions_make_another_metric_and_unknown_services_are_left_out(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout"])
    world.put("checkout", 1.0, at=minutes_ago(3))
    world.put("checkout", 2.0, at=minutes_ago(2), Zone="a")
    world.put("somebody", 3.0, at=minutes_ago(2))
    world.put("checkout", 4.0, at=minutes_ago(2), metric="Other")
    assert told(world.source(root).poll()) == {"checkout": 1.0}


def test_a_dimension_may_be_the_id_of_the_resource_and_two_services_with_one_id_are_nobody(aws: Aws, root: Key) -> None:
    world = World(aws, [])
    for name in ("checkout", "twin-a", "twin-b"):
        ident = "web" if name == "checkout" else "twins"
        world.services[name] = Service(name=name, group=name, address={"aws": f"asg id={ident}"})
    world.put("web", 1.0, at=minutes_ago(3))
    world.put("twins", 2.0, at=minutes_ago(3))
    assert told(world.source(root).poll()) == {"checkout": 1.0}


def test_a_throttled_call_is_tried_again(aws: Aws, root: Key) -> None:
    world = World(aws, ["checkout"])
    world.put("checkout", 1.0, at=minutes_ago(3))
    aws.faults.plan("cloudwatch:GetMetricData", Fault.THROTTLED)
    assert told(world.source(root).poll()) == {"checkout": 1.0}
