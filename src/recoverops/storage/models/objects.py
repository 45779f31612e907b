"""Trained models on an object store: `<name>/<version>/...` and `<name>/current.json` below its URL.

Implements `ports.ModelStore` with the files of `folder.py`. The manifest is written last and makes the version: without
it there is none. Writers need no lock: every key is written only where nothing is, so two who save at once get
different numbers, and the pointer is replaced only when it is still the one that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from recoverops.model import ConflictError, NotFoundError, PermanentError, RecoverOpsError
from recoverops.ports import ModelInUse, ModelParts, ModelVersion, ObjectEntry, ObjectStore
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
from recoverops.storage.models.pointer import POINTER, Pointer, bytes_of, pointer_of
from recoverops.storage.models.versions import (
    NAME,
    checked_keep,
    checked_name,
    first_whole,
    next_number,
    numbers_in,
    outdated,
)
from recoverops.storage.put_once import put_once

LEFT_BEHIND = timedelta(days=1)
"""Files without a manifest that are older than this are of a writer that was killed, and go with the next save."""
_ATTEMPTS = 20
"""So many others may take the next number at the same moment."""
Found = Mapping[int, Mapping[str, ObjectEntry]]
"""Number -> file -> what the list says of it."""


class ObjectModelStore:
    """`keep`: how many of the newest versions of a name stay. Thread-safe."""

    def __init__(self, objects: ObjectStore, *, keep: int = 5) -> None:
        self._objects = objects
        self._keep = checked_keep(keep)
        self._manifests: dict[tuple[str, str], bytes] = {}
        """(key, tag) -> what never changes"""

    def save(self, name: str, parts: ModelParts, *, at: datetime) -> ModelVersion:
        """What is to go goes when the files are there and before the manifest is: who may not remove saves nothing."""
        files = files_of(parts)
        found, pointer = self._found(name), self._pointer_or_none(name)

        def prune(new: int) -> None:
            if pointer is not None:
                self._prune(name, found, pointer, new=new, at=at)

        number = next_number(found, pointer)
        for candidate in range(number, number + _ATTEMPTS):
            with suppress(ConflictError):
                return self._written(name, candidate, files, parts.kind, at, prune)
        raise ConflictError(f"{_ATTEMPTS} others saved the model {name!r} at the same time; save it again")

    def names(self) -> tuple[str, ...]:
        tops = {one.key.partition("/")[0] for one in self._objects.list("") if "/" in one.key}
        return tuple(sorted(one for one in tops if NAME.fullmatch(one)))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        return tuple(one for one in self._looked_at(name) if isinstance(one, ModelVersion))

    def damaged(self, name: str) -> tuple[str, ...]:
        found = self._found(name)
        wanted = [number for number in numbers_in(str(one) for one in found) if MANIFEST in found[number]]
        return tuple(why for number in wanted if (why := self._why_refused(name, number)))

    def current(self, name: str) -> int | None:
        return self._pointer(name)[0].current

    def load(self, name: str, version: int) -> ModelInUse:
        where, folder = self._where(name, version), f"{checked_name(name)}/{version}"
        try:
            manifest = self._objects.get(f"{folder}/{MANIFEST}").data
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no version {version} of the model {name!r} in {self._objects.url}"
            ) from error
        files = {file: self._file(where, f"{folder}/{file}", file) for file in (DESCRIPTION, ARRAYS)}
        size = len(manifest) + sum(len(data) for data in files.values())
        told = version_of(where, manifest, name=name, version=str(version), size_bytes=size)
        return ModelInUse(version=told, parts=parts_of(where, manifest, files, name=name, version=str(version)))

    def load_current(self, name: str) -> ModelInUse | None:
        return first_whole(name, self._pointer(name)[0].used, self.load)

    def switch(self, name: str, *, to: int, expected: int | None) -> ModelVersion:
        wanted = self.load(name, to).version
        pointer, tag = self._pointer(name)
        pointer.check(name, expected)
        try:
            put_once(self._objects, f"{name}/{POINTER}", bytes_of(pointer.switched(to)), over=tag)
        except ConflictError as error:
            raise ConflictError(
                f"another version of the model {name!r} was made current at the same moment; look again"
            ) from error
        return wanted

    # --- inside ---------------------------------------------------------------------------------------------------

    def _where(self, name: str, version: int) -> str:
        return f"{self._objects.url}/{name}/{version}"

    def _found(self, name: str) -> Found:
        """Also what has no manifest (yet): its number is taken."""
        found: dict[int, dict[str, ObjectEntry]] = {}
        prefix = f"{checked_name(name)}/"
        for entry in self._objects.list(prefix):
            number, _, file = entry.key.removeprefix(prefix).partition("/")
            if file and numbers_in([number]):
                found.setdefault(int(number), {})[file] = entry
        return found

    def _looked_at(self, name: str) -> Iterator[ModelVersion | PermanentError]:
        found = self._found(name)
        for number in numbers_in(str(one) for one in found):
            if MANIFEST not in found[number]:
                continue
            size = sum(one.size for file, one in found[number].items() if file in {MANIFEST, DESCRIPTION, ARRAYS})
            try:
                data = self._manifest(found[number][MANIFEST])
                where = self._where(name, number)
                yield version_of(where, data, name=name, version=str(number), size_bytes=size)
            except PermanentError as error:
                yield error
            except NotFoundError:
                continue  # removed since the list was made

    def _manifest(self, entry: ObjectEntry) -> bytes:
        known = self._manifests.get((entry.key, entry.tag))
        if known is None:
            known = self._manifests[entry.key, entry.tag] = self._objects.get(entry.key).data
        return known

    def _file(self, where: str, key: str, file: str) -> bytes:
        try:
            return self._objects.get(key).data
        except NotFoundError as error:
            raise missing(where, file) from error

    def _why_refused(self, name: str, number: int) -> str | None:
        try:
            self.load(name, number)
        except PermanentError as error:
            return str(error)
        except NotFoundError:
            return None
        return None

    def _pointer(self, name: str) -> tuple[Pointer, str | None]:
        """With its tag; None where there is none yet."""
        key = f"{checked_name(name)}/{POINTER}"
        try:
            found = self._objects.get(key)
        except NotFoundError:
            return Pointer(), None
        return pointer_of(f"{self._objects.url}/{key}", found.data), found.tag

    def _pointer_or_none(self, name: str) -> Pointer | None:
        """None when it is damaged: a new version can still be kept, but nothing may be removed."""
        try:
            return self._pointer(name)[0]
        except PermanentError:
            return None

    def _written(
        self,
        name: str,
        number: int,
        files: Mapping[str, bytes],
        kind: str,
        at: datetime,
        before_manifest: Callable[[int], None],
    ) -> ModelVersion:
        """Raises `ConflictError` when the number is taken. What was written of a version that failed is removed."""
        manifest = manifest_of(files, name=name, version=number, kind=kind, at=at)
        written: list[str] = []
        try:
            for file, data in (*files.items(), (MANIFEST, manifest)):
                if file == MANIFEST:
                    before_manifest(number)
                put_once(self._objects, f"{name}/{number}/{file}", data, over=None)
                written.append(f"{name}/{number}/{file}")
        except RecoverOpsError:
            for key in written:
                with suppress(RecoverOpsError):
                    self._objects.delete(key)
            raise
        size = len(manifest) + sum(len(data) for data in files.values())
        return version_of(self._where(name, number), manifest, name=name, version=str(number), size_bytes=size)

    def _prune(self, name: str, found: Found, pointer: Pointer, *, new: int, at: datetime) -> None:
        """`new` is the number that will be the newest. A version's manifest goes first: then it is none."""
        whole = numbers_in(str(number) for number, files in found.items() if MANIFEST in files)
        left = [
            number
            for number, files in found.items()
            if MANIFEST not in files and max(one.at for one in files.values()) < at - LEFT_BEHIND
        ]
        for number in (*outdated([new, *whole], pointer, keep=self._keep), *left):
            for file in sorted(found[number], key=lambda one: one != MANIFEST):
                self._objects.delete(f"{name}/{number}/{file}")
