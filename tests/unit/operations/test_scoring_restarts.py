"""`POST /anomaly` and a restart at any moment: windows, model states and the drift watch go on exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.operations.loads import BEGIN, load, row_of

from recoverops.api.telemetry import Metrics
from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.joint import JointSettings
from recoverops.model import PermanentError, Resource, ResourceKind
from recoverops.operations.anomaly_answers import Answer, Lacking, Question, Scored, Unscored
from recoverops.operations.drift_watch import DriftWatch
from recoverops.operations.model_training import LoadedModel, TrainingOrder, loaded, train_and_keep
from recoverops.operations.scoring import Scoring
from recoverops.storage.models import FolderModelStore
from recoverops.testing.doubles import ManualClock
from recoverops.topology import Inventory

ONE, TWO = (Resource(kind=ResourceKind.HOST, name=name) for name in ("one", "two"))
NEXT_DAY = load(240, seed=2, first=4320)
QUESTIONS = [
    Question(resource=resource, at=at, metrics=metrics)
    for number in range(len(NEXT_DAY))
    if not 100 <= number < 120
    for resource in (ONE, TWO)
    for at, metrics in (row_of(NEXT_DAY, number),)
    if resource is ONE or number % 3
]
"""Of two hosts, one of which leaves rows out, with a pause of twenty minutes."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    store = FolderModelStore(tmp_path_factory.mktemp("models"))
    for _ in range(2):
        order = TrainingOrder(name="default", kind="residual", data="the test's load")
        train_and_keep(order, load(), store, settings=JointSettings(), at=BEGIN)
    return {"default": loaded(store.load("default", 1)), "other": loaded(store.load("default", 2))}


def scoring(model: LoadedModel, saved: bytes | None = None, *, most: int = 8) -> Scoring:
    """As an engine makes it at a start: what was saved is read before the models are."""
    made = Scoring(
        Inventory([]), ManualClock(BEGIN + timedelta(days=30)), Metrics(), DetectionSettings(live_resources=most)
    )
    if saved is not None:
        made.from_bytes(saved)
    made.use({"default": model}, {"default": DriftWatch(model.trained.reference, JointSettings())})
    return made


def answered(model: LoadedModel, restarts: list[int], looks: list[int]) -> tuple[list[Answer], bytes]:
    """The answers to all questions, restarted and looked at before those; and what is remembered at the end."""
    running, answers = scoring(model), []
    for number, question in enumerate(QUESTIONS):
        if number in restarts:
            running = scoring(model, running.to_bytes())
        if number in looks:
            running.drift()
        answers.append(running.answer(question))
    return answers, running.to_bytes()


moments = st.lists(st.integers(0, len(QUESTIONS) - 1), max_size=5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(restarts=moments, looks=moments)
def test_restarts_at_any_moment_change_no_answer_and_not_what_the_drift_watch_saw(
    models: dict[str, LoadedModel], restarts: list[int], looks: list[int]
) -> None:
    assert answered(models["default"], restarts, looks) == answered(models["default"], [], [])


def test_after_a_restart_the_window_is_still_there(models: dict[str, LoadedModel]) -> None:
    running = scoring(models["default"])
    for question in QUESTIONS[:100]:
        running.answer(question)

    again = scoring(models["default"], running.to_bytes())

    assert isinstance(again.answer(QUESTIONS[100]), Scored)
    assert again.drift()["default"].rows > 20


def test_a_kill_costs_the_rows_since_the_last_save_and_nothing_else(models: dict[str, LoadedModel]) -> None:
    running = scoring(models["default"])
    for question in QUESTIONS[:100]:
        running.answer(question)
    saved = running.to_bytes()
    for question in QUESTIONS[100:110]:
        running.answer(question)

    again = scoring(models["default"], saved)

    for question in QUESTIONS[100:110]:
        again.answer(question)
    assert again.to_bytes() == running.to_bytes(), "a sender that sends them again loses nothing at all"


def test_another_version_begins_anew_but_keeps_the_window(models: dict[str, LoadedModel]) -> None:
    running = scoring(models["default"])
    for question in QUESTIONS[:100]:
        running.answer(question)

    again = scoring(models["other"], running.to_bytes())

    assert isinstance(again.answer(QUESTIONS[100]), Scored)
    assert again.drift()["default"].rows == 1


def test_what_belongs_to_a_model_that_is_not_there_yet_waits_for_it(models: dict[str, LoadedModel]) -> None:
    running = scoring(models["default"])
    for question in QUESTIONS[:100]:
        running.answer(question)
    rows = running.drift()["default"].rows
    bare = Scoring(Inventory([]), ManualClock(BEGIN + timedelta(days=30)), Metrics(), DetectionSettings())
    bare.from_bytes(running.to_bytes())

    again = scoring(models["default"], bare.to_bytes())

    assert again.drift()["default"].rows == rows


def test_with_room_for_fewer_resources_those_that_were_asked_last_are_remembered(
    models: dict[str, LoadedModel],
) -> None:
    running = scoring(models["default"])
    for question in QUESTIONS[:100]:
        running.answer(question)
    last = QUESTIONS[99].resource

    again = scoring(models["default"], running.to_bytes(), most=1)

    assert again.remembered == 1
    late = again.answer(QUESTIONS[99])
    assert isinstance(late, Unscored)
    assert (late.reason, late.resource) == (Lacking.LATE, last)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x82\xa7windows\x90\xa5drift\x91\xc0"])
def test_what_cannot_be_read_is_told_and_changes_nothing(models: dict[str, LoadedModel], damage: bytes) -> None:
    running = scoring(models["default"])
    running.answer(QUESTIONS[0])
    before = running.to_bytes()

    with pytest.raises(PermanentError, match="cannot be read"):
        running.from_bytes(damage)

    assert running.to_bytes() == before
