"""The conformance kits for sources that are polled and for push sources. A plugin author calls them from tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

import msgspec

from recoverops.clock import SystemClock
from recoverops.model import Alert, PermanentError, Resource, Sample, UnreachableError
from recoverops.ports import PushSource, Source
from recoverops.redact import redact
from recoverops.testing.claims import ConformanceError, claim, is_aware_utc

BROKEN_BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"12",
    b"{",
    b"\xff\xfe",
    b'{"alerts": 1}',
    b'{"alerts": [{}]}',
    b"not json",
    b"[" * 5000,
    b'{"a":' * 5000,
)
"""Deliveries that no push source of JSON objects may accept."""


def check_source(
    source: Source,
    *,
    resources: Collection[Resource],
    cut_off: Callable[[], AbstractContextManager[object]] | None = None,
) -> tuple[Sample, ...]:
    """Checks one source against a real target and returns its samples, for checks of one's own.

    `resources` are those that the source has to report on, each at least once and no other. `cut_off` makes the thing
    that measures unreachable for the time of its context; None when there is no such thing.
    """
    claim(bool(source.name), "it has no name")
    claim(source.every > timedelta(0), f"it wants to be asked every {source.every}")
    samples = _timed_poll(source)
    claim(isinstance(samples, tuple), f"poll returns a {type(samples).__name__}, expected a tuple")
    for sample in samples:
        _claim_sample(source, sample, resources)
    series = [sample.series for sample in samples]
    claim(len(series) == len(set(series)), f"one poll has a series twice: {sorted(series)}")
    silent = {str(resource) for resource in resources} - {str(sample.resource) for sample in samples}
    claim(not silent, f"it says nothing of {', '.join(sorted(silent))}")
    if cut_off is not None:
        _claim_unreachable(source, cut_off)
    return samples


def check_push_source(
    source: PushSource, body: bytes, *, headers: Mapping[str, str] | None = None
) -> tuple[Alert, ...]:
    """Checks one push source with a delivery that it has to accept, a JSON object, and returns the alerts of it."""
    given = dict(headers or {"content-type": "application/json"})
    claim(
        source.name.isascii() and source.name.replace("-", "").isalnum(), f"name {source.name!r} is no part of a path"
    )
    alerts = source.decode(given, body)
    claim(bool(alerts), "it finds no alerts in a good delivery")
    for alert in alerts:
        _claim_alert(source, alert)
    claim(source.decode(given, body) == alerts, "the same delivery gives other alerts the second time")
    claim(source.decode(given, _with_unknown_field(body)) == alerts, "an unknown field changes what it understands")
    for broken in (*BROKEN_BODIES, body[: len(body) // 2]):
        _claim_refused(source, given, broken)
    return alerts


def _timed_poll(source: Source) -> tuple[Sample, ...]:
    clock = SystemClock()
    allowed_s = max(source.every.total_seconds(), 10.0)
    started = clock.monotonic()
    samples = source.poll()
    took_s = clock.monotonic() - started
    claim(took_s < allowed_s, f"a poll took {took_s:.1f} s, allowed are {allowed_s:.1f} s")
    return samples


def _claim_sample(source: Source, sample: Sample, resources: Collection[Resource]) -> None:
    claim(sample.source == source.name, f"a sample names the source {sample.source!r}, it is {source.name!r}")
    claim(sample.resource in resources, f"a sample is about {sample.resource}, which is not in the inventory")
    claim(bool(sample.metric), "a sample has no metric")
    claim(math.isfinite(sample.value), f"{sample.series} is {sample.value}; what is not known is left out")
    claim(is_aware_utc(sample.at), f"{sample.series} is stamped {sample.at}, which is not aware UTC")
    claim(redact(sample.detail) == sample.detail, f"the detail of {sample.series} is not redacted")


def _claim_unreachable(source: Source, cut_off: Callable[[], AbstractContextManager[object]]) -> None:
    with cut_off():
        try:
            samples = _timed_poll(source)
        except UnreachableError:
            return
    raise ConformanceError(f"poll returns {len(samples)} samples although nothing measures, expected UnreachableError")


def _claim_alert(source: PushSource, alert: Alert) -> None:
    claim(alert.source == source.name, f"an alert names the source {alert.source!r}, it is {source.name!r}")
    claim(bool(alert.fingerprint), "an alert has no fingerprint, so it cannot be told from the next one")
    claim(is_aware_utc(alert.starts_at), f"an alert starts at {alert.starts_at}, which is not aware UTC")
    claim(alert.ends_at is None or is_aware_utc(alert.ends_at), f"an alert ends at {alert.ends_at}, not aware UTC")


def _claim_refused(source: PushSource, headers: Mapping[str, str], body: bytes) -> None:
    shown = repr(body[:40])
    try:
        alerts: Sequence[Alert] = source.decode(headers, body)
    except PermanentError as error:
        claim(bool(str(error)), f"{shown} is refused without a word")
        return
    raise ConformanceError(f"{shown} is taken as {len(alerts)} alerts, expected PermanentError")


def _with_unknown_field(body: bytes) -> bytes:
    plain = msgspec.json.decode(body)
    claim(isinstance(plain, dict), "the good delivery is no JSON object; this kit is for those")
    return msgspec.json.encode({**plain, "field-of-a-later-version": {"a": [1, None]}})
