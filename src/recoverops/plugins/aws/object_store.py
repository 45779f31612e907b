"""Buckets of S3 as `ports.ObjectStore`: where models and history of RecoverOps itself may be kept.

Writes are conditional (`If-None-Match: *`, `If-Match`), so two writers never overwrite each other unnoticed, and carry
their SHA-256, which S3 checks. Encryption is the bucket's. Only what the configuration names is opened.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    Record,
    RecoverOpsError,
)
from recoverops.plugins.aws.address import Place, place_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.errors import code_of
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.s3_endpoint import endpoint_place
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.sources.fetching_objects import read_body
from recoverops.ports import ObjectEntry, ObjectStore, StoredObject

SCHEME = "s3"
LIST, GET, PUT, DELETE = "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9!_.'()=-]+(?:/[A-Za-z0-9!_.'()=-]+)*)/?")
_LARGEST = 1024 * 1024 * 1024
_NEVER = '"00000000000000000000000000000000"'
"""A tag that nothing has."""


class Prefix(Record, frozen=True, kw_only=True):
    """What an URL names."""

    bucket: str
    path: str
    """With / at its end: nothing of `models-old/` is reached by `models`."""

    @property
    def url(self) -> str:
        return f"{SCHEME}://{self.bucket}/{self.path.rstrip('/')}"


def prefix_of(url: str) -> Prefix:
    """Raises `MisconfiguredError`."""
    found = _URL.fullmatch(url)
    if found is None:
        raise MisconfiguredError(
            f'"{url}" names no place in S3; write s3://bucket/prefix: a prefix is needed, and made of '
            "A-Z a-z 0-9 ! _ . ' ( ) = - and /"
        )
    return Prefix(bucket=found[1], path=f"{found[2]}/")


def store_place(settings: AwsSettings) -> Place:
    """By which account and region buckets are used. Raises `MisconfiguredError` when that is left open."""
    server = settings.object_store
    if server.endpoint_url is not None:
        return endpoint_place(server)
    try:
        return place_of(server.account, None, server.region, settings.accounts)
    except ValueError as error:
        raise MisconfiguredError(f"object_store: {error}") from error


def own_urls(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in urls if one.startswith(f"{SCHEME}://"))


def store_grants(settings: AwsSettings, urls: Sequence[str]) -> Iterator[Grant]:
    """For exactly these prefixes. None for a server that is not AWS."""
    if not urls or settings.object_store.endpoint_url is not None:
        return
    place = store_place(settings)
    for prefix in map(prefix_of, urls):
        bucket = f"arn:{{partition}}:s3:::{prefix.bucket}"
        yield Grant(
            action=LIST,
            arn=bucket,
            account=place.account,
            condition={"StringLike": {"s3:prefix": f"{prefix.path}*"}},
            why="to see which models and which history there are",
            changes=False,
        )
        for action, why in (
            (GET, "to read models and history"),
            (PUT, "to write new ones"),
            (DELETE, "to remove what retention says"),
        ):
            yield Grant(action=action, arn=f"{bucket}/{prefix.path}*", account=place.account, why=why, changes=False)
    for key in settings.object_store.keys:
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield Grant(
                action=action,
                arn=key,
                account=place.account,
                why="because the bucket encrypts with your own key",
                condition={"StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"}},
                changes=False,
            )


class S3Stores:
    """Implements `ports.ObjectStores`."""

    scheme = SCHEME

    def __init__(self, calls: Calls, place: Callable[[], Place]) -> None:
        self._calls = calls
        self._place = place

    def open(self, url: str) -> ObjectStore:
        return S3Objects(self._calls, self._place(), prefix_of(url))


class S3Objects:
    """Implements `ports.ObjectStore`: the objects of a bucket below a prefix."""

    def __init__(self, calls: Calls, place: Place, prefix: Prefix) -> None:
        self._calls = calls
        self._place = place
        self._prefix = prefix

    @property
    def url(self) -> str:
        return self._prefix.url

    def get(self, key: str) -> StoredObject:
        """To whoever may list only a prefix, S3 says of a missing object that it is forbidden: then the list tells."""
        try:
            return self._got(key)
        except ForbiddenError as error:
            if not any(one.key == key for one in self.list(key)):
                raise NotFoundError(f"there is no object {self.url}/{key}") from error
        return self._got(key)  # it is there: denied, or written in between

    def _got(self, key: str) -> StoredObject:
        try:
            answer = self._calls.read(self._place, GET, **self._named(key))
        except NotFoundError as error:
            raise self._absent(key, error) from error
        data = read_body(answer["Body"], _LARGEST, f"{self.url}/{key}")
        return StoredObject(data=data, tag=str(answer["ETag"]))

    def put(self, key: str, data: bytes, *, over: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": over}
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        try:
            answer = self._calls.change(
                self._place, PUT, **self._named(key), Body=data, ChecksumSHA256=digest, **condition
            )
        except NotFoundError as error:
            told = self._absent(key, error)
            if isinstance(told, NotFoundError):
                raise ConflictError(f"{self.url}/{key} is not there any more") from error
            raise told from error
        return str(answer["ETag"])

    def list(self, prefix: str) -> tuple[ObjectEntry, ...]:
        begin = f"{self._prefix.path}{prefix}"
        try:
            found = self._calls.pages(
                self._place, "s3:ListObjectsV2", "Contents", Bucket=self._prefix.bucket, Prefix=begin
            )
        except NotFoundError as error:
            raise self._absent(prefix, error) from error
        return tuple(sorted((self._entry(one) for one in found), key=lambda one: one.key))

    def delete(self, key: str) -> None:
        self._calls.change(self._place, DELETE, **self._named(key))

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._prefix.bucket, "Key": f"{self._prefix.path}{key}"}

    def _entry(self, one: Any) -> ObjectEntry:
        key = str(one["Key"]).removeprefix(self._prefix.path)
        return ObjectEntry(key=key, size=int(one["Size"]), tag=str(one["ETag"]), at=one["LastModified"])

    def _absent(self, key: str, error: NotFoundError) -> RecoverOpsError:
        """A missing bucket is no missing object."""
        if code_of(error.__cause__) == "NoSuchBucket":
            return MisconfiguredError(
                f"the bucket {self._prefix.bucket} is not there; make it in {self._place.region}, or correct {self.url}"
            )
        return NotFoundError(f"there is no object {self.url}/{key}")


class StoreCheck:
    """Implements `ports.LiveCheck`: whether a place can be used, changing nothing."""

    def __init__(self, calls: Calls, place: Callable[[], Place], url: str) -> None:
        self._calls = calls
        self._place = place
        self._url = url
        self.name = f"aws objects {url}"

    def look(self) -> str:
        """A write is tried that S3 has to refuse: it replaces something that is not there."""
        store = S3Stores(self._calls, self._place).open(self._url)
        found = store.list("")
        with suppress(NotFoundError):
            store.get(min(found, key=lambda one: one.size).key if found else "check")
        try:
            store.put("check", b"", over=_NEVER)
        except ConflictError:
            return (
                f"has {len(found)} objects; may be listed, read and written; whether they may be deleted was not tried"
            )
        raise MisconfiguredError(
            f"{self._url}: the server wrote an object that was to replace another one which is not there: it does not "
            "know conditional writes (If-Match), so two writers would overwrite each other; use another server"
        )
