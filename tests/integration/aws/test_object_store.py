"""Buckets of S3 as places of models and history: rights, trouble on the way, and what is said of it."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.aws.buckets import NOBODY, RIGHTS, Bucket
from tests.integration.aws.conftest import Shop

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    OutcomeUnknownError,
    RecoverOpsError,
    UnreachableError,
)
from recoverops.ports import ObjectStore
from recoverops.storage.put_once import put_once
from recoverops.testing.aws import ACCOUNT, REGION, Aws
from recoverops.testing.aws.faults import Fault

OTHER = {"name": "other", "id": "210987654321", "regions": [REGION, "eu-west-1"]}


@pytest.fixture
def bucket(aws: Aws) -> Bucket:
    return Bucket(aws)


def test_the_policy_has_the_prefix_and_nothing_else(bucket: Bucket) -> None:
    objects, listing = bucket.policy["Statement"]
    assert objects["Resource"] == f"arn:aws:s3:::{bucket.name}/kept/here/*"
    assert sorted(objects["Action"]) == ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    assert (listing["Action"], listing["Resource"]) == (["s3:ListBucket"], f"arn:aws:s3:::{bucket.name}")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "kept/here/*"}}
    assert all(bucket.explained.values())


def test_a_key_of_ones_own_adds_its_two_rights(bucket: Bucket) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    (policy,) = bucket.shop.parts(NOBODY, object_store={"keys": [key]}).policies
    assert all(one in policy.document for one in ("kms:GenerateDataKey", "kms:Decrypt", key, f"s3.{REGION}.amazonaws"))


def test_nothing_outside_the_prefix_is_reached(bucket: Bucket) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key="kept/here-too/secret", Body=b"x")
    store = bucket.store()
    assert store.list("") == ()
    with pytest.raises(RecoverOpsError):
        bucket.shop.parts(bucket.key()).object_stores[0].open(f"s3://{bucket.name}/kept/here-too").get("secret")


def used(store: ObjectStore) -> None:
    store.list("")
    store.get("there")
    store.delete("x")
    store.put("x", b"1", over=None)


@pytest.mark.parametrize("right", RIGHTS)
def test_a_missing_permission_is_named(right: str, bucket: Bucket) -> None:
    bucket.write("there", b"1")
    with pytest.raises(ForbiddenError, match=rf"the permission {right} is missing on arn:aws:s3:::{bucket.name}"):
        used(bucket.store(bucket.key(without=right)))
    assert bucket.files() == ["there"]


@pytest.mark.parametrize("right", RIGHTS[:3])
def test_the_check_names_what_is_missing_and_changes_nothing(right: str, bucket: Bucket) -> None:
    bucket.write("there", b"1")
    with pytest.raises(ForbiddenError, match=f"the permission {right} is missing"):
        bucket.check(bucket.key(without=right)).look()
    assert "has 1 objects; may be listed, read and written" in bucket.check().look()
    assert bucket.files() == ["there"]


def test_the_check_of_an_empty_place_is_fine(bucket: Bucket) -> None:
    assert "has 0 objects" in bucket.check().look()
    assert bucket.files() == []


def test_a_bucket_that_is_not_there_is_no_missing_object(bucket: Bucket) -> None:
    store = bucket.store()
    bucket.s3.delete_bucket(Bucket=bucket.name)
    for work in (lambda: store.list(""), lambda: store.put("a", b"", over=None)):
        with pytest.raises(MisconfiguredError, match=f"the bucket {bucket.name} is not there; make it in {REGION}"):
            work()


def test_a_list_of_many_pages_is_whole(bucket: Bucket) -> None:
    from moto import settings

    for number in range(7):
        bucket.write(f"k{number}", b"")
    before, settings.get_s3_default_max_keys = settings.get_s3_default_max_keys, lambda: 3
    try:
        assert len(bucket.store().list("")) == 7
    finally:
        settings.get_s3_default_max_keys = before


def test_what_was_changed_on_the_way_is_refused_by_its_sha256(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bucket.store()
    of_other_bytes = SimpleNamespace(sha256=lambda data: hashlib.sha256(data + b"!"))
    with monkeypatch.context() as patch:
        patch.setattr("recoverops.plugins.aws.object_store.hashlib", of_other_bytes)
        with pytest.raises(RecoverOpsError, match="SHA256"):
            store.put("a", b"data", over=None)
    assert bucket.files() == []


def test_a_write_that_is_throttled_is_done_later(bucket: Bucket) -> None:
    store = bucket.store()
    store.list("")
    bucket.aws.faults.plan("s3:PutObject", Fault.THROTTLED)
    store.put("a", b"1", over=None)
    assert bucket.read("a") == b"1"


def test_a_lost_answer_is_looked_after(bucket: Bucket) -> None:
    store = bucket.store()
    bucket.aws.faults.plan("s3:PutObject", Fault.LOST)
    with pytest.raises(OutcomeUnknownError):
        store.put("a", b"1", over=None)
    assert bucket.read("a") == b"1"
    bucket.aws.faults.plan("s3:PutObject", Fault.LOST)
    tag = put_once(store, "b", b"2", over=None)
    assert (bucket.read("b"), store.get("b").tag) == (b"2", tag)
    bucket.aws.faults.plan("s3:PutObject", Fault.SILENT)
    with pytest.raises(UnreachableError):
        put_once(store, "b", b"3", over=tag)
    assert bucket.read("b") == b"2"
    bucket.write("c", b"somebody else's")
    bucket.aws.faults.plan("s3:PutObject", Fault.SILENT)
    with pytest.raises(ConflictError):
        put_once(store, "c", b"ours", over=None)


def test_an_object_that_appears_while_it_is_looked_for_is_not_forbidden(bucket: Bucket) -> None:
    store = bucket.store()
    bucket.aws.faults.just_before("s3:ListBucket", lambda: bucket.write("a", b"1"))
    assert store.get("a").data == b"1"


def test_a_store_that_does_not_answer_is_unreachable(bucket: Bucket) -> None:
    store = bucket.store()
    with bucket.aws.faults.cut_off():
        for work in (lambda: store.list(""), lambda: store.get("a")):
            with pytest.raises(UnreachableError):
                work()


@pytest.mark.parametrize(
    "url", ["s3://b", "s3://bucket", "s3://bucket/", "s3://Bucket/x", "s3://bucket/a//b", "s3://bucket/a*", "s3:///x"]
)
def test_a_place_that_is_none_is_refused_at_start(url: str, aws: Aws) -> None:
    shop = Shop(aws=aws, services={}, settings={"actions": []}, object_urls=(url,))
    with pytest.raises(MisconfiguredError, match="write s3://bucket/prefix"):
        shop.parts(NOBODY)


def test_places_of_others_are_none_of_its_business(aws: Aws) -> None:
    shop = Shop(aws=aws, services={}, settings={"actions": []}, object_urls=("gs://bucket/x",))
    (policy,) = shop.parts(NOBODY).policies
    assert "s3:" not in policy.document


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}, OTHER]}, "which account"),
        ({"accounts": [OTHER]}, "which region"),
        ({"object_store": {"region": "us-west-2"}}, "us-west-2 is no region"),
    ],
)
def test_account_and_region_are_never_guessed(settings: dict[str, Any], sentence: str, bucket: Bucket) -> None:
    with pytest.raises(MisconfiguredError, match=sentence):
        bucket.shop.parts(NOBODY, **settings)


def test_another_server_has_its_own_keys_and_no_policy(bucket: Bucket) -> None:
    """No account is asked about: there is no STS on such servers."""
    key = bucket.key()
    server = {"endpoint_url": bucket.aws.url, "access_key": "env:ID", "secret_key": "env:SECRET"}
    assert "s3:" not in bucket.shop.parts(key, object_store=server).policies[0].document
    parts = bucket.shop.parts(key, object_store=server, accounts=[])
    assert parts.policies == ()
    bucket.aws.faults.forget()
    store = parts.object_stores[0].open(bucket.url)
    store.put("a", b"1", over=None)
    assert store.get("a").data == b"1"
    assert set(bucket.aws.faults.calls) == {"s3:PutObject", "s3:GetObject"}
    (check,) = parts.checks
    assert "has 1 objects" in check.look()
    with pytest.raises(ValueError, match="accounts is missing"):
        bucket.shop.parts(key, accounts=[])


@pytest.mark.parametrize("given", [{"endpoint_url": "https://minio:9000"}, {"access_key": "env:A"}])
def test_half_of_another_server_is_refused(given: dict[str, Any], bucket: Bucket) -> None:
    with pytest.raises(ValueError, match="belong together"):
        bucket.shop.parts(NOBODY, object_store=given)
