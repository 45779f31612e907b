"""Lets alerts in: decoded by their vendor, stored durably, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

from recoverops.model import Admission, NotFoundError
from recoverops.ports import PushSource, Store


def admit(
    store: Store, push_sources: Mapping[str, PushSource], name: str, headers: Mapping[str, str], body: bytes
) -> Future[Admission]:
    """A future that is done after the durable write.

    Raises NotFoundError for an unknown source, PermanentError for a body that is not its format, OverloadedError when
    the queue is full.
    """
    source = push_sources.get(name)
    if source is None:
        known = ", ".join(sorted(push_sources)) or "none"
        raise NotFoundError(f'there is no intake "{name}"; known are: {known}')
    return store.admit(source.decode(headers, body), size=len(body))
