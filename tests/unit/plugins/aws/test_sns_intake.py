"""What is believed of SNS, and what is not: signatures, certificates, topics, times, confirmations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.plugins.aws.samples import TOPIC, alarm, alarm_event, confirmation, envelope
from tests.unit.plugins.aws.test_alarms import OWNERS
from tests.unit.plugins.conftest import NOON

from recoverops.egress import Fetcher
from recoverops.model import ForbiddenError, PermanentError, UnreachableError
from recoverops.plugins.aws.intake.sns import SnsIntake
from recoverops.plugins.aws.intake.sns_message import is_certificate_of, is_confirmation_of, message_of
from recoverops.plugins.aws.intake_settings import SnsSettings
from recoverops.ports import VerifiedPushSource
from recoverops.testing import ManualClock, Receiver, Reply, check_push_source, running_receiver
from recoverops.testing.aws.signing import Signer

DAY = timedelta(days=1)


class World:
    """An intake whose double of SNS is a server that has one certificate."""

    def __init__(self, receiver: Receiver, signer: Signer) -> None:
        self.receiver, self.signer = receiver, signer
        receiver.reply = Reply(body=signer.pem)
        self.clock = ManualClock(NOON)
        self.counted: list[str] = []

    def intake(self, **settings: Any) -> SnsIntake:
        given = SnsSettings.model_validate({"topics": [TOPIC], "double": self.receiver.url, **settings})
        fetcher = Fetcher(timeout_s=2.0, max_bytes=65536, clock=self.clock)
        return SnsIntake(given, OWNERS, fetcher=fetcher, clock=self.clock, count=self.counted.append)

    def envelope(self, **changes: str) -> dict[str, str]:
        return envelope(self.signer, self.receiver.url, **changes)

    @property
    def visited(self) -> list[str]:
        return [one.path for one in self.receiver.requests]


@pytest.fixture(scope="module")
def signer() -> Signer:
    """Its certificate counts at the time of the messages."""
    return Signer(at=NOON)


@pytest.fixture
def world(signer: Signer) -> Iterator[World]:
    with running_receiver() as receiver:
        yield World(receiver, signer)


def body(message: Mapping[str, str]) -> bytes:
    return json.dumps(message).encode()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_delivery_with_a_good_signature_is_believed_in_both_versions(world: World, version: str) -> None:
    intake = world.intake()
    for _ in range(3):
        intake.verify({}, body(envelope(world.signer, world.receiver.url, version=version)))
    (found,) = intake.decode({}, body(world.envelope()))
    assert (found.name, found.labels["service"]) == ("ServiceDown", "checkout")
    assert world.visited == [f"/{world.signer.name}"], "the certificate is fetched once"
    assert world.counted == []


def test_the_intake_keeps_the_contract_of_push_sources(world: World) -> None:
    intake = world.intake()
    assert isinstance(intake, VerifiedPushSource)
    check_push_source(intake, body(world.envelope()))


def test_a_message_without_a_subject_is_signed_without_one(world: World) -> None:
    message = {"Type": "Notification", "MessageId": "m", "TopicArn": TOPIC, "Message": json.dumps(alarm("OK"))}
    message["Timestamp"] = "2026-01-31T11:59:31.000Z"
    text = "".join(f"{name}\n{message[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
    signed = {**message, "SignatureVersion": "2", "Signature": world.signer.sign(text.encode(), version="2")}
    world.intake().verify({}, body({**signed, "SigningCertURL": f"{world.receiver.url}/{world.signer.name}"}))


def test_an_event_that_a_rule_sent_to_the_topic_is_read(world: World) -> None:
    message = json.dumps(alarm_event(InstanceId="i-0123456789abcdef0"))
    (found,) = world.intake().decode({}, body(world.envelope(Message=message)))
    assert found.labels["service"] == "checkout"


def test_a_message_of_something_else_is_refused_with_a_sentence(world: World) -> None:
    with pytest.raises(PermanentError, match="this is not a notification of a CloudWatch alarm"):
        world.intake().decode({}, body(world.envelope(Message="hello")))


FORGERIES: dict[str, dict[str, str]] = {
    "the message was changed": {"Message": json.dumps(alarm("OK"))},
    "the subject was changed": {"Subject": "other"},
    "the subject was taken out": {"Subject": ""},
    "the time was changed": {"Timestamp": "2026-01-31T11:59:32.000Z"},
    "the id was changed": {"MessageId": "other"},
    "the signature is of the other version": {"SignatureVersion": "2"},
    "the signature is no base64": {"Signature": "!!!"},
    "there is no signature": {"Signature": ""},
    "the signature is of somebody else": {"Signature": "QUJD" * 86},
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_delivery_is_refused(world: World, changes: dict[str, str]) -> None:
    forged = {**world.envelope(), **changes}
    with pytest.raises(ForbiddenError, match="the signature is not that of SNS over this delivery"):
        world.intake().verify({}, body(forged))
    assert world.counted == ["signature"]


def test_somebody_with_a_key_of_their_own_is_refused(world: World) -> None:
    forged = {**envelope(Signer(at=NOON), world.receiver.url), "SigningCertURL": world.envelope()["SigningCertURL"]}
    with pytest.raises(ForbiddenError, match="the signature is not that of SNS"):
        world.intake().verify({}, body(forged))


CHECKED_FIRST = {
    "unlisted topic": ({"TopicArn": TOPIC + "2"}, "topic", "alarms2 is not listed; add it to `sns.topics`"),
    "another account's topic": ({"TopicArn": TOPIC.replace("123", "999")}, "topic", "is not listed"),
    "stale": ({"Timestamp": "2026-01-31T10:59:59.000Z"}, "stale", "older than 1:00:00"),
    "of the future": ({"Timestamp": "2026-01-31T12:05:01.000Z"}, "early", "in the future"),
}


@pytest.mark.parametrize("case", CHECKED_FIRST.values(), ids=CHECKED_FIRST.keys())
def test_what_needs_nobody_to_be_asked_is_refused_before_anybody_is(
    world: World, case: tuple[dict[str, str], str, str]
) -> None:
    changes, reason, words = case
    with pytest.raises(ForbiddenError, match=words):
        world.intake().verify({}, body(world.envelope(**changes)))
    assert world.counted == [reason]
    assert world.visited == []


def test_a_delivery_is_taken_until_the_window_ends(world: World) -> None:
    intake, message = world.intake(window="10m"), body(world.envelope())
    world.clock.advance(timedelta(minutes=9, seconds=31))
    intake.verify({}, message)
    world.clock.advance(timedelta(seconds=1))
    with pytest.raises(ForbiddenError, match="older than 0:10:00"):
        intake.verify({}, message)


HOSTS = [
    "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://evil-sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://s3.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com/evil.pem",
    "https://sns.eu-central-1.amazonaws.com/x/../SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?a=b",
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#x",
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
    "https://sns.eu_central_1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://169.254.169.254/SimpleNotificationService-0123456789abcdef.pem",
    "file:///SimpleNotificationService-0123456789abcdef.pem",
    "",
]


@pytest.mark.parametrize("url", HOSTS)
def test_a_certificate_of_another_place_is_never_fetched(world: World, url: str) -> None:
    assert not is_certificate_of(None, url)
    with pytest.raises(ForbiddenError, match="which is not where SNS has its certificates; it was not fetched"):
        world.intake().verify({}, body({**world.envelope(), "SigningCertURL": url}))
    assert world.counted == ["certificate_host"]
    assert world.visited == []


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_the_certificates_of_sns_itself_are_known_and_those_of_the_double_only_when_it_is_named(region: str) -> None:
    tail = ".cn" if region.startswith("cn") else ""
    url = f"https://sns.{region}.amazonaws.com{tail}/SimpleNotificationService-{'7ff5318490ec183fbaddaa2a969abfda'}.pem"
    assert is_certificate_of(None, url)
    assert not is_certificate_of("http://127.0.0.1:5000", url)
    assert not is_certificate_of(None, "http://127.0.0.1:5000/SimpleNotificationService-0123456789abcdef.pem")


CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"at": NOON, "valid_for": -DAY}, "which is not now"),
    "of tomorrow": ({"at": NOON + 5 * DAY}, "which is not now"),
    "weak": ({"at": NOON, "bits": 1024}, "not one of RSA with 2048 bits or more"),
}


@pytest.mark.parametrize("case", CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_a_certificate_that_does_not_count_is_refused(world: World, case: tuple[dict[str, Any], str]) -> None:
    signer, words = Signer(**case[0]), case[1]
    world.receiver.reply = Reply(body=signer.pem)
    with pytest.raises(ForbiddenError, match=words):
        world.intake().verify({}, body(envelope(signer, world.receiver.url)))
    assert world.counted == ["certificate"]


def test_a_certificate_that_ends_while_it_is_kept_is_not_believed_any_longer(world: World) -> None:
    signer = Signer(at=NOON, valid_for=timedelta(minutes=5))
    world.receiver.reply = Reply(body=signer.pem)
    intake = world.intake()
    intake.verify({}, body(envelope(signer, world.receiver.url)))
    world.clock.advance(timedelta(minutes=6))
    with pytest.raises(ForbiddenError, match="which is not now"):
        intake.verify({}, body(envelope(signer, world.receiver.url)))


def test_a_certificate_sent_with_one_that_did_not_issue_it_is_refused(world: World) -> None:
    world.receiver.reply = Reply(body=world.signer.pem + Signer(at=NOON).pem)
    with pytest.raises(ForbiddenError, match="has not issued the one before it"):
        world.intake().verify({}, body(world.envelope()))


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(body=b"hello"), ForbiddenError, "what is there is no certificate"),
        (Reply(status=503), UnreachableError, "answered with status 503 instead of a certificate"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), UnreachableError, "answered with status 302"),
        (Reply(body=b"x" * 70_000), UnreachableError, "longer than 65536 bytes"),
    ],
)
def test_what_is_no_certificate_is_said_and_a_redirect_is_not_followed(
    world: World, reply: Reply, kind: type[Exception], words: str
) -> None:
    world.receiver.reply = reply
    with pytest.raises(kind, match=words):
        world.intake().verify({}, body(world.envelope()))
    assert len(world.visited) == 1


def test_raw_delivery_is_refused_with_the_way_out(world: World) -> None:
    with pytest.raises(ForbiddenError, match="turn RawMessageDelivery off"):
        world.intake().verify({"x-amz-sns-rawdelivery": "true"}, json.dumps(alarm()).encode())
    assert world.counted == ["raw"]


def test_the_old_signature_can_be_shut_out(world: World) -> None:
    with pytest.raises(ForbiddenError, match="SignatureVersion 1 is not taken here"):
        world.intake(signature_versions=["2"]).verify({}, body(world.envelope()))
    assert world.counted == ["signature_version"]


# subscriptions


def test_a_subscription_of_a_listed_topic_is_confirmed(world: World) -> None:
    intake, message = world.intake(), body(confirmation(world.signer, world.receiver.url))
    intake.verify({}, message)
    assert world.visited[1:] == [f"/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"]
    (found,) = intake.decode({}, message)
    assert (found.name, found.status) == ("SnsUnsubscribed", "resolved")


def test_a_subscription_of_another_topic_is_not_confirmed(world: World) -> None:
    other = confirmation(world.signer, world.receiver.url, TopicArn=TOPIC + "2")
    with pytest.raises(ForbiddenError, match="is not listed"):
        world.intake().verify({}, body(other))
    assert world.visited == []


VISITS = [
    "https://evil.example/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37",
    "https://sns.eu-central-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37",
    "http://169.254.169.254/latest/meta-data/",
    "{base}/?Action=Publish&TopicArn={topic}&Token=2336412f37",
    "{base}/?Action=ConfirmSubscription&TopicArn={topic}2&Token=2336412f37",
    "{base}/?Action=ConfirmSubscription&TopicArn={topic}&Token=other",
    "{base}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37&Action=Publish",
    "{base}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37&More=1",
    "{base}/other?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37",
    "{base}@evil.example/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37",
]


@pytest.mark.parametrize("visit", VISITS)
def test_a_confirmation_that_leads_elsewhere_is_never_fetched_even_when_it_is_signed(world: World, visit: str) -> None:
    led = confirmation(world.signer, world.receiver.url, visit=visit.format(base=world.receiver.url, topic=TOPIC))
    with pytest.raises(ForbiddenError, match="which does not confirm this subscription at SNS; it was not visited"):
        world.intake().verify({}, body(led))
    assert world.visited == [f"/{world.signer.name}"]
    assert world.counted == ["confirmation_host"]


def test_the_confirmations_of_sns_itself_are_known() -> None:
    ours = confirmation(Signer(at=NOON), "https://sns.eu-central-1.amazonaws.com")
    assert is_confirmation_of(None, message_of(body(ours)))
    assert not is_confirmation_of("http://127.0.0.1:5000", message_of(body(ours)))


def test_a_confirmation_that_fails_is_asked_again_by_sns(world: World) -> None:
    intake = world.intake()
    intake.verify({}, body(world.envelope()))
    with world.receiver.replying(Reply(status=500)), pytest.raises(UnreachableError, match="it will ask again"):
        intake.verify({}, body(confirmation(world.signer, world.receiver.url)))


def test_that_a_topic_does_not_reach_us_any_more_is_an_alert(world: World) -> None:
    message = body(confirmation(world.signer, world.receiver.url, Type="UnsubscribeConfirmation"))
    intake = world.intake()
    intake.verify({}, message)
    (found,) = intake.decode({}, message)
    assert (found.name, found.status) == ("SnsUnsubscribed", "firing")
    assert len(world.visited) == 1, "unsubscribing is not undone by us"


def test_without_a_topic_there_is_no_intake() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        SnsSettings.model_validate({"topics": []})
    with pytest.raises(ValueError, match="Field required"):
        SnsSettings.model_validate({})
    with pytest.raises(ValueError, match="should match pattern"):
        SnsSettings.model_validate({"topics": ["arn:aws:sns:eu-central-1:123456789012:*"]})
