"""SNS as moto has it not: subscriptions over HTTP that are asked for, deliveries that are signed and repeated.

Moto posts to an endpoint at once, without the question whether it wants to, and with a signature that nobody can fetch
the certificate of. Here a subscription over HTTP is pending until its address is visited; each delivery is signed with
a certificate of the double, served at its own address; a delivery that fails is repeated as SNS does, only sooner.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from recoverops.clock import SystemClock
from recoverops.testing.aws.signing import Signer

TRIES = 3
_WAIT_S = 0.1
_TIMEOUT_S = 10.0

Environ = Mapping[str, Any]
Wsgi = Callable[[Any, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One attempt to deliver."""

    endpoint: str
    """Without user name and password."""
    type: str
    message_id: str
    status: int
    """0: no answer"""
    said: str
    """The beginning of the answer."""


@dataclass(slots=True, kw_only=True)
class _Post:
    endpoint: str
    message: Mapping[str, str]
    raw: str | None = None
    """The message alone, for raw delivery."""
    tries: int = 0


@dataclass(slots=True, kw_only=True)
class _Pending:
    token: str
    topic: str
    subscription: Any


class Sns:
    """What SNS does over HTTP. Thread-safe; `settle` waits until everything is delivered or given up."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.signer = Signer()
        self.signature_version = "1"
        """As topics have it unless told; `2` signs with SHA-256."""
        self._deliveries: list[Delivered] = []
        self._pending: dict[str, _Pending] = {}
        self._confirmed: set[str] = set()
        self._posts: queue.Queue[_Post | None] = queue.Queue()
        self._clock = SystemClock()
        self._numbers = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="sns", daemon=True)

    @property
    def deliveries(self) -> tuple[Delivered, ...]:
        with self._lock:
            return tuple(self._deliveries)

    def settle(self) -> tuple[Delivered, ...]:
        """Every attempt so far, after the last one that was due."""
        self._posts.join()
        return self.deliveries

    def is_confirmed(self, subscription_arn: str) -> bool:
        return subscription_arn in self._confirmed

    def certificate_url(self) -> str:
        return f"{self.url}/{self.signer.name}"

    def signed(self, message: Mapping[str, str], *, version: str | None = None) -> dict[str, str]:
        """The message with what SNS puts around it."""
        version = version or self.signature_version
        return {
            **message,
            "SignatureVersion": version,
            "Signature": self.signer.sign(canonical(message), version=version),
            "SigningCertURL": self.certificate_url(),
        }

    # what moto calls instead of its own

    def subscribed(self, topic: str, subscription: Any) -> None:
        """A new subscription over HTTP: ask the endpoint."""
        token = f"{self._number():064x}"
        subscription.attributes["PendingConfirmation"] = True
        subscription.attributes["ConfirmationWasAuthenticated"] = False
        with self._lock:
            self._pending[token] = _Pending(token=token, topic=topic, subscription=subscription)
        self._put(
            subscription.endpoint,
            {
                "Type": "SubscriptionConfirmation",
                "MessageId": self._id(),
                "Token": token,
                "TopicArn": topic,
                "Message": f"You have chosen to subscribe to the topic {topic}. To confirm, visit the SubscribeURL.",
                "SubscribeURL": f"{self.url}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
                "Timestamp": self._now(),
            },
        )

    def published(self, subscription: Any, message: str, message_id: str, subject: str | None) -> None:
        """To one subscription over HTTP; nothing while it is not confirmed."""
        if subscription.arn not in self._confirmed:
            return
        told = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": subscription.topic.arn,
            "Message": message,
            "Timestamp": self._now(),
        }
        told |= {"Subject": subject} if subject else {}
        told["UnsubscribeURL"] = f"{self.url}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
        is_raw = str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"
        self._put(subscription.endpoint, told, raw=message if is_raw else None)

    def unsubscribed(self, subscription: Any) -> None:
        token = f"{self._number():064x}"
        topic = subscription.topic.arn
        self._put(
            subscription.endpoint,
            {
                "Type": "UnsubscribeConfirmation",
                "MessageId": self._id(),
                "Token": token,
                "TopicArn": topic,
                "Message": f"You have chosen to deactivate subscription {subscription.arn}.",
                "SubscribeURL": f"{self.url}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
                "Timestamp": self._now(),
            },
        )

    # what is visited over HTTP

    def before(self, application: Wsgi) -> Wsgi:
        """The same application, which answers for the certificate and for confirmations first."""

        def answering(environ: Environ, start_response: Any) -> Iterable[bytes]:
            found = self._page(environ)
            if found is None:
                return application(environ, start_response)
            status, body = found
            start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
            return [body]

        return answering

    def _page(self, environ: Environ) -> tuple[str, bytes] | None:
        if environ["REQUEST_METHOD"] != "GET":
            return None
        if environ["PATH_INFO"] == f"/{self.signer.name}":
            return "200 OK", self.signer.pem
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        if asked.get("Action") != ["ConfirmSubscription"]:
            return None
        return self.confirm(asked.get("Token", [""])[0], asked.get("TopicArn", [""])[0])

    def confirm(self, token: str, topic: str) -> tuple[str, bytes]:
        with self._lock:
            pending = self._pending.get(token)
            if pending is None or pending.topic != topic:
                return "404 Not Found", b"<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>"
            pending.subscription.attributes["PendingConfirmation"] = False
            self._confirmed.add(pending.subscription.arn)
        arn = pending.subscription.arn.encode()
        return "200 OK", b"<ConfirmSubscriptionResponse><SubscriptionArn>" + arn + b"</SubscriptionArn></>"

    # delivering

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._posts.put(None)
        self._thread.join(_TIMEOUT_S)

    def _put(self, endpoint: str, message: Mapping[str, str], *, raw: str | None = None) -> None:
        self._posts.put(_Post(endpoint=endpoint, message=self.signed(message), raw=raw))

    def _work(self) -> None:
        while (post := self._posts.get()) is not None:
            status = self._try(post)
            post.tries += 1
            if (status == 0 or status >= 500 or status == 429) and post.tries < TRIES:
                self._clock.sleep(_WAIT_S)
                self._posts.put(post)
            self._posts.task_done()
        self._posts.task_done()

    def _try(self, post: _Post) -> int:
        endpoint, credentials = _without_credentials(post.endpoint)
        body = (post.raw if post.raw is not None else json.dumps(post.message)).encode()
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": post.message["Type"],
            "x-amz-sns-message-id": post.message["MessageId"],
            "x-amz-sns-topic-arn": post.message["TopicArn"],
            **({} if post.raw is None else {"x-amz-sns-rawdelivery": "true"}),
        }
        status, said, challenge = _posted(endpoint, body, headers)
        if status == 401 and credentials and "basic" in challenge.lower():
            status, said, _ = _posted(endpoint, body, {**headers, "Authorization": f"Basic {credentials}"})
        with self._lock:
            self._deliveries.append(
                Delivered(
                    endpoint=endpoint,
                    type=post.message["Type"],
                    message_id=post.message["MessageId"],
                    status=status,
                    said=said,
                )
            )
        return status

    def _number(self) -> int:
        with self._lock:
            self._numbers += 1
            return self._numbers

    def _id(self) -> str:
        return f"00000000-0000-4000-8000-{self._number():012x}"

    def _now(self) -> str:
        return stamp(self._clock.now())


@contextmanager
def delivering(sns: Sns) -> Iterator[None]:
    """Moto's SNS delivers through this one for the time of the context."""
    from moto.sns.models import SNSBackend, Subscription

    subscribe, publish, unsubscribe = SNSBackend.subscribe, Subscription.publish, SNSBackend.unsubscribe

    def subscribing(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        known = set(backend.subscriptions)
        made = subscribe(backend, topic_arn, endpoint, protocol)
        if protocol in {"http", "https"} and made.arn not in known:
            sns.subscribed(topic_arn, made)
        return made

    def publishing(subscription: Any, message: str, message_id: str, subject: str | None = None, **more: Any) -> None:
        if subscription.protocol not in {"http", "https"}:
            publish(subscription, message, message_id, subject=subject, **more)
            return
        matcher = subscription._filter_policy_matcher
        if matcher is None or matcher.matches(more.get("message_attributes"), message):
            sns.published(subscription, message, message_id, subject)

    def unsubscribing(backend: Any, subscription_arn: str) -> None:
        known = backend.subscriptions.get(subscription_arn)
        unsubscribe(backend, subscription_arn)
        if known is not None and known.protocol in {"http", "https"} and sns.is_confirmed(subscription_arn):
            sns.unsubscribed(known)

    SNSBackend.subscribe, Subscription.publish, SNSBackend.unsubscribe = subscribing, publishing, unsubscribing
    sns.start()
    try:
        yield
    finally:
        SNSBackend.subscribe, Subscription.publish, SNSBackend.unsubscribe = subscribe, publish, unsubscribe
        sns.close()


def canonical(message: Mapping[str, str]) -> bytes:
    """What AWS says the signature is over; written anew here, so that it does not agree with the plugin by itself."""
    if message["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


def stamp(at: datetime) -> str:
    """`2012-05-02T00:54:06.655Z`"""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """Status, the beginning of the answer, and the challenge of a 401."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - a test's own
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, answer.read(500).decode(errors="replace"), ""
    except urllib.error.HTTPError as error:
        challenge = ", ".join(error.headers.get_all("WWW-Authenticate") or ())
        return error.code, error.read(500).decode(errors="replace"), challenge
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error), ""


def _without_credentials(endpoint: str) -> tuple[str, str]:
    """The address, and user name and password of it in base64."""
    parts = urlsplit(endpoint)
    if parts.username is None:
        return endpoint, ""
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return plain, base64.b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()
