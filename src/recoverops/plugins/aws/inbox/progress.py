"""How far a queue or a prefix has been read, as the position of its mark: what was seen lately, and what was noticed.

It is committed together with what was read, so an object counts once, and a burst of refused calls survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from recoverops.model import PermanentError, digest
from recoverops.plugins.aws.inbox.suspicion import Watch

MOST_SEEN = 10_000


class Progress(msgspec.Struct, frozen=True):
    v: int = 1
    until: datetime | None = None
    """Of a prefix: when the newest object that was read was written."""
    seen: dict[str, datetime] = {}
    """Objects that were read: a digest, and when each was written or told of."""
    watch: Watch = Watch()


_DECODER = msgspec.json.Decoder(Progress)


def progress_of(position: str) -> Progress:
    """Raises PermanentError for what this release has not written."""
    if not position:
        return Progress()
    try:
        return _DECODER.decode(position)
    except msgspec.DecodeError as error:
        raise PermanentError(f"the mark is not one of this source: {error}") from error


def position_of(progress: Progress) -> str:
    """The same text for the same progress."""
    return msgspec.json.encode(progress, order="deterministic").decode()


def remembered(
    seen: Mapping[str, datetime], more: Iterable[tuple[str, datetime]], *, since: datetime
) -> dict[str, datetime]:
    """Without those from before `since`; when there are too many, without the oldest."""
    whole = {**seen, **dict(more)}
    kept = sorted((at, mark) for mark, at in whole.items() if at >= since)[-MOST_SEEN:]
    return {mark: at for at, mark in kept}


def mark_of(*parts: str) -> str:
    """16 characters. An object that is written anew has another ETag, so it is a new one where that is a part."""
    return digest(*parts)[:16]
