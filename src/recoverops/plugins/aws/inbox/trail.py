"""Records of CloudTrail: what was called, by whom, from where, and what came of it. Pure.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html. They come in
files (`Records`), and as the detail of events of EventBridge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from recoverops.model import PermanentError
from recoverops.plugins.aws.intake.reading import decoded, time_of

_WHAT = "a file of CloudTrail"
_VERSION = re.compile(r"20[0-9]{6}(v[0-9]+)?$")
"""What Lambda puts after the names of its calls."""
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation"})


class Identity(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    arn: str = ""
    account_id: str = ""
    access_key_id: str = ""
    user_name: str = ""
    principal_id: str = ""
    invoked_by: str = ""

    @property
    def shown(self) -> str:
        return self.arn or self.user_name or self.invoked_by or self.principal_id or self.type or "somebody"


class TrailRecord(msgspec.Struct, frozen=True, rename="camel"):
    id: str = msgspec.field(name="eventID")
    time: str = msgspec.field(name="eventTime")
    event_source: str
    event_name: str
    aws_region: str = ""
    user_identity: Identity = Identity()
    address: str = msgspec.field(name="sourceIPAddress", default="")
    error_code: str = ""
    request_parameters: dict[str, Any] | None = None
    response_elements: Any = None
    recipient_account_id: str = ""
    read_only: bool | None = None

    @property
    def at(self) -> datetime:
        return time_of(self.time, "eventTime")

    @property
    def service(self) -> str:
        """`ecs` of `ecs.amazonaws.com`"""
        return self.event_source.partition(".")[0]

    @property
    def name(self) -> str:
        return _VERSION.sub("", self.event_name)

    @property
    def account(self) -> str:
        return self.recipient_account_id or self.user_identity.account_id

    @property
    def is_refused(self) -> bool:
        return self.error_code in _REFUSED

    def asked(self, *path: str) -> str:
        """The text at this place of the request; empty when there is none."""
        value: Any = self.request_parameters
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


class _File(msgspec.Struct, frozen=True):
    Records: list[msgspec.Raw]


_FILE = msgspec.json.Decoder(_File)
_RECORD = msgspec.json.Decoder(TrailRecord)


def records_of(body: bytes, *, most: int) -> tuple[tuple[TrailRecord, ...], int]:
    """The records of a file, and how many of it could not be read or were too many. Raises PermanentError."""
    raw = decoded(_FILE, body, _WHAT).Records
    found, lost = list[TrailRecord](), max(0, len(raw) - most)
    for one in raw[:most]:
        try:
            record = _RECORD.decode(one)
            time_of(record.time, "eventTime")
        except (msgspec.DecodeError, PermanentError):
            lost += 1
        else:
            found.append(record)
    return tuple(found), lost


def record_of(detail: Mapping[str, Any]) -> TrailRecord:
    """Of an event of EventBridge. Raises PermanentError."""
    try:
        record = msgspec.convert(detail, TrailRecord)
    except msgspec.ValidationError as error:
        raise PermanentError(f"this is not a record of CloudTrail: {error}") from error
    time_of(record.time, "eventTime")
    return record
