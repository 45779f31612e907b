"""A message of SNS: what it says, what its signature is over, and where it may lead us. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html. Addresses are
compared as whole texts, so that no two parsers can read them differently.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

import msgspec

from recoverops.plugins.aws.intake.reading import decoded, time_of

_AWS = r"https://sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = r"/SimpleNotificationService-[A-Za-z0-9]{8,128}\.pem"
_QUERY = r"/\?[A-Za-z0-9=&%:._~+-]{1,2000}"
_WHAT = "a delivery of SNS"


class Kind(StrEnum):
    NOTIFICATION = "Notification"
    CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBED = "UnsubscribeConfirmation"


class SnsMessage(msgspec.Struct, frozen=True, rename="pascal"):
    """As it came; nothing of it is trusted yet."""

    type: Kind
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    certificate: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str = ""
    subscribe: str = msgspec.field(name="SubscribeURL", default="")

    @property
    def at(self) -> datetime:
        return time_of(self.timestamp, "Timestamp")

    @property
    def signed(self) -> bytes:
        """What the signature is over: name and value of each field, a line each, in this order."""
        fields: list[tuple[str, str | None]] = [("Message", self.message), ("MessageId", self.message_id)]
        if self.type is Kind.NOTIFICATION:
            fields += [("Subject", self.subject)]
        else:
            fields += [("SubscribeURL", self.subscribe)]
        fields += [("Timestamp", self.timestamp)]
        if self.type is not Kind.NOTIFICATION:
            fields += [("Token", self.token)]
        fields += [("TopicArn", self.topic_arn), ("Type", self.type.value)]
        return "".join(f"{name}\n{value}\n" for name, value in fields if value is not None).encode()


_DECODER = msgspec.json.Decoder(SnsMessage)


def message_of(body: bytes | str) -> SnsMessage:
    """Raises PermanentError naming what does not fit."""
    message = decoded(_DECODER, body, _WHAT)
    time_of(message.timestamp, "Timestamp")
    return message


def is_certificate_of(base: str | None, url: str) -> bool:
    """Whether SNS itself has its certificates there; `base` is a double of it, for tests."""
    return re.fullmatch(_host(base) + _CERTIFICATE, url) is not None


def is_confirmation_of(base: str | None, message: SnsMessage) -> bool:
    """Whether visiting the address confirms this very subscription at SNS, and does nothing else."""
    if re.fullmatch(_host(base) + _QUERY, message.subscribe) is None:
        return False
    asked = parse_qs(urlsplit(message.subscribe).query)
    wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [message.topic_arn], "Token": [message.token]}
    return asked == wanted


def _host(base: str | None) -> str:
    return _AWS if base is None else re.escape(base)
