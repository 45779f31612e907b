"""One version of a model as bytes, the same in a folder and on an object store. Pure.

    model.json     description and report
    arrays.npz     numbers, read without pickle
    manifest.json  kind, time, and the SHA-256 of the two above

Called by `files.py` and `objects.py`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError
from recoverops.ports import ModelParts, ModelVersion

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


def files_of(parts: ModelParts) -> dict[str, bytes]:
    """Everything but the manifest. Raises `PermanentError` for arrays of objects."""
    content = _Content(description=dict(parts.description), report=dict(parts.report))
    return {DESCRIPTION: msgspec.json.encode(content), ARRAYS: _packed(parts.arrays)}


def manifest_of(files: Mapping[str, bytes], *, name: str, version: int, kind: str, at: datetime) -> bytes:
    digests = {file: _sha256(data) for file, data in files.items()}
    return msgspec.json.encode(
        Manifest(format=FORMAT, name=name, version=version, kind=kind, created_at=at, sha256=digests)
    )


def version_of(where: str, data: bytes, *, name: str, version: str, size_bytes: int) -> ModelVersion:
    """The version without its content, of its manifest. `where` is its folder, as people are told.

    Raises `PermanentError` when it is damaged, or the manifest of another name or version.
    """
    manifest = _manifest(where, data, name=name, version=version)
    return ModelVersion(
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        digest=_sha256(data),
        created_at=manifest.created_at,
        size_bytes=size_bytes,
    )


def parts_of(where: str, manifest_data: bytes, files: Mapping[str, bytes], *, name: str, version: str) -> ModelParts:
    """The content. Raises `PermanentError`, with what is wrong, unless every digest holds."""
    manifest = _manifest(where, manifest_data, name=name, version=version)
    for file, data in files.items():
        if _sha256(data) != manifest.sha256.get(file):
            raise PermanentError(
                f"{where}/{file} has the SHA-256 {_sha256(data)}, its manifest says {manifest.sha256.get(file)}: the "
                "model is damaged and is not used; go back to another version, or train a new one"
            )
    try:
        content = msgspec.json.decode(files[DESCRIPTION], type=_Content)
        arrays = _unpacked(files[ARRAYS])
    except (msgspec.DecodeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PermanentError(f"{where} cannot be read ({error}); train a new model") from error
    return ModelParts(kind=manifest.kind, description=content.description, arrays=arrays, report=content.report)


def missing(where: str, file: str) -> PermanentError:
    return PermanentError(
        f"{where}/{file} is missing: the model is damaged and is not used; go back to another version, or train a new "
        "one"
    )


def _manifest(where: str, data: bytes, *, name: str, version: str) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{where}/{MANIFEST} is damaged ({error}); go back to another version, or train a new one"
        ) from error
    if manifest.format != FORMAT:
        raise PermanentError(f"{where} has format {manifest.format}, this release reads {FORMAT}; upgrade RecoverOps")
    if str(manifest.version) != version or manifest.name != name:
        raise PermanentError(f"{where} says it is {manifest.name} version {manifest.version}; was it copied there?")
    return manifest


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
