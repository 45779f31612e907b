"""What `scoring.py` remembers, as bytes and back: rolling windows, where models stand, what the drift watch saw.

A record of plain numbers and bytes; the digest of the model version stands beside whatever belongs to one version.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np

from recoverops.detection.metrics.joint import FeatureStream
from recoverops.detection.metrics.joint.drift import DriftState
from recoverops.model import PermanentError, Record, Resource

FULL_WINDOW_S = 1800.0
"""Rolling features of less than half their hour are not what the model learned."""


@dataclass(slots=True)
class Remembered:
    """Of one resource, between two rows."""

    digest: str
    """of the model version that `state` belongs to"""
    state: bytes
    features: FeatureStream = field(default_factory=FeatureStream)
    since: float = math.nan
    last: float = -math.inf

    def covers(self, at: float) -> float:
        """Seconds of rolling window, this row included; a pause of half the window begins it anew."""
        if not at - self.last < FULL_WINDOW_S:
            self.since = at
        self.last = at
        return at - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the drift watch of one version had seen."""

    digest: str
    state: DriftState


class _Window(Record, frozen=True, kw_only=True):
    resource: Resource
    digest: str
    state: bytes
    features: bytes
    since: float
    last: float


class _Drift(Record, frozen=True, kw_only=True):
    model: str
    digest: str
    rows: int
    shape: tuple[int, int]
    weights: bytes


class _Memory(Record, frozen=True, kw_only=True):
    windows: tuple[_Window, ...]
    """Those that were silent longest first."""
    drift: tuple[_Drift, ...]


_DECODER = msgspec.msgpack.Decoder(_Memory)


def packed(remembered: dict[Resource, Remembered], watched: dict[str, Watched]) -> bytes:
    windows = tuple(
        _Window(
            resource=resource,
            digest=one.digest,
            state=one.state,
            features=one.features.to_bytes(),
            since=one.since,
            last=one.last,
        )
        for resource, one in remembered.items()
    )
    drift = tuple(
        _Drift(
            model=name,
            digest=one.digest,
            rows=one.state.rows,
            shape=(one.state.weights.shape[0], one.state.weights.shape[1]),
            weights=one.state.weights.tobytes(),
        )
        for name, one in watched.items()
    )
    return msgspec.msgpack.encode(_Memory(windows=windows, drift=drift))


def unpacked(blob: bytes, *, most: int) -> tuple[dict[Resource, Remembered], dict[str, Watched]]:
    """The `most` windows that were asked last, and the watches by name. Raises PermanentError."""
    try:
        memory = _DECODER.decode(blob)
        windows = {
            one.resource: Remembered(
                digest=one.digest,
                state=one.state,
                features=FeatureStream.from_bytes(one.features),
                since=one.since,
                last=one.last,
            )
            for one in memory.windows[-most:]
        }
        watched = {
            one.model: Watched(
                digest=one.digest,
                state=DriftState(weights=np.frombuffer(one.weights).reshape(one.shape).copy(), rows=one.rows),
            )
            for one in memory.drift
        }
    except (msgspec.MsgspecError, ValueError) as error:
        raise PermanentError(f"the rolling windows cannot be read: {error}; they are filled anew") from error
    return windows, watched
