"""The compiled decoder says what the plain one says, for every request and for what nobody would write."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sources import plain_remote_write as plain

from recoverops.model import PermanentError
from recoverops.model.pushed import Pushed
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.remote_write import WriteRequestError, decode
from recoverops.sources.series_table import SeriesTable

LIMITS = PushLimits()
TABLE = SeriesTable(limit=50_000, seed=7)
"""One for all examples, so known and new series are mixed as in life."""

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
label_sets = st.builds(
    lambda name, more: {**more, "__name__": name},
    st.sampled_from(["up", "http_requests_total", "x_bucket", "größe"]) | texts,
    st.dictionaries(texts, texts, max_size=4),
)
bits = st.one_of(st.floats().map(plain.bits_of), st.just(plain.STALE), st.integers(0, 2**64 - 1))
times = st.integers(-(2**63), 2**63 - 1) | st.integers(1_700_000_000_000, 1_800_000_000_000)


def overlong(value: int, size: int) -> bytes:
    """The same number in more bytes than it needs, which protobuf allows."""
    short = plain.varint(value)
    if len(short) >= size:
        return short
    padded = bytearray(short)
    padded[-1] |= 0x80
    padded += b"\x80" * (size - len(short) - 1) + b"\x00"
    return bytes(padded)


unknown_fields = st.one_of(
    st.builds(lambda number, value: plain.varint(number << 3) + plain.varint(value), st.integers(5, 900), times),
    st.builds(plain.message, st.integers(5, 2**29 - 1), st.binary(max_size=9)),
    st.builds(
        lambda number, text: plain.varint(number << 3 | 1) + text, st.integers(5, 99), st.binary(min_size=8, max_size=8)
    ),
    st.builds(
        lambda number, text: plain.varint(number << 3 | 5) + text, st.integers(5, 99), st.binary(min_size=4, max_size=4)
    ),
)
samples = st.one_of(
    st.builds(plain.sample, bits, times),
    st.builds(lambda at, size: plain.message(2, b"\x10" + overlong(at & (2**64 - 1), size)), times, st.integers(1, 10)),
    st.builds(
        lambda one, two: plain.message(2, b"\x10" + plain.varint(one) + b"\x10" + plain.varint(two)), times, times
    ),
)
skipped = st.builds(plain.message, st.sampled_from([3, 4]), st.binary(max_size=12))


@st.composite
def series(draw: st.DrawFn) -> bytes:
    """Labels in their order, and anything between them."""
    parts = [plain.label(name.encode(), value.encode()) for name, value in _sorted(draw(label_sets))]
    others = draw(st.lists(samples | skipped | unknown_fields, max_size=4))
    if draw(st.booleans()):
        return plain.message(1, b"".join(parts + others))
    for other in others:
        parts.insert(draw(st.integers(0, len(parts))), other)
    return plain.message(1, b"".join(parts))


def _sorted(labels: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(labels.items(), key=lambda pair: pair[0].encode())


metadata = st.builds(plain.message, st.just(3), st.binary(max_size=9))
requests = st.lists(series() | metadata | unknown_fields, max_size=8).map(b"".join)


def same(pushed: Pushed, told: plain.Decoded, table: SeriesTable) -> None:
    assert len(pushed.columns) == len(told.samples)
    named = {int(number): table.labels(int(number)) for number in np.unique(pushed.columns.series)}
    for row, (labels, at_ms, bits_) in enumerate(told.samples):
        assert named[int(pushed.columns.series[row])] == dict(labels)
        assert pushed.columns.at[row] == at_ms / 1000
        assert pushed.stale[row] == (bits_ == plain.STALE)
        found = plain.bits_of(float(pushed.columns.values[row]))
        assert found == bits_ or (bits_ & ~(1 << 63) > 0x7FF0000000000000 and math.isnan(pushed.columns.values[row]))
    counts = {"metadata": told.metadata, "exemplars": told.exemplars, "histograms": told.histograms}
    assert dict(pushed.skipped) == {name: count for name, count in counts.items() if count}


def both(content: bytes) -> None:
    """Both decoders say the same, or both refuse; a refusal leaves nothing in the table."""
    if len(TABLE) > 40_000:
        TABLE.drop_idle(before=math.inf)
    known = len(TABLE)
    try:
        told = plain.plain_decode(content)
    except plain.RefusedError:
        with pytest.raises(WriteRequestError) as refusal:
            decode(plain.packed(content), TABLE, LIMITS, now=0.0)
        assert 0 <= refusal.value.at <= len(content)
        assert len(TABLE) == known
    else:
        same(decode(plain.packed(content), TABLE, LIMITS, now=0.0), told, TABLE)


@settings(max_examples=80, deadline=None)
@given(content=requests)
def test_any_request_decodes_as_the_plain_decoder_has_it(content: bytes) -> None:
    told = plain.plain_decode(content)
    same(decode(plain.packed(content), TABLE, LIMITS, now=0.0), told, TABLE)


@settings(max_examples=80, deadline=None)
@given(content=requests, data=st.data())
def test_a_request_with_bytes_changed_is_decoded_by_both_or_refused_by_both(
    content: bytes, data: st.DataObject
) -> None:
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    both(bytes(broken))


@settings(max_examples=100, deadline=None)
@given(content=requests, data=st.data())
def test_a_request_cut_anywhere_is_decoded_by_both_or_refused_by_both(content: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(content)))
    both(content[start : data.draw(st.integers(start, len(content)))])


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_noise_is_decoded_by_both_or_refused_by_both(content: bytes) -> None:
    both(content)


@settings(max_examples=100, deadline=None)
@given(content=requests, data=st.data())
def test_a_broken_snappy_block_is_refused_or_read_but_never_worse(content: bytes, data: st.DataObject) -> None:
    block = bytearray(plain.packed(content))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PermanentError):
        decode(bytes(block[: data.draw(st.integers(0, len(block)))]), TABLE, LIMITS, now=0.0)
