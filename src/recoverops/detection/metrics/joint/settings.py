"""What the configuration may say about training models of several metrics together."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration

RESIDUAL, ISOLATION_FOREST = "residual", "isolation_forest"
KINDS: tuple[str, ...] = (RESIDUAL, ISOLATION_FOREST)
"""The bundled kinds of models; plugins may bring others."""


class JointSettings(BaseModel):
    """How a model of several metrics is trained and when it raises an alarm. One default for every kind of system."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    minimum_points: int = Field(
        default=1440,
        ge=200,
        description="Points of history that training demands, 200 or more. Default 1440: a day at one a minute.",
    )
    calibration_share: float = Field(
        default=0.2,
        ge=0.05,
        le=0.4,
        description="Share of the history, its newest part, that is kept from the fit and used to calibrate p-values; "
        "0.05 to 0.4. As much again before it is used for the evaluation. Default 0.2.",
    )
    alarm_probability: float = Field(
        default=1e-3,
        gt=0,
        le=0.1,
        description="Which score is 0.5: a normal row reaches it with this probability, up to 0.1. Beyond what the "
        "calibration rows show it is extrapolated by an exponential tail. Default 0.001.",
    )
    smoothing: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="Weight of the newest row in the moving average of the evidence, up to 1 (no smoothing). Default "
        "0.2: about the last five rows count, so a lone spike weighs less than a lasting change.",
    )
    level_follows: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        default=timedelta(hours=6),
        description="Time constant with which the expected level follows the metrics. A shift of twice the usual "
        "spread becomes the new normal in about this time, a larger one later in proportion. Default 6h.",
    )
    spread_follows: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        default=timedelta(days=3),
        description="Time constant with which the expected spread of each metric follows one that stays wilder than in "
        "the history. Default 3d: a change of habit stops raising alarms after some days, an incident of hours does "
        "not teach it.",
    )
    trim: float = Field(
        default=0.1,
        ge=0,
        le=0.4,
        description="Share of the history, its strangest rows, that is left out when the usual spread is learned, 0 to "
        "0.4: history holds incidents too. Default 0.1.",
    )
    shrinkage: float = Field(
        default=0.25,
        gt=0,
        le=10,
        description="Variance added to each metric before correlations are used, in units of its own spread squared, "
        "up to 10. More of it trusts correlations less. Default 0.25.",
    )
    needed_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of the metrics that must have a value in a row for it to be judged. Default 0.5.",
    )
    trees: int = Field(
        default=100,
        ge=10,
        le=500,
        description="Trees of an isolation forest, 10 to 500. Default 100, as in its paper.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        description="Seed of the isolation forest's random choices: the same history gives the same forest. Default 0.",
    )
    drift_window: Annotated[Duration, Field(ge=timedelta(hours=1))] = Field(
        default=timedelta(days=7),
        description="Over which time the drift watch forgets, and how much it has to see before it judges; an hour or "
        "more. Default 7d: a shorter one takes every weekend for a drift.",
    )
    drift_limit: float = Field(
        default=0.25,
        gt=0,
        description="Population stability index beyond which a distribution counts as drifted. Default 0.25, the usual "
        "rule of thumb for a large shift; 0.1 would be a small one.",
    )
