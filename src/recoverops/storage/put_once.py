"""A write to an object store whose answer may be lost: looked after, so that its outcome is known."""

from __future__ import annotations

from recoverops.model import ConflictError, NotFoundError, OutcomeUnknownError, UnreachableError
from recoverops.ports import ObjectStore


def put_once(objects: ObjectStore, key: str, data: bytes, *, over: str | None) -> str:
    """As `ObjectStore.put`, with no unknown outcome: when exactly these bytes are there, they are ours."""
    try:
        return objects.put(key, data, over=over)
    except OutcomeUnknownError as lost:
        try:
            found = objects.get(key)
        except NotFoundError:
            raise UnreachableError(str(lost)) from lost
        if found.data == data:
            return found.tag
        if found.tag == over:
            raise UnreachableError(str(lost)) from lost
        raise ConflictError(f"{objects.url}/{key} was written by somebody else: {lost}") from lost
