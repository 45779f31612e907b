"""Models are trained once for all tests that only look at them: they are immutable."""

from __future__ import annotations

import pytest
from tests.unit.detection.joint.histories import SETTINGS, history

from recoverops.detection.metrics.joint import KINDS, Trained, train
from recoverops.model.joint import MetricTable


@pytest.fixture(scope="session")
def whole() -> MetricTable:
    """16 days; the tests train on the first 14 and look at the last two."""
    table = history(16)
    table.times.flags.writeable = table.values.flags.writeable = False
    return table


@pytest.fixture(scope="session", params=KINDS)
def trained(request: pytest.FixtureRequest, whole: MetricTable) -> Trained:
    """One of each kind."""
    return train(whole.rows(0, 14 * 288), kind=request.param, settings=SETTINGS)


@pytest.fixture(scope="session")
def residual(whole: MetricTable) -> Trained:
    return train(whole.rows(0, 14 * 288), settings=SETTINGS)
