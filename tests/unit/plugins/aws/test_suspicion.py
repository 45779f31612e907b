"""What in the records of CloudTrail is suspicious."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.plugins.aws.samples import ACCOUNT
from tests.unit.plugins.aws.test_trail import ADA, trail
from tests.unit.plugins.conftest import NOON

from recoverops.model import Alert
from recoverops.plugins.aws.inbox.progress import Progress, position_of, progress_of
from recoverops.plugins.aws.inbox.suspicion import Watch, is_open_to_all, network_of, step
from recoverops.plugins.aws.inbox.trail import record_of
from recoverops.plugins.aws.inbox_settings import SuspicionSettings

ROOT = {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
_NUMBERS = itertools.count(1)
SETTINGS = SuspicionSettings(denied_calls=3, failed_logins=3)


class Reader:
    """Reads record after record, each with the state that is stored after the one before."""

    def __init__(self, settings: SuspicionSettings = SETTINGS) -> None:
        self._settings = settings
        self._position = ""
        self.now = NOON

    def read(self, *records: dict[str, Any]) -> tuple[Alert, ...]:
        progress = progress_of(self._position)
        watch, alerts = step(
            progress.watch, map(record_of, records), settings=self._settings, now=self.now, source="aws-queues"
        )
        self._position = position_of(Progress(watch=watch))
        return alerts

    @property
    def position(self) -> str:
        return self._position


def names(alerts: Iterable[Alert]) -> list[tuple[str, str]]:
    return [(one.name, one.status.value) for one in alerts]


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def login(outcome: str, **changes: Any) -> dict[str, Any]:
    ident = f"login-{next(_NUMBERS)}"
    answer = {"ConsoleLogin": outcome}
    return trail("signin", "ConsoleLogin", None, **{"responseElements": answer, "eventID": ident, **changes})


def denied(minutes: float, **changes: Any) -> dict[str, Any]:
    given = {"errorCode": "Client.UnauthorizedOperation", "eventTime": at(minutes), "eventID": f"e{next(_NUMBERS)}"}
    return trail("ec2", "RunInstances", {}, **{**given, **changes})


def used(minutes: float, address: str, **changes: Any) -> dict[str, Any]:
    return trail("ec2", "DescribeInstances", {}, sourceIPAddress=address, eventTime=at(minutes), **changes)


def bucket_policy(principal: Any, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*", **more}
    return {"bucketName": "shop", "bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]}}


def test_the_root_user_at_the_console_is_an_alert_and_others_are_not() -> None:
    reader = Reader()
    (found,) = reader.read(login("Success", userIdentity=ROOT), login("Success"))
    assert (found.name, found.labels["severity"]) == ("AwsRootLogin", "critical")


def test_log_ins_that_fail_often_are_an_alert_and_a_few_are_not() -> None:
    reader = Reader()
    assert reader.read(login("Failure", eventTime=at(0)), login("Failure", eventTime=at(5))) == ()
    assert names(reader.read(login("Failure", eventTime=at(9)))) == [("AwsFailedLogins", "firing")]


def test_refused_calls_of_one_principal_are_a_burst_only_when_they_are_close() -> None:
    reader = Reader()
    assert reader.read(denied(0), denied(3)) == ()
    assert reader.read(denied(5.5)) == (), "the first one is out of the window"
    other = {**ADA, "arn": f"arn:aws:iam::{ACCOUNT}:user/bob"}
    assert reader.read(denied(5.6, userIdentity=other)) == ()
    (found,) = reader.read(denied(6))
    assert (found.name, found.status) == ("AwsDeniedCalls", "firing")
    assert f"3 calls of {ADA['arn']} were refused within 0:05:00" in found.annotations["summary"]


def test_a_refused_call_that_is_delivered_twice_counts_once() -> None:
    reader, one, two = Reader(), denied(0), denied(1)
    assert reader.read(one, two, one) == ()
    assert reader.read(two, one) == ()
    assert names(reader.read(denied(2))) == [("AwsDeniedCalls", "firing")]


def test_a_burst_that_goes_on_is_one_alert_and_ends_when_it_was_quiet() -> None:
    reader = Reader()
    assert len(reader.read(denied(0), denied(1), denied(2))) == 1
    assert reader.read(denied(3), denied(4), denied(5)) == ()
    reader.now = NOON + timedelta(minutes=5) + timedelta(hours=24)
    assert reader.read() == ()
    reader.now += timedelta(seconds=1)
    assert names(reader.read()) == [("AwsDeniedCalls", "resolved")]
    assert reader.read() == ()


def test_a_key_from_a_new_network_is_an_alert_once_its_places_were_learned() -> None:
    reader = Reader()
    day = 24 * 60
    assert reader.read(used(0, "198.51.100.7"), used(day, "203.0.113.9")) == (), "it learns for 7 days"
    assert reader.read(used(8 * day, "198.51.200.1"), used(8 * day, "203.0.1.1")) == (), "the same networks"
    (found,) = reader.read(used(8 * day, "192.0.2.5"))
    assert found.name == "AwsKeyFromNewPlace"
    assert "was used from 192.0.0.0/16, for the first time since 2026-01-31" in found.annotations["summary"]
    assert reader.read(used(9 * day, "192.0.2.6")) == (), "it is known now"


def test_keys_of_roles_services_of_aws_and_refused_calls_teach_no_place() -> None:
    reader = Reader(SuspicionSettings(learn_places=timedelta(0)))
    role = {**ADA, "accessKeyId": "ASIAIOSFODNN7EXAMPLE"}
    records = [used(0, "198.51.100.7"), used(1, "cloudformation.amazonaws.com"), used(2, "10.0.0.1", userIdentity=role)]
    assert reader.read(*records, used(3, "192.0.2.5", errorCode="AccessDenied")) == ()
    assert names(reader.read(used(4, "192.0.2.5"))) == [("AwsKeyFromNewPlace", "firing")]


def test_no_access_key_is_kept() -> None:
    reader = Reader()
    reader.read(used(0, "198.51.100.7"))
    assert ADA["accessKeyId"] not in reader.position


def test_a_trail_that_is_stopped_is_an_alert_until_it_is_started() -> None:
    reader = Reader()
    arn = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/all"
    assert names(reader.read(trail("cloudtrail", "StopLogging", {"name": arn}))) == [("AwsTrailStopped", "firing")]
    assert reader.read(trail("cloudtrail", "StartLogging", {"name": "other"})) == ()
    assert names(reader.read(trail("cloudtrail", "StartLogging", {"name": "all"}))) == [("AwsTrailStopped", "resolved")]
    assert names(reader.read(trail("cloudtrail", "DeleteTrail", {"name": "all"}))) == [("AwsTrailStopped", "firing")]


def test_a_bucket_that_is_opened_to_all_is_an_alert_until_it_is_closed() -> None:
    reader = Reader()
    opened, closed = bucket_policy("*"), bucket_policy({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    assert names(reader.read(trail("s3", "PutBucketPolicy", opened))) == [("AwsPublicBucket", "firing")]
    assert names(reader.read(trail("s3", "PutBucketPolicy", closed))) == [("AwsPublicBucket", "resolved")]
    assert reader.read(trail("s3", "PutBucketPolicy", closed)) == ()
    acl = {"bucketName": "shop", "x-amz-acl": "public-read"}
    assert names(reader.read(trail("s3", "PutBucketAcl", acl))) == [("AwsPublicBucket", "firing")]
    assert reader.read(trail("s3", "DeleteBucketPolicy", {"bucketName": "shop"})) == (), "the other way is still open"
    assert names(reader.read(trail("s3", "DeleteBucketPublicAccessBlock", {"bucketName": "shop"}))) == [
        ("AwsPublicAccessAllowed", "firing")
    ]
    refused = trail("s3", "PutBucketPolicy", bucket_policy("*"), errorCode="AccessDenied")
    assert Reader().read(refused) == ()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (bucket_policy("*")["bucketPolicy"], True),
        (bucket_policy({"AWS": "*"})["bucketPolicy"], True),
        (bucket_policy({"AWS": ["arn:x", "*"]})["bucketPolicy"], True),
        ({"Statement": {"Effect": "Allow", "Principal": "*"}}, True),
        (bucket_policy("*", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})["bucketPolicy"], False),
        (bucket_policy("*", Effect="Deny")["bucketPolicy"], False),
        (bucket_policy({"AWS": "arn:aws:iam::1:root"})["bucketPolicy"], False),
        (None, False),
        ({"Statement": "x"}, False),
    ],
)
def test_a_policy_is_open_when_some_statement_lets_everybody_in_unconditionally(policy: Any, expected: bool) -> None:
    assert is_open_to_all(policy) is expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.0.0/16"),
        ("2001:db8:1::1", "2001:db8::/32"),
        ("AWS Internal", ""),
        ("ec2.amazonaws.com", ""),
        ("", ""),
    ],
)
def test_a_network_is_the_first_half_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_what_is_remembered_is_bounded() -> None:
    watch = Watch()
    for start in range(0, 1200, 400):
        records = [
            record_of(used(one, "198.51.100.7", userIdentity={**ADA, "accessKeyId": f"AKIA{one:016}"}))
            for one in range(start, start + 400)
        ]
        watch, _ = step(watch, records, settings=SETTINGS, now=NOON, source="x")
    assert len(watch.keys) == 1000
