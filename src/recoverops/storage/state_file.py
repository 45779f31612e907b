"""Learned state in one file: wholly of one moment, checked when it is read. Written and read by `app/learned.py`.

    RecoverOps state 1\\n    magic and version
    32 bytes                SHA-256 of the rest
    MessagePack             name of a part -> its bytes

The parts are taken at one moment by whoever calls; because the file is replaced as a whole, a reader finds all of them
as they were then, or as they were at the save before, never some of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recoverops.model import PermanentError
from recoverops.storage.durable_file import write_durably

_MAGIC = b"RecoverOps state 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


def packed_state(parts: Mapping[str, bytes]) -> bytes:
    body = msgspec.msgpack.encode(dict(parts))
    return _MAGIC + hashlib.sha256(body).digest() + body


def write_state(path: Path, packed: bytes) -> None:
    """Replace the file. Raises OSError, and then the file before it is still there."""
    write_durably(path, packed)


def read_state(path: Path) -> dict[str, bytes]:
    """Raises OSError (FileNotFoundError when nothing was saved yet), PermanentError when it is damaged."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise PermanentError(f"{path} is no state of this version of RecoverOps; it is learned anew")
    body = data[_HEAD:]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : _HEAD]:
        raise PermanentError(f"{path} is damaged: its digest does not match; it is learned anew")
    try:
        return msgspec.msgpack.decode(body, type=dict[str, bytes])
    except msgspec.MsgspecError as error:
        raise PermanentError(f"{path} cannot be read: {error}; it is learned anew") from error
