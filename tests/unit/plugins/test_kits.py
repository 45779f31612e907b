"""The conformance kits catch what they are for: one broken implementation for each promise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recoverops.model import (
    Alert,
    EffectClass,
    Execution,
    ExecutionStatus,
    Notification,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Resource,
    ResourceKind,
    RetryableError,
    Sample,
    Service,
    UnreachableError,
)
from recoverops.plugins.prometheus.alertmanager import AlertmanagerSource
from recoverops.ports import Parameter
from recoverops.testing import (
    ConformanceError,
    LedgerAction,
    ManualClock,
    RecordingNotifier,
    ScriptedSource,
    Undoing,
    check_action,
    check_notifier,
    check_push_source,
    check_source,
    ledger_lines,
    sample_notification,
)

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")


class PlanActs(LedgerAction):
    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        plan = super().plan(service, arguments)
        super().execute(plan, service, idempotency_key=f"plan-{len(ledger_lines(Path(service.address['ledger'])))}")
        return plan


class ProbeActs(LedgerAction):
    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        result = super().probe(plan, service)
        super().execute(plan, service, idempotency_key="probe")
        return result


class HashMoves(LedgerAction):
    count = 0

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        HashMoves.count += 1
        extra = Resource(kind=ResourceKind.HOST, name=str(HashMoves.count))
        return msgspec.structs.replace(super().plan(service, arguments), touches=(service.resource, extra))


class NeverDone(LedgerAction):
    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ProbeResult(answer=ProbeAnswer.NOT_DONE, statement="as always")


class RepeatsItself(LedgerAction):
    count = 0

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        RepeatsItself.count += 1
        return super().execute(plan, service, idempotency_key=f"{idempotency_key}:{RepeatsItself.count}")


class OnlyClaims(LedgerAction):
    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="done, believe me")


class CrashesAlone(LedgerAction):
    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        result = super().probe(plan, service)
        if result.answer is ProbeAnswer.UNKNOWN:
            raise ConnectionError("nobody there")
        return result


class TakesAnything(LedgerAction):
    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        return msgspec.structs.replace(super().plan(service, {}), arguments=dict(arguments))


class AimsElsewhere(LedgerAction):
    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        other = Resource(kind=ResourceKind.SERVICE, name="payments")
        return msgspec.structs.replace(super().plan(service, arguments), target=other)


class ChoosesNothingKnown(LedgerAction):
    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        return msgspec.structs.replace(super().plan(service, arguments), aim=("volume",))


class ChoosesWhatMoves(LedgerAction):
    count = 0

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        ChoosesWhatMoves.count += 1
        plan = super().plan(service, arguments)
        before = {**plan.before, "pid": str(ChoosesWhatMoves.count)}
        return msgspec.structs.replace(plan, before=before, aim=("pid",))


class ListsWhatItChose(LedgerAction):
    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        return msgspec.structs.replace(super().plan(service, arguments), aim=("lines",), listed=("lines",))


class Tells(LedgerAction):
    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        result = super().probe(plan, service)
        return msgspec.structs.replace(result, statement="asked with password=hunter2")


class TellsPlainly(LedgerAction):
    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        done = super().execute(plan, service, idempotency_key=idempotency_key)
        return msgspec.structs.replace(done, after={"said": "welcome open-sesame"})


class NoRights(LedgerAction):
    permissions = ()  # type: ignore[assignment]


class LoosePattern(LedgerAction):
    parameters = (Parameter(name="note", pattern=".*", meaning="anything"),)


class CannotUndo(LedgerAction):
    effect = EffectClass.REVERSIBLE


def run_kit(action: LedgerAction, folder: Path) -> None:
    home = folder / "ledger"
    home.mkdir()
    service = Service(name="checkout", group="shop", address={"ledger": str(home / "lines")})

    @contextmanager
    def moved_away() -> Iterator[None]:
        home.rename(folder / "elsewhere")
        yield
        (folder / "elsewhere").rename(home)

    def lines() -> object:
        return ledger_lines((home if home.exists() else folder / "elsewhere") / "lines")

    check_action(
        action,
        service,
        {"note": "kit"},
        break_it=lambda: None,
        snapshot=lines,
        cut_off=moved_away,
        secrets=("open-sesame",),
    )


def test_a_sound_action_passes(tmp_path: Path) -> None:
    run_kit(LedgerAction(), tmp_path)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (PlanActs, "plan changed the target"),
        (ProbeActs, "probe changed the target"),
        (HashMoves, "different hashes"),
        (NeverDone, "probe says not_done after it was executed"),
        (RepeatsItself, "repeated the effect"),
        (OnlyClaims, "no effect, or not a telling snapshot"),
        (TakesAnything, "plan accepts an argument that is not declared"),
        (AimsElsewhere, "the plan aims at service:payments"),
        (ChoosesNothingKnown, "before has"),
        (ChoosesWhatMoves, "different hashes"),
        (ListsWhatItChose, "share an entry"),
        (Tells, "not redacted"),
        (TellsPlainly, "shows a secret"),
        (NoRights, "no permissions"),
        (LoosePattern, "matches the empty text"),
        (CannotUndo, "has no undo"),
    ],
)
def test_a_broken_action_is_caught_with_the_sentence_it_breaks(
    action: Callable[[], LedgerAction], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConformanceError, match=sentence) as caught:
        run_kit(action(), tmp_path)
    assert "open-sesame" not in str(caught.value)


def test_an_action_that_crashes_without_its_target_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        run_kit(CrashesAlone(), tmp_path)


class Toggle(LedgerAction):
    """A sound reversible double: its state is one word in a file."""

    effect = EffectClass.REVERSIBLE

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        lines = {key: f"{path}.lines" for key, path in service.address.items()}
        plan = super().plan(Service(name=service.name, group=service.group, address=lines), arguments)
        return msgspec.structs.replace(plan, before={"word": _word(service)})

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return _is(service, "on", plan.before["word"])

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return _set(service, "on", from_=plan.before["word"])

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return _set(service, plan.before["word"], from_="on")

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return _is(service, plan.before["word"], "on")


def _word(service: Service) -> str:
    try:
        return Path(service.address["ledger"]).read_text(encoding="utf-8")
    except OSError as error:
        raise UnreachableError("the file is gone") from error


def _is(service: Service, wanted: str, other: str) -> ProbeResult:
    try:
        word = _word(service)
    except UnreachableError as error:
        return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=str(error))
    answers = {wanted: ProbeAnswer.DONE, other: ProbeAnswer.NOT_DONE}
    return ProbeResult(answer=answers.get(word, ProbeAnswer.UNKNOWN), statement=f"it is {word}")


def _set(service: Service, word: str, *, from_: str) -> Execution:
    try:
        if _word(service) not in {word, from_}:
            return Execution(status=ExecutionStatus.FAILED, statement="somebody changed it")
        Path(service.address["ledger"]).write_text(word, encoding="utf-8")
    except UnreachableError as error:
        return Execution(status=ExecutionStatus.FAILED, statement=str(error))
    return Execution(status=ExecutionStatus.SUCCEEDED, statement=f"it is {word}", after={"word": word})


class OnlyClaimsUndo(Toggle):
    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Execution(status=ExecutionStatus.SUCCEEDED, statement="undone, believe me")


class UndoesOverPeople(Toggle):
    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        try:
            return _set(service, plan.before["word"], from_=_word(service))
        except UnreachableError as error:
            return Execution(status=ExecutionStatus.FAILED, statement=str(error))


class TouchesBeforeItRefuses(Toggle):
    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        done = super().undo(plan, left, service, idempotency_key=idempotency_key)
        if done.statement == "somebody changed it":
            Path(service.address["ledger"]).write_text("half", encoding="utf-8")
        return done


class UndoesOnce(Toggle):
    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        if _is(service, plan.before["word"], "on").answer is ProbeAnswer.DONE:
            return Execution(status=ExecutionStatus.FAILED, statement="there is nothing to undo")
        return super().undo(plan, left, service, idempotency_key=idempotency_key)


class UndoesWhatWasNeverDone(Toggle):
    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        done = super().undo(plan, left, service, idempotency_key=idempotency_key)
        if not left and done.status is ExecutionStatus.SUCCEEDED:
            Path(service.address["ledger"]).write_text("neither", encoding="utf-8")
        return done


class UndoProbeActs(Toggle):
    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        result = super().probe_undo(plan, left, service)
        if result.answer is ProbeAnswer.NOT_DONE:
            Path(service.address["ledger"]).write_text(plan.before["word"], encoding="utf-8")
        return result


def run_undo_kit(action: LedgerAction, folder: Path, *, undoing: bool = True) -> None:
    home = folder / "ledger"
    home.mkdir()
    file = home / "word"
    service = Service(name="checkout", group="shop", address={"ledger": str(file)})

    @contextmanager
    def moved_away() -> Iterator[None]:
        home.rename(folder / "elsewhere")
        yield
        (folder / "elsewhere").rename(home)

    def word() -> str:
        return (file if home.exists() else folder / "elsewhere" / "word").read_text(encoding="utf-8")

    check_action(
        action,
        service,
        {"note": "kit"},
        break_it=lambda: file.write_text("off", encoding="utf-8"),
        snapshot=word,
        cut_off=moved_away,
        undoing=Undoing(restored=word, tamper=lambda: file.write_text("by hand", encoding="utf-8"))
        if undoing
        else None,
    )


def test_a_sound_reversible_action_passes(tmp_path: Path) -> None:
    run_undo_kit(Toggle(), tmp_path)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (OnlyClaimsUndo, "undo does not restore what was before"),
        (UndoesOverPeople, "after a later change by a person, expected failed"),
        (TouchesBeforeItRefuses, "undo changed what a person had changed since"),
        (UndoesOnce, "undo reports failed the second time"),
        (UndoesWhatWasNeverDone, "undo of what was never done changed the target"),
        (UndoProbeActs, "probe_undo changed the target"),
    ],
)
def test_a_broken_undo_is_caught_with_the_sentence_it_breaks(
    action: Callable[[], LedgerAction], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        run_undo_kit(action(), tmp_path)


def test_a_reversible_action_whose_undo_is_not_shown_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(ConformanceError, match="needs `undoing`"):
        run_undo_kit(Toggle(), tmp_path, undoing=False)


def sample(**changes: Any) -> Sample:
    sound: dict[str, Any] = {
        "resource": CHECKOUT,
        "metric": "service.running",
        "value": 1.0,
        "at": NOON,
        "source": "scripted",
    }
    return Sample(**(sound | changes))


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ([sample(value=float("nan"))], "what is not known is left out"),
        ([sample(source="other")], "names the source 'other'"),
        ([sample(at=datetime(2026, 1, 31, 12))], "not aware UTC"),  # noqa: DTZ001 - the fault under test
        ([sample(resource=Resource(kind=ResourceKind.HOST, name="x"))], "not in the inventory"),
        ([sample(), sample()], "a series twice"),
        ([], "says nothing of service:checkout"),
        ([sample(detail="password=hunter2")], "not redacted"),
    ],
)
def test_a_broken_source_is_caught(samples: list[Sample], sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_source(ScriptedSource([samples]), resources={CHECKOUT})


def test_a_source_that_invents_samples_while_nothing_measures_is_caught() -> None:
    with pytest.raises(ConformanceError, match="expected UnreachableError"):
        check_source(ScriptedSource([[sample()]]), resources={CHECKOUT}, cut_off=nothing)


@contextmanager
def nothing() -> Iterator[None]:
    yield


class Shrugs(AlertmanagerSource):
    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        try:
            return super().decode(headers, body)
        except PermanentError:
            return ()


def test_a_push_source_that_swallows_broken_deliveries_is_caught() -> None:
    body = {"version": "4", "alerts": [{"status": "firing", "startsAt": "2026-01-31T12:00:00Z"}]}
    with pytest.raises(ConformanceError, match="expected PermanentError"):
        check_push_source(Shrugs(max_alerts=10, clock=ManualClock(NOON)), json.dumps(body).encode())


class Forgets(RecordingNotifier):
    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        """Nothing arrives."""


class Blabs(RecordingNotifier):
    def send(self, notification: Notification, *, idempotency_key: str) -> None:
        if len(self.sent) == 2:
            raise RetryableError("cannot reach it") from ConnectionError("http://host/open-sesame")
        super().send(notification, idempotency_key=idempotency_key)


@pytest.mark.parametrize(
    ("notifier", "sentence"),
    [
        (Forgets(), "arrived 0 times"),
        (RecordingNotifier(), "send does not raise RetryableError"),
        (Blabs(), "RetryableError shows a secret"),
    ],
)
def test_a_broken_notifier_is_caught(notifier: RecordingNotifier, sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_notifier(notifier, received=lambda: len(notifier.sent), outage=nothing, secrets=("open-sesame",))


def test_a_recording_notifier_fails_as_often_as_it_was_told() -> None:
    notifier = RecordingNotifier(failures=[RetryableError("later"), UnreachableError("no")])
    for expected in (RetryableError, UnreachableError):
        with pytest.raises(expected):
            notifier.send(sample_notification(), idempotency_key="ntf-1")
    notifier.send(sample_notification(), idempotency_key="ntf-1")
    assert notifier.deliveries == (("ntf-1", sample_notification()),)
