"""Lets pushed metrics in: decoded, offered to the sink, and only then acknowledged. Runs on the intake's own thread.

Import it by its path: it brings the compiled decoders along.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from recoverops.model import OverloadedError
from recoverops.model.delivery import MetricDelivery, MetricFormat, MetricReceipt
from recoverops.model.pushed import Pushed
from recoverops.ports import SampleSink
from recoverops.sources import otlp, remote_write
from recoverops.sources.push_limits import PushLimits
from recoverops.sources.series_table import SeriesTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    receipt: MetricReceipt
    skipped: dict[str, int]
    """what the delivery had beside samples, by kind"""


def admit_metrics(
    delivery: MetricDelivery, table: SeriesTable, sink: SampleSink, limits: PushLimits, *, now: float
) -> Admitted:
    """Raises PermanentError for a body that is not its format, TooLargeError, and OverloadedError without room.

    A delivery that is refused whole leaves nothing behind, so its repetition is the first.
    """
    before = table.mark()
    pushed = _decoded(delivery, table, limits, now)
    if not sink.offer(pushed, table, source=delivery.format.source):
        table.back_to(before)
        raise OverloadedError(
            "the pipeline is behind with pushed samples; send the delivery again in a moment",
            delay=timedelta(seconds=5),
        )
    receipt = MetricReceipt(accepted=len(pushed.columns), refused=pushed.refused, why=pushed.why)
    return Admitted(receipt=receipt, skipped=dict(pushed.skipped))


def _decoded(delivery: MetricDelivery, table: SeriesTable, limits: PushLimits, now: float) -> Pushed:
    if delivery.format is MetricFormat.REMOTE_WRITE:
        return remote_write.decode(delivery.body, table, limits, now=now)
    is_json = delivery.format is MetricFormat.OTLP_JSON
    return otlp.decode(delivery.body, table, limits, is_json=is_json, is_gzipped=delivery.is_gzipped, now=now)
