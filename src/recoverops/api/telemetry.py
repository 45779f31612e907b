"""What /metrics shows: counters and timings that rooms report, and gauges that are read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

COUNTERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "remediation_actions_total": (
        "Effects decided, by what came of it; gated and expired were not started.",
        ("action", "outcome"),
    ),
    "remediation_success_total": ("Runs after which recovery was verified.", ("action",)),
    "remediation_failure_total": ("Runs that failed, or did not help.", ("reason",)),
    "recoverops_undos_total": (
        "Runs taken back because they did not help or a person asked, by what came of it.",
        ("action", "outcome"),
    ),
    "recoverops_alerts_stored_total": ("Alerts stored durably and acknowledged.", ("source",)),
    "recoverops_alerts_duplicate_total": ("Deliveries of alerts that were known already.", ("source",)),
    "recoverops_intake_rejected_total": ("Deliveries that were not accepted.", ("source", "status")),
    "recoverops_deliveries_truncated_total": ("Deliveries from which their sender left alerts out.", ("source",)),
    "recoverops_deliveries_refused_total": ("Deliveries that were not believed, by why.", ("source", "reason")),
    "recoverops_incidents_opened_total": ("Incidents opened.", ("symptom",)),
    "recoverops_incidents_resolved_total": ("Incidents resolved, by how.", ("reason",)),
    "recoverops_escalations_total": ("Incidents handed to a person, by why.", ("reason",)),
    "recoverops_decisions_total": ("Decisions, by mode and reason.", ("mode", "reason")),
    "recoverops_deliveries_total": ("Notification attempts, by what came of it.", ("channel", "state")),
    "recoverops_response_errors_total": ("Responses that failed inside RecoverOps and were started afresh.", ()),
    "recoverops_source_errors_total": ("Polls that did not answer.", ("source",)),
    "recoverops_history_dropped_total": ("Samples that were not kept in the history, by why.", ("reason",)),
    "recoverops_pushed_samples_total": ("Samples pushed to us, by what became of them.", ("source", "outcome")),
    "recoverops_pushed_skipped_total": ("What was pushed beside samples and is not used.", ("source", "what")),
    "recoverops_stream_taken_total": (
        "What streams brought and was stored durably, by what became of it.",
        ("source", "what", "outcome"),
    ),
    "recoverops_stream_conflicts_total": ("Batches dropped because another engine had taken the part.", ("source",)),
    "recoverops_plugin_calls_total": (
        "Calls that plugins made to the systems that they are for, by what came of them.",
        ("plugin", "call", "outcome"),
    ),
    "ml_predictions_total": ("Rows that a model of several metrics scored, by its kind.", ("model",)),
    "ml_training_runs_total": ("Trainings of models, by what came of them.", ("outcome",)),
    "recoverops_anomaly_unscored_total": ("Rows that no model could judge, by why.", ("reason",)),
    "recoverops_anomaly_resources_evicted_total": (
        "Resources whose rolling window was forgotten for want of room.",
        (),
    ),
    "recoverops_worker_errors_total": ("Errors that a worker survived.", ("worker",)),
}
GAUGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "recoverops_loop_lag_seconds": ("How late the event loop runs; the largest of the last 10 s.", ()),
    "recoverops_source_up": ("1 while the source answers.", ("source",)),
    "recoverops_stream_behind_seconds": ("How far the reading of a stream is behind its newest record.", ("source",)),
    "recoverops_pushed_series": ("Pushed series that are known now.", ()),
    "recoverops_pushed_queue_bytes": ("Bytes of pushed metrics that wait to be read.", ()),
    "ml_anomalies_detected": ("Anomalies that models of several metrics found since the start.", ("severity",)),
    "recoverops_anomaly_resources": ("Resources whose rolling window is remembered.", ()),
    "recoverops_detector_series": ("Series that are judged by their own past.", ()),
    "recoverops_detector_alarms": ("Alarms that these series have raised, true and false.", ()),
    "recoverops_detector_watched_weeks": ("Judged history of all these series together, in weeks.", ()),
    "recoverops_detector_budget_per_week": ("False alarms that one series may raise in a week.", ()),
    "recoverops_approval_demanded": (
        "1 while a switch outside demands approval of every action, or cannot be read.",
        (),
    ),
    "recoverops_emergency_stop": ("1 while the emergency stop is engaged, or cannot be read.", ()),
    "recoverops_ready": ("1 while the engine is ready.", ()),
}

Reading = tuple[str, dict[str, str], float]


class Metrics:
    """`ports.Telemetry` on a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters = {
            name: Counter(name.removesuffix("_total"), text, labels, registry=self._registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self._registry) for name, (text, labels) in GAUGES.items()
        }
        self._polls = Histogram(
            "recoverops_poll_seconds", "How long a poll of a source took.", ("source",), registry=self._registry
        )
        self._readings: list[Callable[[], Iterable[Reading]]] = []

    def count(self, metric: str, **labels: str) -> None:
        counter = self._counters[metric]
        (counter.labels(**labels) if labels else counter).inc()

    def add(self, metric: str, amount: int, **labels: str) -> None:
        counter = self._counters[metric]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def observe(self, metric: str, value: float, **labels: str) -> None:
        """`metric` is recoverops_poll_seconds, so far the only timing."""
        self._polls.labels(**labels).observe(value)

    def read_from(self, reading: Callable[[], Iterable[Reading]]) -> None:
        """Gauges that are asked for at each scrape."""
        self._readings.append(reading)

    def page(self) -> bytes:
        for reading in self._readings:
            for name, labels, value in reading():
                gauge = self._gauges[name]
                (gauge.labels(**labels) if labels else gauge).set(value)
        return generate_latest(self._registry)
