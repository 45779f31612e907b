"""The notifier of SNS topics, against the double."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from tests.integration.aws.conftest import Shop

from recoverops.model import PermanentError
from recoverops.plugins.aws import AwsSettings
from recoverops.plugins.aws.sns import message_of, subject_of
from recoverops.ports import Notifier
from recoverops.testing import check_notifier, sample_notification
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.faults import Fault
from recoverops.testing.notifier_kit import HOSTILE_TEXT


def topic(aws: Aws, name: str, **attributes: str) -> str:
    arn: str = aws.admin("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
    return arn


def published(arn: str) -> list[Any]:
    from moto.sns.models import sns_backends

    return list(sns_backends[ACCOUNT][REGION].topics[arn].sent_notifications)


def shop_of(aws: Aws, arn: str) -> Shop:
    return Shop(aws=aws, services={}, settings={"actions": [], "publish_to": {"pages": arn}})


def notifier_of(shop: Shop, key: Key) -> Notifier:
    (notifier,) = shop.parts(key).notifiers
    return notifier


def test_it_keeps_the_contract_of_notifiers_with_the_generated_policy(aws: Aws, root: Key) -> None:
    arn = topic(aws, "kit")
    shop = shop_of(aws, arn)
    (policy,) = shop.parts(root).policies
    (statement,) = json.loads(policy.document)["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sns:Publish"], arn)
    key = aws.user(json.loads(policy.document))

    @contextmanager
    def rejection() -> Iterator[None]:
        aws.faults.plan("sns:Publish", Fault.REFUSED)
        yield

    notifier = notifier_of(shop, key)
    assert notifier.name == "sns-pages"
    check_notifier(
        notifier,
        received=lambda: len(published(arn)),
        outage=aws.faults.cut_off,
        rejection=rejection,
        secrets=(key.secret,),
    )


def test_a_topic_that_the_policy_does_not_name_is_refused_with_the_missing_permission(aws: Aws, root: Key) -> None:
    allowed, other = topic(aws, "allowed"), topic(aws, "other")
    (policy,) = shop_of(aws, allowed).parts(root).policies
    key = aws.user(json.loads(policy.document))
    with pytest.raises(PermanentError, match="the permission sns:Publish is missing"):
        notifier_of(shop_of(aws, other), key).send(sample_notification(), idempotency_key="ntf-1")
    assert published(other) == []


def test_a_fifo_topic_gets_our_key_and_drops_the_repetition(aws: Aws, root: Key) -> None:
    arn, sqs = topic(aws, "ordered.fifo", FifoTopic="true"), aws.admin("sqs")
    queue = sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    endpoint = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.admin("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    notifier = notifier_of(shop_of(aws, arn), root)
    for key in ("ntf-1:sns-pages", "ntf-1:sns-pages", "ntf-2:sns-pages"):
        notifier.send(sample_notification(), idempotency_key=key)
    count = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert count["ApproximateNumberOfMessages"] == "2"


def test_what_is_published_reads_like_a_message_and_hides_secrets() -> None:
    told = msgspec.structs.replace(sample_notification(body="password=open-sesame"), fields={"rule": "restart"})
    assert subject_of(told) == "CRITICAL checkout is down"
    assert message_of(told).splitlines() == [
        "checkout is down",
        "password=[redacted]",
        "incident.opened at 2026-01-31 12:00:01 UTC",
        "rule: restart",
        "incident: inc-20260131-120000-abcdef",
    ]


def test_a_subject_is_short_printable_and_one_line_whatever_an_alert_says() -> None:
    subject = subject_of(sample_notification(title=HOSTILE_TEXT * 3))
    assert len(subject) <= 100
    assert all(" " <= char <= "~" for char in subject)
    assert subject.startswith("CRITICAL ")


@pytest.mark.parametrize(
    ("arn", "told"),
    [
        (f"arn:aws:sns:eu-west-1:{ACCOUNT}:pages", "is in no account and region of accounts"),
        (f"arn:aws:sns:{REGION}:999999999999:pages", "is in no account and region of accounts"),
        ("https://example.org/pages", "should match pattern"),
    ],
)
def test_a_topic_elsewhere_is_refused_by_the_settings(arn: str, told: str) -> None:
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}]
    with pytest.raises(ValidationError, match=told):
        AwsSettings.model_validate({"accounts": accounts, "publish_to": {"pages": arn}})
