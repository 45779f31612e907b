"""What is in an object of S3, unpacked under a bound: records of CloudTrail, or requests of an access log. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from recoverops.model import PermanentError
from recoverops.plugins.aws.inbox.access_log import LONGEST_LINE, Request, request_of
from recoverops.plugins.aws.inbox.trail import TrailRecord, records_of

_GZIP = b"\x1f\x8b"


@dataclass(slots=True, kw_only=True)
class Content:
    """Of one object."""

    records: tuple[TrailRecord, ...] = ()
    requests: list[Request] = field(default_factory=list)
    unreadable: int = 0
    """Lines or records that could not be read, or were too many."""


def content_of(body: bytes, kind: str, *, max_bytes: int, max_lines: int) -> Content:
    """Raises PermanentError when the object is broken, or too large."""
    plain = unpacked(body, max_bytes)
    if kind == "cloudtrail":
        records, lost = records_of(plain, most=max_lines)
        return Content(records=records, unreadable=lost)
    content = Content()
    for number, line in enumerate(_lines(plain)):
        request = (
            request_of(line.decode(errors="replace")) if number < max_lines and len(line) <= LONGEST_LINE else None
        )
        if request is None:
            content.unreadable += 1
        else:
            content.requests.append(request)
    if content.unreadable and not content.requests:
        raise PermanentError(f"none of its {content.unreadable} lines is one of an access log")
    return content


def unpacked(body: bytes, most: int) -> bytes:
    """Gunzipped when it is gzip. Raises PermanentError for a broken one, and for more than `most` bytes."""
    if not body.startswith(_GZIP):
        if len(body) > most:
            raise PermanentError(f"it has {len(body)} bytes, more than {most} (max_bytes)")
        return body
    pieces, rest, left = list[bytes](), body, most + 1
    try:
        while rest and left > 0:
            reader = zlib.decompressobj(wbits=31)
            piece = reader.decompress(rest, left)
            pieces.append(piece)
            left -= len(piece)
            if left > 0 and not reader.eof:
                raise PermanentError("it is gzip that ends too early")
            rest = reader.unused_data
    except zlib.error as error:
        raise PermanentError(f"it is broken gzip: {error}") from error
    if left <= 0:
        raise PermanentError(f"it has more than {most} bytes when unpacked (max_bytes)")
    return b"".join(pieces)


def _lines(plain: bytes) -> Iterator[bytes]:
    return (line for line in plain.split(b"\n") if line.strip())
