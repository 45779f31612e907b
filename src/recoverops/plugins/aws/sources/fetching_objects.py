"""One object of S3: fetched under a bound, unpacked, and what it says. Shared by both streams of AWS."""

from __future__ import annotations

from typing import Any

from recoverops.model import NotFoundError, PermanentError, UnreachableError
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.inbox.content import Content, content_of
from recoverops.plugins.aws.inbox_settings import ObjectsSettings


def fetched(calls: Calls, place: Place, key: str, settings: ObjectsSettings) -> Content:
    """Raises PermanentError for a broken or too large object, or one that is gone; else what `calls` raises."""
    try:
        answer = calls.read(place, "s3:GetObject", Bucket=settings.bucket, Key=key)
    except NotFoundError as error:
        raise PermanentError("it is not there any more") from error
    size = int(answer.get("ContentLength", 0))
    if size > settings.max_bytes:
        answer["Body"].close()
        raise PermanentError(f"it has {size} bytes, more than {settings.max_bytes} (max_bytes)")
    body = read_body(answer["Body"], settings.max_bytes + 1, key)
    return content_of(body, settings.kind, max_bytes=settings.max_bytes, max_lines=settings.max_lines)


def read_body(stream: Any, most: int, key: str) -> bytes:
    """At most that many bytes. Raises UnreachableError when it breaks off."""
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    try:
        body: bytes = stream.read(most)
    except (BotoCoreError, HTTPError, OSError) as error:
        raise UnreachableError(f"the object {key} broke off while it was read ({type(error).__name__})") from error
    finally:
        stream.close()
    return body
