"""A bucket of the double with a prefix of ours, and whoever has the rights of the generated policy on it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from tests.integration.aws.conftest import Shop

from recoverops.ports import LiveCheck, ObjectStore
from recoverops.testing.aws import REGION, Aws, Key

_NUMBERS = itertools.count(1)
NOBODY = Key(id="AKIAXXXXXXXXXXXXXXXX", secret="none")
"""The policy is generated without asking anybody."""


class Bucket:
    """Also what somebody else does in it, who may do everything."""

    def __init__(self, aws: Aws, *, prefix: str = "kept/here") -> None:
        self.aws, self.s3, self.prefix = aws, aws.admin("s3"), prefix
        self.name = f"kept-{next(_NUMBERS)}"
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.url = f"s3://{self.name}/{prefix}"
        self.shop = Shop(aws=aws, services={}, settings={"actions": []}, object_urls=(self.url,))
        (policy,) = self.shop.parts(NOBODY).policies
        self.policy: dict[str, Any] = json.loads(policy.document)
        self.explained = policy.explained

    def key(self, *, without: str = "") -> Key:
        """With the generated policy, and without one of its rights."""
        return self.aws.user(without_right(self.policy, without))

    def store(self, key: Key | None = None, **settings: Any) -> ObjectStore:
        (stores,) = self.shop.parts(key or self.key(), **settings).object_stores
        return stores.open(self.url)

    def check(self, key: Key | None = None) -> LiveCheck:
        return next(one for one in self.shop.parts(key or self.key()).checks if one.name.startswith("aws objects"))

    def files(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=f"{self.prefix}/").get("Contents", [])
        return [one["Key"].removeprefix(f"{self.prefix}/") for one in found]

    def read(self, key: str) -> bytes:
        data: bytes = self.s3.get_object(Bucket=self.name, Key=f"{self.prefix}/{key}")["Body"].read()
        return data

    def write(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=f"{self.prefix}/{key}", Body=data)

    def remove(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.name, Key=f"{self.prefix}/{key}")


def without_right(policy: Mapping[str, Any], action: str) -> dict[str, Any]:
    kept = []
    for one in policy["Statement"]:
        left = [known for known in one["Action"] if known != action]
        kept += [{**one, "Action": left}] if left else []
    return {**policy, "Statement": kept}


RIGHTS = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
