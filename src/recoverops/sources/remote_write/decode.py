"""A Prometheus remote-write 1.0 body to columns. Called by `operations.admit_metrics` on the intake's thread.

Never allocates what a body merely claims, and leaves the table as it was when the body is refused. Format:
https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

from typing import Final

import cramjam
import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError, TooLargeError
from recoverops.model.columns import Columns
from recoverops.model.pushed import Pushed
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.remote_write.scan import EXEMPLARS, HISTOGRAMS, METADATA, REFUSED, Output, scan
from recoverops.sources.remote_write.wire import Fault, varint
from recoverops.sources.series_table import SeriesTable


class WriteRequestError(PermanentError):
    """The body is no WriteRequest. `at` is the byte of the uncompressed message where that shows."""

    def __init__(self, message: str, *, at: int) -> None:
        super().__init__(message)
        self.at = at


_WORDS: Final = {
    Fault.TRUNCATED: "it ends in the middle of a field",
    Fault.OVERFLOW: "there is a number of more than 64 bits",
    Fault.WRONG_TYPE: "a known field has another wire type",
    Fault.BAD_TAG: "there is a field number or wire type that does not exist",
    Fault.TOO_LONG: "a length is negative or leads beyond the end of its message",
    Fault.NOT_UTF8: "a label is not UTF-8",
    Fault.NOT_CANONICAL: "a label is not encoded as name and value in their shortest form",
    Fault.NOT_SORTED: "labels are not sorted by name, or a name comes twice",
    Fault.EMPTY_LABEL: "a label has no name or no value",
    Fault.NO_NAME: "a series has no label __name__",
}


def decode(body: bytes, table: SeriesTable, limits: PushLimits, *, now: float) -> Pushed:
    """The samples in the order of the body. `now` is when it came, seconds since the epoch.

    Raises WriteRequestError, or TooLargeError when it is more than `limits` allow.
    """
    message = uncompressed(body, limit=limits.uncompressed_bytes)
    rows = min(limits.samples, len(message) // 2)  # an empty sample has two bytes, and there is no shorter one
    out = Output(
        series=np.empty(rows, np.int32),
        at_ms=np.empty(rows, np.int64),
        bits=np.empty(rows, np.uint64),
        stale=np.empty(rows, np.uint8),
        counts=np.zeros(4, np.int64),
    )
    before = table.mark()
    fault, where, count = scan(message, table.keys, out, now)
    if fault:
        table.back_to(before)
        raise _refusal(Fault(fault), int(where), limits)
    return _pushed(out, int(count), table)


def _pushed(out: Output, count: int, table: SeriesTable) -> Pushed:
    refused = int(out.counts[REFUSED])
    return Pushed(
        columns=Columns(
            series=out.series[:count].copy(),
            at=out.at_ms[:count] / 1000.0,
            values=out.bits[:count].view(np.float64).copy(),
        ),
        stale=out.stale[:count].astype(np.bool_),
        skipped={
            name: int(out.counts[place])
            for name, place in (("metadata", METADATA), ("exemplars", EXEMPLARS), ("histograms", HISTOGRAMS))
            if out.counts[place]
        },
        refused=refused,
        why=f"{refused} samples belong to series beyond the limit of {table.limit} (intake.max_series)"
        if refused
        else "",
    )


def _refusal(fault: Fault, at: int, limits: PushLimits) -> PermanentError:
    if fault is Fault.TOO_MANY:
        return TooLargeError(f"the delivery has more than {limits.samples} samples; send fewer at once")
    return WriteRequestError(f"this is no remote-write 1.0 request: {_WORDS[fault]} (byte {at})", at=at)


def uncompressed(body: bytes, *, limit: int) -> NDArray[np.uint8]:
    """The content of a snappy block. Its declared length is looked at before anything of that size exists."""
    packed = np.frombuffer(body, np.uint8).copy()
    declared, begins = varint(packed, 0, min(len(packed), 5))
    if begins < 0 or declared >= 1 << 32:
        raise WriteRequestError("this is no remote-write request: the body is no snappy block (byte 0)", at=0)
    if declared > limit:
        raise TooLargeError(
            f"the body is {declared} bytes when uncompressed, expected at most {limit} "
            "(intake.max_uncompressed_bytes); send less at once"
        )
    message = np.empty(int(declared), np.uint8)
    try:
        written = cramjam.snappy.decompress_raw_into(body, message.data)
    except cramjam.DecompressionError as error:
        raise WriteRequestError(
            f"this is no remote-write request: its snappy block is broken: {error}", at=0
        ) from error
    if written != len(message):
        raise WriteRequestError(
            f"this is no remote-write request: its snappy block has {written} bytes and declares {declared}", at=0
        )
    return message
