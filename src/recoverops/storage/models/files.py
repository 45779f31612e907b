"""One version of a model as files of a folder: wholly there or not at all. Called by `folder.py`."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from recoverops.ports import ModelParts, ModelVersion
from recoverops.storage.durable_file import flush_directory, write_durably
from recoverops.storage.models.content import (
    ARRAYS,
    DESCRIPTION,
    MANIFEST,
    files_of,
    manifest_of,
    missing,
    parts_of,
    version_of,
)
from recoverops.storage.ownership import make_folder


def write_version(folder: Path, parts: ModelParts, *, name: str, version: int, at: datetime) -> ModelVersion:
    """Write the version as `folder`, which does not exist yet. Raises OSError, or `PermanentError` for objects."""
    files = files_of(parts)
    manifest = manifest_of(files, name=name, version=version, kind=parts.kind, at=at)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    make_folder(beside)
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
    data = _read(folder, MANIFEST)
    size = sum((folder / file).stat().st_size for file in (MANIFEST, DESCRIPTION, ARRAYS) if (folder / file).is_file())
    return version_of(str(folder), data, name=folder.parent.name, version=folder.name, size_bytes=size)


def read_version(folder: Path) -> ModelParts:
    """The content. Raises `PermanentError`, with what is wrong, unless every digest holds."""
    manifest = _read(folder, MANIFEST)
    files = {file: _read(folder, file) for file in (DESCRIPTION, ARRAYS)}
    return parts_of(str(folder), manifest, files, name=folder.parent.name, version=folder.name)


def _read(folder: Path, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise missing(str(folder), file) from error
