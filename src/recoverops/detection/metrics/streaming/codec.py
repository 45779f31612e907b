"""State of the streaming detector to bytes and back: magic, version, digest, settings as JSON, rows. No pickle.

Little endian throughout. The digest covers everything behind it, so a torn or edited file is refused, not half read.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recoverops.detection.metrics.streaming.layout import BYTES_PER_SERIES, LAYOUT_VERSION
from recoverops.detection.metrics.streaming.settings import StreamSettings
from recoverops.model.errors import PermanentError

_MAGIC = b"RecoverOps stream\n"
_HEAD = struct.Struct("<18sHH32s")  # magic, version, bytes a series, SHA-256 of the rest
_SIZES = struct.Struct("<II")  # bytes of settings, series


def encode(settings: StreamSettings, rows: NDArray[np.uint8]) -> bytes:
    told = settings.model_dump_json().encode()
    body = _SIZES.pack(len(told), len(rows)) + told + rows.tobytes()
    return _HEAD.pack(_MAGIC, LAYOUT_VERSION, BYTES_PER_SERIES, hashlib.sha256(body).digest()) + body


def decode(blob: bytes) -> tuple[StreamSettings, NDArray[np.uint8]]:
    """Settings and a writable copy of the rows. Raises PermanentError with what is wrong."""
    if len(blob) < _HEAD.size + _SIZES.size or not blob.startswith(_MAGIC):
        raise PermanentError(f"{len(blob)} bytes are no saved streaming detector; start with a new one")
    _, version, width, digest = _HEAD.unpack_from(blob)
    if (version, width) != (LAYOUT_VERSION, BYTES_PER_SERIES):
        raise PermanentError(
            f"saved streaming detector has layout {version} with {width} bytes a series, this program reads layout "
            f"{LAYOUT_VERSION} with {BYTES_PER_SERIES}; start with a new one, it learns again from the stored history"
        )
    body = memoryview(blob)[_HEAD.size :]
    if hashlib.sha256(body).digest() != digest:
        raise PermanentError("saved streaming detector is damaged: its digest does not match; restore an earlier copy")
    told, count = _SIZES.unpack_from(body)
    begin = _SIZES.size + told
    if len(body) != begin + count * BYTES_PER_SERIES:
        raise PermanentError(f"saved streaming detector has {len(body)} bytes of state, not those of {count} series")
    rows = np.frombuffer(body[begin:], dtype=np.uint8).reshape(count, BYTES_PER_SERIES).copy()
    try:
        return StreamSettings.model_validate_json(bytes(body[_SIZES.size : begin])), rows
    except ValidationError as error:
        raise PermanentError(
            f"saved streaming detector has settings that this program does not know: {error}"
        ) from error
