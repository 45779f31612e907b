"""One version of a model as files: written so that it is wholly there or not at all, read with its digests checked.

    <version>/model.json     description and report
    <version>/arrays.npz     numbers, read without pickle
    <version>/manifest.json  kind, time, and the SHA-256 of the two above

Called by `folder.py`.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError
from recoverops.ports import ModelParts, ModelVersion
from recoverops.storage.durable_file import flush_directory, write_durably

MANIFEST, DESCRIPTION, ARRAYS = "manifest.json", "model.json", "arrays.npz"
FORMAT = 1
_NUMERIC_KINDS = "biuf"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `manifest.json` holds."""

    format: int
    name: str
    version: int
    kind: str
    created_at: datetime
    sha256: dict[str, str]


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: dict[str, Any]
    report: dict[str, Any]


def write_version(folder: Path, parts: ModelParts, *, name: str, version: int, at: datetime) -> ModelVersion:
    """Write the version as `folder`, which does not exist yet. Raises OSError, or `PermanentError` for objects."""
    files = {
        DESCRIPTION: msgspec.json.encode(_Content(description=dict(parts.description), report=dict(parts.report))),
        ARRAYS: _packed(parts.arrays),
    }
    manifest = msgspec.json.encode(
        Manifest(
            format=FORMAT,
            name=name,
            version=version,
            kind=parts.kind,
            created_at=at,
            sha256={file: _sha256(data) for file, data in files.items()},
        )
    )
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    try:
        for file, data in (*files.items(), (MANIFEST, manifest)):
            write_durably(beside / file, data)
        beside.rename(folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    flush_directory(folder.parent)
    return read_manifest(folder)


def read_manifest(folder: Path) -> ModelVersion:
    """The version without its content. Raises `PermanentError` when it is damaged."""
    data = _read(folder / MANIFEST)
    manifest = _manifest(folder, data)
    size = sum((folder / file).stat().st_size for file in (MANIFEST, DESCRIPTION, ARRAYS) if (folder / file).is_file())
    return ModelVersion(
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        digest=_sha256(data),
        created_at=manifest.created_at,
        size_bytes=size,
    )


def read_version(folder: Path) -> ModelParts:
    """The content. Raises `PermanentError`, with what is wrong, unless every digest holds."""
    manifest = _manifest(folder, _read(folder / MANIFEST))
    files = {file: _read(folder / file) for file in (DESCRIPTION, ARRAYS)}
    for file, data in files.items():
        if _sha256(data) != manifest.sha256.get(file):
            raise PermanentError(
                f"{folder / file} has the SHA-256 {_sha256(data)}, its manifest says {manifest.sha256.get(file)}: the "
                "model is damaged and is not used; go back to another version, or train a new one"
            )
    try:
        content = msgspec.json.decode(files[DESCRIPTION], type=_Content)
        arrays = _unpacked(files[ARRAYS])
    except (msgspec.DecodeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PermanentError(f"{folder} cannot be read ({error}); train a new model") from error
    return ModelParts(kind=manifest.kind, description=content.description, arrays=arrays, report=content.report)


def _manifest(folder: Path, data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{folder / MANIFEST} is damaged ({error}); go back to another version, or train a new one"
        ) from error
    if manifest.format != FORMAT:
        raise PermanentError(f"{folder} has format {manifest.format}, this release reads {FORMAT}; upgrade RecoverOps")
    if str(manifest.version) != folder.name or manifest.name != folder.parent.name:
        raise PermanentError(f"{folder} says it is {manifest.name} version {manifest.version}; was it copied there?")
    return manifest


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise PermanentError(
            f"{path} is missing: the model is damaged and is not used; go back to another version, or train a new one"
        ) from error


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMERIC_KINDS:
            raise PermanentError(f"array {name!r} holds {array.dtype}, a model holds numbers only")
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target.getvalue()


def _unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
