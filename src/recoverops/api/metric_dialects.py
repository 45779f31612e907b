"""How remote-write and OTLP name what they send, and how they want to be answered. Used by `metric_intake.py`.

https://prometheus.io/docs/specs/prw/remote_write_spec/ and https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from recoverops.api.problems import problem
from recoverops.model.delivery import MetricFormat, MetricReceipt

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 405: 12, 413: 8, 415: 3, 503: 14}
"""google.rpc.Code for OTLP's Status message; 13 is "internal" """


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the headers say of the body."""

    format: MetricFormat
    is_gzipped: bool = False


class Dialect(Protocol):
    source: str

    def read(self, headers: Headers) -> Read | str:
        """Or a sentence about what is not understood."""

    def accepted(self, receipt: MetricReceipt, headers: Headers) -> Response: ...

    def refused(self, refusal: JSONResponse, headers: Headers) -> Response:
        """The problem in the words of the dialect, with its status and headers."""


class RemoteWrite:
    source = MetricFormat.REMOTE_WRITE.source

    def read(self, headers: Headers) -> Read | str:
        kind, _, parameters = headers.get("content-type", "").partition(";")
        if kind.strip().lower() != PROTOBUF:
            return f'the Content-Type is "{kind}", expected {PROTOBUF}'
        if "io.prometheus.write.v2" in parameters:
            return (
                "this is remote-write 2.0, which is not read here; send 1.0 (protobuf_message: prometheus.WriteRequest)"
            )
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding != "snappy":
            return f'the Content-Encoding is "{encoding}", expected snappy'
        return Read(format=MetricFormat.REMOTE_WRITE)

    def accepted(self, receipt: MetricReceipt, headers: Headers) -> Response:
        """A 4xx when samples were refused, because 2xx says that all were written; the others are kept."""
        if receipt.refused:
            return problem(400, "Partly refused", f"{receipt.why}; the other {receipt.accepted} samples were taken")
        return Response(status_code=204)

    def refused(self, refusal: JSONResponse, headers: Headers) -> Response:
        return refusal


class Otlp:
    source = MetricFormat.OTLP.source

    def read(self, headers: Headers) -> Read | str:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (PROTOBUF, JSON):
            return f'the Content-Type is "{kind}", expected {PROTOBUF} or {JSON}'
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip"):
            return f'the Content-Encoding is "{encoding}", expected gzip or none'
        format_ = MetricFormat.OTLP_JSON if kind == JSON else MetricFormat.OTLP
        return Read(format=format_, is_gzipped=encoding == "gzip")

    def accepted(self, receipt: MetricReceipt, headers: Headers) -> Response:
        """ExportMetricsServiceResponse: empty, or with the partial success."""
        if _wants_json(headers):
            told = {"rejectedDataPoints": str(receipt.refused), "errorMessage": receipt.why}
            return JSONResponse({"partialSuccess": told} if receipt.refused else {})
        content = _number(1, receipt.refused) + _text(2, receipt.why)
        return Response(_message(1, content) if receipt.refused else b"", media_type=PROTOBUF)

    def refused(self, refusal: JSONResponse, headers: Headers) -> Response:
        """google.rpc.Status."""
        code = _GRPC_CODES.get(refusal.status_code, 13)
        detail: Any = json.loads(bytes(refusal.body))["detail"]
        kept = {name: value for name, value in refusal.headers.items() if not name.startswith("content-")}
        if _wants_json(headers):
            return JSONResponse({"code": code, "message": detail}, status_code=refusal.status_code, headers=kept)
        content = _number(1, code) + _text(2, detail)
        return Response(content, status_code=refusal.status_code, headers=kept, media_type=PROTOBUF)


def _wants_json(headers: Headers) -> bool:
    """An answer comes in the encoding of its request; where that is neither, in the one that people can read."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() != PROTOBUF


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
