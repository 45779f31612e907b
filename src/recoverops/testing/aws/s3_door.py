"""The door before S3, which moto lets in by another way than its other services: who asks, and may they.

The rights are those that moto itself finds for a request (`s3:ListBucket` for ListObjectsV2), judged here on the bucket
or the object, with `s3:prefix` as a condition key. That an object is not there is said only to
whoever may list the whole bucket; everybody else is told that it is forbidden, as S3 does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from recoverops.testing.aws.conditional_writes import LOST
from recoverops.testing.aws.door import RefusedError, hang_up, judge
from recoverops.testing.aws.faults import Fault, Faults
from recoverops.testing.aws.named import Call


@contextmanager
def guarded_s3(admins: frozenset[str], faults: Faults) -> Iterator[None]:
    """Every call of S3 in this process passes the door for the time of the context."""
    from moto.s3.responses import S3Response

    usual = S3Response._authenticate_and_authorize_s3_action
    S3Response._authenticate_and_authorize_s3_action = _door(admins, faults)
    try:
        yield
    finally:
        S3Response._authenticate_and_authorize_s3_action = usual


def _door(admins: frozenset[str], faults: Faults) -> Callable[..., None]:
    def judging(response: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
        from moto.s3.exceptions import S3ClientError

        key = response.get_access_key()
        if key in admins or "Authorization" not in response.headers:
            return
        call = _call_of(response, bucket_name, key_name)
        fault = faults.met_by(f"s3:{call.api}")
        if fault is Fault.LOST and call.api == "PutObject":
            setattr(response, LOST, True)
        elif fault in {Fault.SILENT, Fault.LOST}:
            hang_up(response)
        if fault is Fault.THROTTLED:
            raise S3ClientError("SlowDown", "Please reduce your request rate.")
        try:
            judge(response, key, call, faults)
            if call.api == "GetObject" and not _is_there(call):
                _judge_absent(response, key, call, faults)
        except RefusedError as error:
            raise S3ClientError(error.code, error.message) from error

    return judging


def _is_there(call: Call) -> bool:
    from moto.s3.models import s3_backends

    bucket = s3_backends[call.account]["aws"].buckets.get(call.values("Bucket")[0])
    return bucket is None or call.values("Key")[0] in bucket.keys


def _judge_absent(response: Any, key: str, call: Call, faults: Faults) -> None:
    try:
        judge(response, key, replace(call, api="ListBucket"), faults)
    except RefusedError:
        raise RefusedError("AccessDenied", "Access Denied") from None


def _call_of(response: Any, bucket: str | None, key: str | None) -> Call:
    scope = response.headers["Authorization"].partition("Credential=")[2].partition(",")[0].split("/")
    form = {name: value if isinstance(value, list) else [value] for name, value in response.querystring.items()}
    named = {"Bucket": [bucket or ""], "Key": [key or ""]}
    return Call(
        service="s3",
        api=response.data["Action"],
        region=scope[2],
        account=response.current_account,
        form={**form, **named},
        body={},
        path=response.path,
    )
