"""Alarms over SNS and EventBridge into a running engine, against the double of AWS.

One engine for the whole file: each test has an alarm and a service of its own.
"""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.acceptance.harness import Site, eventually, site
from tests.unit.plugins.aws.samples import event
from tests.unit.plugins.aws.test_trail import trail

from recoverops.clock import SystemClock
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.signing import Signer
from recoverops.testing.aws.sns import Delivered, canonical, stamp

INTAKE_KEY = "an-intake-key-of-more-than-twenty-characters"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:alarms"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
SERVICES = 8
_NUMBERS = itertools.count(1)


class Shop:
    """The engine, and an operator of the account with the rights that an operator has."""

    def __init__(self, aws: Aws, place: Site) -> None:
        self.aws, self.place = aws, place
        rights = [
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:PutMetricData",
            "cloudwatch:SetAlarmState",
            "sns:*",
            "events:*",
        ]
        statement = {"Effect": "Allow", "Action": rights, "Resource": "*"}
        self.operator = aws.user({"Version": "2012-10-17", "Statement": [statement]})
        self.url = f"http://127.0.0.1:{place.port}"

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.operator)

    def alarm(self, group: str, *, actions: bool = True) -> str:
        name = f"TooFew{next(_NUMBERS)}"
        topics = [TOPIC] if actions else []
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="Shop",
            MetricName=f"Healthy-{name}",
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": group}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=2,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="missing",
            AlarmActions=topics,
            OKActions=topics,
            InsufficientDataActions=topics,
        )
        return name

    def put(self, alarm: str, group: str, *values: float) -> None:
        """One value for each of the last whole minutes, the newest last."""
        minute = SystemClock().now().replace(second=30, microsecond=0)
        data = [
            {
                "MetricName": f"Healthy-{alarm}",
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
                "Value": value,
                "Timestamp": minute - timedelta(minutes=len(values) - number),
            }
            for number, value in enumerate(values)
        ]
        self.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=data)

    def incident_of(self, service: str, alarm: str) -> dict[str, Any] | None:
        for one in self.place.incidents():
            if one["resource"]["name"] == service and one["symptom"] == f"alert:{alarm}":
                return one
        return None

    def heard(self) -> Delivered:
        """What the engine heard last: alarms of other tests may still tell addresses that are gone."""
        return [one for one in self.aws.sns.settle() if one.endpoint.startswith(self.url)][-1]

    def refused(self, reason: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        for line in page.splitlines():
            if line.startswith("recoverops_deliveries_refused_total") and f'reason="{reason}"' in line:
                return float(line.rpartition(" ")[2])
        return 0.0

    def deliver(self, message: dict[str, str], *, source: str = "aws-sns") -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            f"{self.url}/intake/{source}",
            data=json.dumps(message).encode(),
            headers={"Authorization": f"Bearer {INTAKE_KEY}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def message(self, **changes: str) -> dict[str, str]:
        told = {
            "Type": "Notification",
            "MessageId": f"id-{next(_NUMBERS)}",
            "TopicArn": TOPIC,
            "Message": json.dumps(self.change(f"Told{next(_NUMBERS)}")),
            "Timestamp": stamp(SystemClock().now()),
            **changes,
        }
        return self.aws.sns.signed(told)

    def change(self, name: str, state: str = "ALARM") -> dict[str, Any]:
        return {
            "AlarmName": name,
            "AWSAccountId": ACCOUNT,
            "NewStateValue": state,
            "StateChangeTime": stamp(SystemClock().now()),
            "Trigger": {"Dimensions": [{"name": "AutoScalingGroupName", "value": "group-7"}]},
        }


@pytest.fixture(scope="module")
def shop(aws: Aws, root: Key, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with site(tmp_path_factory.mktemp("alarms")) as place:
        aws.admin("sqs").create_queue(QueueName="alarms")
        configure(place, aws, root)
        place.up(wait=False)
        eventually("the engine's readiness", place.is_ready, within_s=90)
        made = Shop(aws, place)
        made.client("sns").create_topic(Name="alarms")
        yield made


def configure(place: Site, aws: Aws, key: Key) -> None:
    secrets = {"id": key.id, "secret": key.secret, "intake": INTAKE_KEY}
    for name, content in secrets.items():
        (place.directory / name).write_text(content)
        (place.directory / name).chmod(0o600)
    settings: dict[str, Any] = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": f"file:{place.directory}/id",
        "secret_key": f"file:{place.directory}/secret",
        "endpoint_url": aws.url,
        "sns": {"topics": [TOPIC], "double": aws.url},
        "eventbridge": {},
        "inbox": {"queues": {"arns": [QUEUE], "wait": "0s", "every": "200ms"}},
    }
    place.configure(
        api={
            "port": place.port,
            "keys": [{"name": "sns", "role": "intake", "key": f"file:{place.directory}/intake"}],
        },
        plugins=[
            {"name": "console"},
            {"name": "linux", "settings": {"supervisor": {"url": place.supervisor.url}}},
            {"name": "aws", "settings": settings},
        ],
        services=[{"name": f"web-{one}", "address": {"aws": f"asg id=group-{one}"}} for one in range(SERVICES)],
    )


@pytest.fixture(scope="module")
def subscribed(shop: Shop) -> tuple[str, tuple[Delivered, ...]]:
    """The engine's intake subscribed to the topic, with the key in the address as SNS takes it."""
    endpoint = f"http://sns:{INTAKE_KEY}@127.0.0.1:{shop.place.port}/intake/aws-sns"
    made = shop.client("sns").subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=endpoint)
    return made["SubscriptionArn"], shop.aws.sns.settle()


def test_the_subscription_is_confirmed_by_the_engine_itself(
    shop: Shop, subscribed: tuple[str, tuple[Delivered, ...]]
) -> None:
    arn, deliveries = subscribed
    # the double is everybody's, and alarms of other tests may tell of their changes as well
    door = f":{shop.place.port}/"
    here = [one for one in deliveries if one.type == "SubscriptionConfirmation" and door in one.endpoint]
    assert [one.status for one in here] == [200]
    assert shop.aws.sns.is_confirmed(arn)
    assert INTAKE_KEY not in shop.place.log.read_text()
    assert "sns_subscription_confirmed" in shop.place.log.read_text()


@pytest.mark.usefixtures("subscribed")
def test_an_alarm_that_evaluates_opens_an_incident_over_sns_and_its_end_closes_it(shop: Shop) -> None:
    # given an alarm of CloudWatch on the group of a service, and two minutes without a healthy instance
    name = shop.alarm("group-1")
    shop.put(name, "group-1", 0, 0)
    # when CloudWatch evaluates it
    assert name in shop.aws.alarms.tick()
    shop.aws.sns.settle()
    # then there is an incident of that service
    found = eventually("the incident", lambda: shop.incident_of("web-1", name))
    assert found["state"] != "resolved"
    # and when data stay away it is neither over nor new
    clock = SystemClock()
    assert name in shop.aws.alarms.tick(clock.now() + timedelta(minutes=10))
    last = shop.heard()
    assert (last.status, json.loads(last.said)) == (200, {"stored": 0, "duplicates": 0})
    # and when the metric recovers, it is
    shop.put(name, "group-1", 3, 3)
    assert name in shop.aws.alarms.tick()
    assert json.loads(shop.heard().said) == {"stored": 1, "duplicates": 0}


@pytest.mark.usefixtures("subscribed")
def test_the_same_change_delivered_again_is_acknowledged_and_does_nothing(shop: Shop) -> None:
    message = shop.message()
    assert shop.deliver(message) == (200, {"stored": 1, "duplicates": 0})
    assert shop.deliver(message) == (200, {"stored": 0, "duplicates": 1})
    of_another_id = shop.message(Message=message["Message"])
    assert shop.deliver(of_another_id) == (200, {"stored": 0, "duplicates": 1})


def test_what_is_not_believed_is_refused_each_with_its_reason_and_counted(shop: Shop) -> None:
    old = SystemClock().now() - timedelta(hours=2)
    forged = {**shop.message(), "Message": json.dumps(shop.change("Forged", "OK"))}
    stranger = Signer()
    plain = {key: value for key, value in shop.message().items() if not key.startswith("Sign")}
    of_stranger = {
        **plain,
        "SignatureVersion": "1",
        "Signature": stranger.sign(canonical(plain), version="1"),
        "SigningCertURL": f"https://sns.{REGION}.amazonaws.com.evil.example/{stranger.name}",
    }
    led = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "m",
        "TopicArn": TOPIC,
        "Token": "t",
        "Message": "x",
        "SubscribeURL": "http://127.0.0.1:1/?Action=ConfirmSubscription",
        "Timestamp": stamp(SystemClock().now()),
    }
    cases = {
        "signature": forged,
        "certificate_host": of_stranger,
        "topic": shop.message(TopicArn=f"{TOPIC}-of-others"),
        "stale": shop.message(Timestamp=stamp(old)),
        "confirmation_host": shop.aws.sns.signed(led),
    }
    for reason, message in cases.items():
        before = shop.refused(reason)
        status, told = shop.deliver(message)
        assert status == 403, (reason, told)
        assert told["title"] == "Not allowed"
        assert shop.refused(reason) == before + 1, reason


def test_raw_delivery_is_refused_with_the_way_out(shop: Shop) -> None:
    endpoint = f"http://sns:{INTAKE_KEY}@127.0.0.1:{shop.place.port}/intake/aws-sns?raw=1"
    sns = shop.client("sns")
    arn = sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=endpoint)["SubscriptionArn"]
    shop.aws.sns.settle()
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    before = shop.refused("raw")
    sns.publish(TopicArn=TOPIC, Message="{}")
    refusals = [one for one in shop.aws.sns.settle() if one.endpoint.endswith("?raw=1") and one.status == 403]
    assert len(refusals) == 1, "a refusal is not repeated"
    assert "turn RawMessageDelivery off" in refusals[0].said
    assert shop.refused("raw") == before + 1
    # and when it is taken away, that is noticed
    sns.unsubscribe(SubscriptionArn=arn)
    assert shop.heard().type == "UnsubscribeConfirmation"
    assert shop.aws.sns.deliveries[-1].status == 200
    eventually(
        "the incident of the topic that left",
        lambda: next((one for one in shop.place.incidents() if one["symptom"] == "alert:SnsUnsubscribed"), None),
    )


def test_without_the_key_nothing_is_read(shop: Shop) -> None:
    endpoint = f"http://sns:not-this-key-not-this-key@127.0.0.1:{shop.place.port}/intake/aws-sns"
    shop.client("sns").subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=endpoint)
    last = shop.heard()
    assert (last.type, last.status) == ("SubscriptionConfirmation", 401)


def test_an_alarm_comes_over_an_api_destination_of_eventbridge(shop: Shop) -> None:
    # given a rule for changes of alarms, whose target is the intake with the key in a header
    events = shop.client("events")
    connection = events.create_connection(
        Name="recoverops",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": f"Bearer {INTAKE_KEY}"}},
    )
    destination = events.create_api_destination(
        Name="recoverops",
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=f"{shop.url}/intake/aws-eventbridge",
        HttpMethod="POST",
    )
    pattern = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
    events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": destination["ApiDestinationArn"]}])
    # when somebody sets the state of an alarm that has no topics
    name = shop.alarm("group-2", actions=False)
    shop.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")
    events.remove_targets(Rule="alarms", Ids=["1"])
    # then the event was taken, and is an incident of the service
    assert shop.aws.destinations.posted[-1] == (f"{shop.url}/intake/aws-eventbridge", 200)
    eventually("the incident", lambda: shop.incident_of("web-2", name))


def test_an_alarm_and_a_change_come_over_a_queue_and_the_queue_is_empty_afterwards(shop: Shop) -> None:
    sqs = shop.aws.admin("sqs")
    url = sqs.get_queue_url(QueueName="alarms")["QueueUrl"]
    trigger = {"Dimensions": [{"name": "AutoScalingGroupName", "value": "group-3"}]}
    change = trail("autoscaling", "SetDesiredCapacity", {"autoScalingGroupName": "group-3"})
    for body in ({**shop.change("OverAQueue"), "Trigger": trigger}, event("AWS API Call via CloudTrail", change)):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    eventually("the incident", lambda: shop.incident_of("web-3", "OverAQueue"))
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(
        "an empty queue",
        lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"},
    )
    told = shop.place.json("events")
    assert "autoscaling:SetDesiredCapacity on group-3" in json.dumps(told)


def test_check_fails_loudly_while_a_double_is_trusted(shop: Shop) -> None:
    done = shop.place.command("check", check=False)
    assert done.returncode != 0
    assert "FOR TESTS ONLY" in " ".join(done.stdout.split())
