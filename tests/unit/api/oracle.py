"""A double of `api.doors.AnomalyDoor`: answers every row alike, so that the door itself can be looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from recoverops.model import Severity
from recoverops.operations.anomaly_answers import Answer, ModelName, Question, Scored, TrainingWish
from recoverops.operations.anomaly_status import AnomalyStatus, JobState, TrainingJob, TrainingView
from recoverops.ports import ModelVersion

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Oracle:
    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.wishes: list[TrainingWish] = []

    def score(self, question: Question) -> Answer:
        self.asked.append(question)
        return Scored(
            resource=question.resource,
            timestamp=question.at,
            severity=Severity.LOW,
            is_anomaly=True,
            score=0.6,
            p_value=0.002,
            p_resolution=0.001,
            contributions={"cpu_usage_avg": 1.0},
            missing=(),
            ignored=(),
            model=ModelName(name="default", version=1, kind="residual"),
        )

    def status(self) -> AnomalyStatus:
        return AnomalyStatus(
            models=(),
            resources_remembered=0,
            training=TrainingView(minimum_points=1440, retrain_every_s=0.0, jobs=()),
            history="opens",
            is_history_available=False,
            budget=None,
        )

    def train(self, wish: TrainingWish) -> TrainingJob:
        self.wishes.append(wish)
        return TrainingJob(
            id="trn-1",
            name=wish.name,
            kind=wish.kind,
            resource=str(wish.resource),
            asked_by=wish.by,
            state=JobState.RUNNING,
            statement="learns",
            started_at=NOON,
        )

    def activate(self, name: str, *, to: int, by: str) -> ModelVersion:
        return ModelVersion(name=name, version=to, kind="residual", digest="0" * 64, created_at=NOON, size_bytes=1)
