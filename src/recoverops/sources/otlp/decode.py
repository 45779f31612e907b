"""An OTLP metrics request, protobuf or JSON, gzipped or not, to columns. Called by `operations.admit_metrics`.

A request that is not in the format is refused whole. A data point that cannot be used is refused alone and told in the
partial success, as the specification wants it: https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import zlib
from itertools import islice
from typing import Final

import msgspec
import numpy as np

from recoverops.model import PermanentError, TooLargeError
from recoverops.model.columns import Columns
from recoverops.model.pushed import Pushed
from recoverops.sources.otlp.binary import read_request
from recoverops.sources.otlp.points import Row, UnusableError, rows
from recoverops.sources.otlp.shape import MetricsRequest
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.series_table import SeriesTable

_GZIP: Final = 31
"""zlib's code for: gzip only"""
_JSON: Final = msgspec.json.Decoder(MetricsRequest)


def decode(
    body: bytes, table: SeriesTable, limits: PushLimits, *, is_json: bool, is_gzipped: bool, now: float
) -> Pushed:
    """The samples in the order of the body. `now` is when it came, seconds since the epoch.

    Raises PermanentError, or TooLargeError when it is more than `limits` allow.
    """
    message = _unzipped(body, limits) if is_gzipped else body
    request = _from_json(message) if is_json else read_request(message)
    return _columns(request, table, limits, now)


def _unzipped(body: bytes, limits: PushLimits) -> bytes:
    most = limits.uncompressed_bytes
    unzip = zlib.decompressobj(_GZIP)
    try:
        message = unzip.decompress(body, most + 1)
    except zlib.error as error:
        raise PermanentError(f"the body is not gzip although Content-Encoding says so: {error}") from error
    if len(message) > most:
        raise TooLargeError(
            f"the body is more than {most} bytes when uncompressed (intake.max_uncompressed_bytes); send less at once"
        )
    if not unzip.eof or unzip.unused_data:
        raise PermanentError("the body is not one whole gzip stream; it was cut or has something behind it")
    return message


def _from_json(message: bytes) -> MetricsRequest:
    try:
        return _JSON.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PermanentError(f"this is no OTLP metrics request: {error}; it begins with {message[:60]!r}") from error


def _columns(request: MetricsRequest, table: SeriesTable, limits: PushLimits, now: float) -> Pushed:
    told = list(islice(rows(request), limits.samples + 1))
    if len(told) > limits.samples:
        raise TooLargeError(f"the delivery has more than {limits.samples} samples; send fewer at once")
    series, at, values, stale = [], [], [], []
    refused, why = 0, ""
    for row in told:
        number = _number(row, table, now)
        if isinstance(row, UnusableError) or isinstance(number, str):
            refused, why = refused + 1, why or str(row if isinstance(row, UnusableError) else number)
            continue
        series.append(number)
        at.append(row.at)
        values.append(row.value)
        stale.append(row.stale)
    return Pushed(
        columns=Columns(
            series=np.array(series, np.int32), at=np.array(at, np.float64), values=np.array(values, np.float64)
        ),
        stale=np.array(stale, np.bool_),
        refused=refused,
        why=why,
    )


def _number(row: Row | UnusableError, table: SeriesTable, now: float) -> int | str:
    """The number of the row's series, or a sentence about why it has none."""
    if isinstance(row, UnusableError):
        return str(row)
    number = table.number_of(row.labels, row.kind, now=now)
    return f"series beyond the limit of {table.limit} are not taken (intake.max_series)" if number is None else number
