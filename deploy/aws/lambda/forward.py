"""AWS Lambda: alarms from a Kinesis stream to RecoverOps' intake `aws-eventbridge`. Nothing but the Lambda runtime.

CloudWatch Logs and EventBridge share the stream. Events are posted one by one; batches of log lines are left alone:
Firehose archives them. A record is done when RecoverOps has stored it, or refused it for good. From the first one on
that may still succeed, Lambda is told to send the rest again: an alert that comes twice counts once.

Variables: RECOVEROPS_URL (https, without a path), KEY_SECRET (ARN of the secret that holds the intake key).
"""

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

DOOR = "/intake/aws-eventbridge"
TIMEOUT_S = 5
RESERVE_MS = 10_000
"""Left unused at the end of an invocation, so that there is always time to say how far it came."""
KEY_FOR_S = 300
MOST_BYTES = 262_144
"""What EventBridge allows an event to have."""
GZIP = b"\x1f\x8b"
PASSING = {401, 408, 425, 429}
"""Beside every 5xx: RecoverOps may take the same event later. 401: the key is being changed."""


class LaterError(Exception):
    """Not stored, but it may be the next time."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """The key goes to the address that was configured, and to no other."""

    def redirect_request(self, *_given, **_named):
        return None


class Key:
    """The intake key, read from Secrets Manager at most every five minutes."""

    def __init__(self, read, clock=time.monotonic):
        self._read = read
        self._clock = clock
        self._known = None

    def get(self):
        if self._known is None or self._clock() - self._known[1] >= KEY_FOR_S:
            self._known = (self._read().strip(), self._clock())
        return self._known[0]

    def forget(self):
        self._known = None


class Door:
    """RecoverOps, as the one who delivers sees it."""

    def __init__(self, url, key, timeout_s=TIMEOUT_S):
        self._url = checked(url) + DOOR
        self._timeout_s = timeout_s
        self._key = key
        self._opener = urllib.request.build_opener(_Stay)

    def post(self, event):
        """Returns the status of an answer that is final. Raises `LaterError` for every other outcome."""
        status = self._status(event)
        if status == 401:
            self._key.forget()
            status = self._status(event)
        if status in PASSING or status >= 500:
            raise LaterError(f"RecoverOps answered {status}")
        return status

    def _status(self, event):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key.get()}"}
        request = urllib.request.Request(self._url, data=event, headers=headers, method="POST")  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError as error:
            raise LaterError(f"no answer ({type(error).__name__})") from error


def checked(url):
    """The address without a slash at its end. Plain HTTP is for tests on this host only."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
        raise ValueError("RECOVEROPS_URL has to begin with https://: the intake key is sent there")
    if parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("RECOVEROPS_URL is an address without path, query and user")
    return url.rstrip("/")


def forward(records, door, time_left_ms):
    """What Lambda wants to hear: the first record that has to come again, if there is one. Later ones come with it."""
    told = {"stored": 0, "refused": 0, "logs": 0, "unreadable": 0}
    for record in records:
        number = record["kinesis"]["sequenceNumber"]
        if time_left_ms() < RESERVE_MS:
            return _again(number, told, "the time is over")
        try:
            told[_one(base64.b64decode(record["kinesis"]["data"]), door)] += 1
        except LaterError as error:
            return _again(number, told, str(error))
    print(json.dumps({"event": "forwarded", **told}))
    return {"batchItemFailures": []}


def _one(data, door):
    if data.startswith(GZIP):
        return "logs"
    if len(data) > MOST_BYTES or not _is_event(data):
        return "unreadable"
    status = door.post(data)
    if status < 300:
        return "stored"
    print(json.dumps({"event": "refused", "status": status}))
    return "refused"


def _is_event(data):
    try:
        event = json.loads(data)
    except ValueError:
        return False
    return isinstance(event, dict) and isinstance(event.get("detail-type"), str)


def _again(number, told, why):
    print(json.dumps({"event": "again", "from": number, "because": why, **told}))
    return {"batchItemFailures": [{"itemIdentifier": number}]}


def read_secret(arn):
    """With the SDK of the runtime, imported only where it is there."""
    import boto3

    if not re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:.+", arn):
        raise ValueError("KEY_SECRET has to be the ARN of a secret")
    return boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]


_door = None


def handler(event, context):
    """Lambda's entry. The door is kept between invocations."""
    global _door
    if _door is None:
        arn = os.environ["KEY_SECRET"]
        _door = Door(os.environ["RECOVEROPS_URL"], Key(lambda: read_secret(arn)))
    return forward(event["Records"], _door, context.get_remaining_time_in_millis)
