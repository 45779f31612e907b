"""The intake `aws-sns`: alarms and events that SNS delivers over HTTP, each with a signature that is verified first.

`verify` asks AWS for the certificate, and confirms a subscription of a listed topic; `decode` is pure. A delivery that
comes twice says the same twice: the same alarm, state and time of change are stored once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from recoverops.egress import Fetcher, target_of
from recoverops.model import Alert, AlertStatus, UnreachableError, digest
from recoverops.plugins.aws.intake.alarms import alarm_of_notification, alert_of
from recoverops.plugins.aws.intake.event import event_of
from recoverops.plugins.aws.intake.event_alerts import alerts_of
from recoverops.plugins.aws.intake.refusals import Count, Refusal, RefusedError, check_time, counted
from recoverops.plugins.aws.intake.signing import Certificates, UnfitCertificateError, is_signed
from recoverops.plugins.aws.intake.sns_message import (
    Kind,
    SnsMessage,
    is_certificate_of,
    is_confirmation_of,
    message_of,
)
from recoverops.plugins.aws.owners import Owners
from recoverops.ports import Clock

if TYPE_CHECKING:
    from recoverops.plugins.aws.intake_settings import SnsSettings

NAME = "aws-sns"
TIMEOUT_S = 3.0
LARGEST = 64 * 1024
"""Bytes of a certificate, or of the answer to a confirmation."""
_LOG = logging.getLogger("recoverops.plugins.aws")


class SnsIntake:
    """Implements `ports.VerifiedPushSource`."""

    name = NAME

    def __init__(self, settings: SnsSettings, owners: Owners, *, fetcher: Fetcher, clock: Clock, count: Count) -> None:
        self._settings = settings
        self._owners = owners
        self._fetcher = fetcher
        self._clock = clock
        self._count = count
        self._certificates = Certificates(fetcher, clock=clock)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        with counted(self._count):
            if headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
                raise RefusedError(
                    Refusal.RAW,
                    "this is raw message delivery, which has no signature; turn RawMessageDelivery off for this "
                    "subscription",
                )
            message = message_of(body)
            self._check_origin(message)
            self._check_signature(message)
            if message.type is Kind.CONFIRMATION:
                self._confirm(message)

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        message = message_of(body)
        if message.type is not Kind.NOTIFICATION:
            return (_subscription(message),)
        return alerts_in(message.message, self._owners, region=message.topic_arn.split(":")[3], source=NAME)

    def _check_origin(self, message: SnsMessage) -> None:
        """Everything that needs nobody to be asked."""
        if message.topic_arn not in self._settings.topics:
            raise RefusedError(
                Refusal.TOPIC,
                f"the topic {message.topic_arn[:300]} is not listed; add it to `sns.topics`, or unsubscribe",
            )
        check_time(message.at, now=self._clock.now(), window=self._settings.window)
        if message.signature_version not in self._settings.signature_versions:
            raise RefusedError(
                Refusal.VERSION,
                f"SignatureVersion {message.signature_version[:20]} is not taken here; "
                f"`sns.signature_versions` has {', '.join(self._settings.signature_versions)}",
            )
        if not is_certificate_of(self._settings.double, message.certificate):
            raise RefusedError(
                Refusal.CERTIFICATE_HOST,
                f"SigningCertURL is {message.certificate[:200]!r}, which is not where SNS has its certificates; "
                "it was not fetched",
            )

    def _check_signature(self, message: SnsMessage) -> None:
        try:
            key = self._certificates.key_at(message.certificate)
        except UnfitCertificateError as error:
            raise RefusedError(Refusal.CERTIFICATE, f"the certificate of the delivery is not taken: {error}") from error
        if not is_signed(message.signed, message.signature, version=message.signature_version, key=key):
            raise RefusedError(Refusal.SIGNATURE, "the signature is not that of SNS over this delivery")

    def _confirm(self, message: SnsMessage) -> None:
        """Raises `UnreachableError` when SNS does not confirm: it sends the question again."""
        if not is_confirmation_of(self._settings.double, message):
            raise RefusedError(
                Refusal.CONFIRMATION_HOST,
                f"SubscribeURL is {message.subscribe[:200]!r}, which does not confirm this subscription at SNS; it was "
                "not visited",
            )
        answer = self._fetcher.fetch("GET", target_of(message.subscribe, where="SubscribeURL"), headers={})
        if answer.status != 200:
            raise UnreachableError(f"SNS answered the confirmation with status {answer.status}; it will ask again")
        _LOG.info("sns_subscription_confirmed", extra={"topic": message.topic_arn})


def _subscription(message: SnsMessage) -> Alert:
    """That a topic does not reach us any more is trouble; a new confirmation ends it."""
    is_over = message.type is Kind.CONFIRMATION
    return Alert(
        source=NAME,
        fingerprint=digest("subscription", message.topic_arn),
        status=AlertStatus.RESOLVED if is_over else AlertStatus.FIRING,
        starts_at=message.at,
        ends_at=message.at if is_over else None,
        labels={"alertname": "SnsUnsubscribed", "topic": message.topic_arn},
        annotations={"summary": f"{message.topic_arn} {'delivers' if is_over else 'does not deliver'} here"},
    )


def alerts_in(message: str, owners: Owners, *, region: str, source: str) -> tuple[Alert, ...]:
    """Of the text that SNS carries: an alarm, or an event that a rule of EventBridge sent to the topic. Pure.

    Raises PermanentError for everything else.
    """
    if '"detail-type"' in message:
        return alerts_of(event_of(message), owners, source=source)
    alarm = alarm_of_notification(message, region=region)
    service = owners.of_dimensions(alarm.dimensions, account=alarm.account, region=alarm.region)
    alert = alert_of(alarm, source=source, service=service)
    return () if alert is None else (alert,)
