"""Writes to S3 as AWS does them where moto is lenient: the condition and the write are one step, a wrong SHA-256 is
refused, and an answer can be lost after the write (`Fault.LOST`)."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

from recoverops.testing.aws.door import hang_up

LOST = "answer_is_lost"
"""Set on a response by the door of S3."""
_TURN = threading.RLock()


def conditional_write_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.s3.exceptions import S3ClientError
    from moto.s3.responses import S3Response

    usual = S3Response.put_object

    def put_object(response: Any) -> Any:
        claimed = response.headers.get("x-amz-checksum-sha256")
        body = response.body or b""
        real = base64.b64encode(hashlib.sha256(body if isinstance(body, bytes) else body.encode()).digest()).decode()
        if claimed is not None and claimed != real:
            raise S3ClientError("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        with _TURN:
            answer = usual(response)
        if getattr(response, LOST, False):
            hang_up(response)
        return answer

    yield S3Response, "put_object", put_object
