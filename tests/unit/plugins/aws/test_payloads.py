"""What stands in a Kinesis record, and which shards may be read."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recoverops.model import LogSeverity, Mark, MisconfiguredError, Resource, ResourceKind, Service
from recoverops.plugins.aws.formats import Format
from recoverops.plugins.aws.log_groups import LogGroups
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.sources import payloads
from recoverops.plugins.aws.sources.payloads import PayloadReader
from recoverops.plugins.aws.sources.shards import Shard, parts_of
from recoverops.plugins.aws.stream_settings import LogGroupSettings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOP = AccountSettings(name="shop", id="123456789012", regions=("eu-central-1",))
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
SERVICES = {
    "checkout": Service(name="checkout", group="shop", address={"aws-logs": "/ecs/shop/checkout"}),
    "pay": Service(name="pay", group="shop", address={"aws": "lambda id=pay"}),
    "cart": Service(name="cart", group="shop"),
}
GROUPS = LogGroups.of([LogGroupSettings(name="carts", service="cart", format="ec2")], SERVICES, [SHOP])
READER = PayloadReader(GROUPS, region="eu-central-1", account_id=SHOP.id)


def subscription(group: str = "/ecs/shop/checkout", *, kind: str = "DATA_MESSAGE", events: int = 2) -> bytes:
    told = {
        "messageType": kind,
        "owner": SHOP.id,
        "logGroup": group,
        "logStream": "s1",
        "subscriptionFilters": ["all"],
        "logEvents": [
            {"id": f"e{n}", "timestamp": int(NOON.timestamp() * 1000) + n, "message": f"ERROR {n} token=abcdef"}
            for n in range(events)
        ],
    }
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    "wrap",
    [lambda text: text, gzip.compress, lambda text: base64.b64encode(gzip.compress(text))],
    ids=["plain", "gzip", "gzip in base64"],
)
def test_a_subscription_record_is_its_events(wrap: Any) -> None:
    found = READER.read(wrap(subscription()), arrived=NOON)
    assert [(one.id, one.body, one.resource) for one in found.records] == [
        ("e0", "ERROR 0 token=[redacted]", CHECKOUT),
        ("e1", "ERROR 1 token=[redacted]", CHECKOUT),
    ]
    assert found.records[1].at == NOON + timedelta(milliseconds=1)
    assert found.records[0].attributes == {
        "aws.log.group.names": "/ecs/shop/checkout",
        "aws.log.stream.names": "s1",
        "cloud.account.id": SHOP.id,
        "cloud.region": "eu-central-1",
    }


def test_a_control_message_holds_nothing() -> None:
    found = READER.read(gzip.compress(subscription(kind="CONTROL_MESSAGE", events=1)), arrived=NOON)
    assert (found.records, found.is_readable) == ((), True)


def test_lines_of_json_and_text_are_records_with_the_time_that_they_say() -> None:
    lines = [
        '{"id":"a","level":"warn","message":"slow","service":"checkout","timestamp":"2026-03-01T11:59:58Z"}',
        '{"msg":"fast","ts":1772366398000}',
        "",
        "just text",
    ]
    found = READER.read("\n".join(lines).encode(), arrived=NOON).records
    assert [(one.id, one.severity, one.body, one.at) for one in found] == [
        ("a", LogSeverity.WARN, "slow", NOON - timedelta(seconds=2)),
        ("", LogSeverity.UNKNOWN, "fast", NOON - timedelta(seconds=2)),
        ("", LogSeverity.UNKNOWN, "just text", NOON),
    ]
    assert found[0].attributes["service.name"] == "checkout"
    assert {one.resource for one in found} == {None}


def test_lines_that_name_no_service_are_about_the_one_of_the_stream() -> None:
    reader = PayloadReader(GROUPS, region="eu-central-1", account_id=SHOP.id, resource=CHECKOUT)
    named, other = reader.read(b'{"message":"x","service":"cart"}\ny', arrived=NOON).records
    assert (named.resource, other.resource) == (None, CHECKOUT)


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8bxxxx", gzip.compress(b"x" * 1000, mtime=0)[:-12], b"H4sI!!!", b"H4sIAAAA"],
    ids=["no gzip", "gzip that ends too early", "no base64", "base64 of no gzip"],
)
def test_what_is_damaged_is_told_and_not_read(data: bytes) -> None:
    assert not READER.read(data, arrived=NOON).is_readable


def test_what_unpacks_to_too_much_is_not_read() -> None:
    bomb = gzip.compress(b"\0" * (payloads.MOST_BYTES + 1))
    assert len(bomb) < 100_000
    assert not READER.read(bomb, arrived=NOON).is_readable


def test_bytes_that_are_no_text_survive() -> None:
    (record,) = READER.read(b"caf\xe9 ERROR", arrived=NOON).records
    assert record.body == "caf\ufffd ERROR"


# --- log groups ---------------------------------------------------------------------------------------------------


def test_a_group_belongs_to_who_says_so_or_whom_it_is_named_after() -> None:
    def owner(group: str) -> tuple[str | None, Format]:
        resource, format_ = GROUPS.find(SHOP.id, "eu-central-1", group)
        return (None if resource is None else resource.name), format_

    assert owner("/ecs/shop/checkout") == ("checkout", Format.ECS)
    assert owner("/aws/lambda/pay") == ("pay", Format.LAMBDA)
    assert owner("carts") == ("cart", Format.EC2)
    assert owner("somebody") == (None, Format.ANY)
    assert GROUPS.find("999999999999", "eu-central-1", "carts")[0] is None
    assert [one.part for one in GROUPS.polled] == ["shop/eu-central-1:/ecs/shop/checkout", "shop/eu-central-1:carts"]
    assert GROUPS.polled[1].arn == "arn:aws:logs:eu-central-1:123456789012:log-group:carts:*"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            LogGroupSettings(name="x", service="nobody"),
            'there is no service "nobody"; the inventory has: cart, checkout',
        ),
        (LogGroupSettings(name="x", account="other"), "it does not say which account"),
        (LogGroupSettings(name="x", region="us-east-1"), "us-east-1 is no region of account shop"),
        (LogGroupSettings(name="/ecs/shop/checkout", service="cart"), "/ecs/shop/checkout is service:cart's already"),
    ],
)
def test_a_group_that_nobody_understands_is_refused(given: LogGroupSettings, told: str) -> None:
    with pytest.raises(MisconfiguredError, match=told):
        LogGroups.of([given], SERVICES, [SHOP])


def test_an_address_that_nobody_understands_is_refused() -> None:
    service = Service(name="a", group="a", address={"aws-logs": "/ecs/a stream=x"})
    with pytest.raises(MisconfiguredError, match="write the name of a log group"):
        LogGroups.of([], {"a": service}, [SHOP])


# --- shards -------------------------------------------------------------------------------------------------------


def finished(*parts: str) -> list[Mark]:
    return [Mark(source="s", part=part, is_finished=True, until=NOON) for part in parts]


def begun(*parts: str) -> list[Mark]:
    return [Mark(source="s", part=part, until=NOON) for part in parts]


OLD = Shard(id="0", is_open=False)
SPLIT = (OLD, Shard(id="1", parents=("0",)), Shard(id="2", parents=("0",), is_open=False))
MERGED = (*SPLIT, Shard(id="3", is_open=False), Shard(id="4", parents=("2", "3")))


@pytest.mark.parametrize(
    ("shards", "known", "from_latest", "ready", "gone"),
    [
        ((Shard(id="0"), Shard(id="9")), [], False, "09", ""),
        (MERGED, [], False, "03", ""),
        (MERGED, [], True, "14", ""),
        (MERGED, begun("0", "3"), True, "03", ""),
        (MERGED, [*finished("0"), *begun("3")], True, "123", ""),
        (MERGED, [*finished("0", "2"), *begun("1", "3")], False, "13", ""),
        (MERGED, [*finished("0", "2", "3"), *begun("1")], False, "14", ""),
        (MERGED[1:], [*finished("0", "2", "3"), *begun("1")], False, "14", "0"),
        (MERGED[1:], [], False, "123", ""),
    ],
    ids=[
        "open ones",
        "parents first",
        "from latest the closed ones are left out",
        "unless they were begun",
        "children of what is read",
        "a merge waits for both",
        "and then comes",
        "what is gone is forgotten",
        "a parent that is gone holds nobody up",
    ],
)
def test_children_are_read_after_their_parents(
    shards: tuple[Shard, ...], known: list[Mark], from_latest: bool, ready: str, gone: str
) -> None:
    found = parts_of(shards, known, from_latest=from_latest)
    assert (found.ready, found.gone) == (tuple(ready), tuple(gone))
