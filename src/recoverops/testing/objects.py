"""A double of `ports.ObjectStore` in memory, with trouble on demand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from recoverops.model import ConflictError, NotFoundError
from recoverops.ports import ObjectEntry, StoredObject


class MemoryObjects:
    """Thread-safe. `before` is told each call (`put`, `joint/1/model.json`) and may raise in its place.

    `after` is told each write that was done, and may raise as if its answer had been lost.
    """

    def __init__(self, url: str = "memory://bucket/prefix", *, now: Callable[[], datetime] | None = None) -> None:
        self.url = url
        self.kept: dict[str, tuple[bytes, datetime]] = {}
        self.before: Callable[[str, str], None] = lambda call, key: None
        self.after: Callable[[str, str], None] = lambda call, key: None
        self.calls: list[str] = []
        self._now = now or (lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        self._lock = threading.Lock()

    def get(self, key: str) -> StoredObject:
        self._told("get", key)
        with self._lock:
            if key not in self.kept:
                raise NotFoundError(f"there is no object {self.url}/{key}")
            data = self.kept[key][0]
            return StoredObject(data=data, tag=_tag(data))

    def put(self, key: str, data: bytes, *, over: str | None) -> str:
        self._told("put", key)
        with self._lock:
            there = None if key not in self.kept else _tag(self.kept[key][0])
            if there != over:
                raise ConflictError(f"{self.url}/{key} is not what it was")
            self.kept[key] = (data, self._now())
        self.after("put", key)
        return _tag(data)

    def list(self, prefix: str) -> tuple[ObjectEntry, ...]:
        self._told("list", prefix)
        with self._lock:
            return tuple(
                ObjectEntry(key=key, size=len(data), tag=_tag(data), at=at)
                for key, (data, at) in sorted(self.kept.items())
                if key.startswith(prefix)
            )

    def delete(self, key: str) -> None:
        self._told("delete", key)
        with self._lock:
            self.kept.pop(key, None)

    def _told(self, call: str, key: str) -> None:
        self.calls.append(call)
        self.before(call, key)


def _tag(data: bytes) -> str:
    """As S3's: of the content."""
    return hashlib.sha256(data).hexdigest()
