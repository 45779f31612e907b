"""What the HTTP routes need, handed in by `app`. Routes parse, authorise, call one operation, render."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from recoverops.api.bounded import BodyRoom
from recoverops.api.keyring import Keyring, Principal, Right
from recoverops.api.settings import ApiSettings
from recoverops.api.telemetry import Metrics
from recoverops.model import ComponentStatus, Decision, Incident, SegmentKey
from recoverops.model.delivery import MetricDelivery, MetricReceipt
from recoverops.operations import Ceilings, ChannelsOf
from recoverops.operations.anomaly_answers import Answer, Question, TrainingWish
from recoverops.ports import Clock, ModelVersion, PushSource, StopSwitch, Store
from recoverops.topology import Inventory

if TYPE_CHECKING:  # it loads the compiled models
    from recoverops.operations.anomaly_status import AnomalyStatus, TrainingJob


class AnomalyDoor(Protocol):
    """Models of several metrics. Every method raises OverloadedError while they are being loaded."""

    def score(self, question: Question) -> Answer:
        """Fast enough for the event loop. Raises UnfitQuestionError, which names the value."""

    def status(self) -> AnomalyStatus: ...

    def train(self, wish: TrainingWish) -> TrainingJob:
        """Begins a training on the newest history. Raises what says what is missing."""

    def activate(self, name: str, *, to: int, by: str) -> ModelVersion:
        """Raises NotFoundError, PermanentError when the version is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    settings: ApiSettings
    keyring: Keyring
    store: Store
    clock: Clock
    stop: StopSwitch
    push_sources: Mapping[str, PushSource]
    metrics: Metrics
    components: Callable[[], tuple[ComponentStatus, ...]]
    is_ready: Callable[[], bool]
    debug: Callable[[], dict[str, Any]]
    """What this process does right now, as plain JSON without secrets."""
    nudge: Callable[[], None]
    """Something was answered: let the waiting response go on now."""
    admitted: Callable[[], None]
    """Alerts were stored: let the pipeline take them now."""
    anomaly: AnomalyDoor
    submit_metrics: Callable[[MetricDelivery], Future[MetricReceipt]]
    """Queues pushed metrics; done when their samples were handed on. Raises OverloadedError when the queue is full."""
    inventory: Inventory
    runbooks: Callable[[], tuple[str, ...]]
    """Names of the runbooks that may be asked for now."""
    evaluate: Callable[[Incident], Decision]
    """The engine's dry run."""
    start: Callable[[SegmentKey], None]
    """Start a response at once instead of at the next sweep."""
    stop_channels: tuple[str, ...]
    channels_of: ChannelsOf
    """Over which channels a notification goes."""
    ceilings: Ceilings
    """The limits, for showing what is left of them."""
    act_within: timedelta
    """Nothing that a person asks for begins later than this after the asking."""
    max_body_bytes: int
    version: str
    bodies: BodyRoom = field(default_factory=BodyRoom)
    """The room for what is being read, over all routes."""

    def authorise(self, authorization: str | None, right: Right) -> Principal:
        """Raises UnauthenticatedError or ForbiddenError."""
        return self.keyring.recognise(authorization or "").demand(right)
