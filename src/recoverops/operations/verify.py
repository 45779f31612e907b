"""What has to be asked outside before a delivery may be admitted. The intake asks it on another thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from recoverops.ports import PushSource, VerifiedPushSource


def verification(
    push_sources: Mapping[str, PushSource], name: str, headers: Mapping[str, str], body: bytes
) -> Callable[[], None] | None:
    """The question, which may take seconds; None when this source has none. It raises what `verify` raises."""
    source = push_sources.get(name)
    if isinstance(source, VerifiedPushSource):
        return partial(source.verify, headers, body)
    return None
