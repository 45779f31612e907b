"""The local commands: what they do not need does not lock people out, and what fails is one sentence and a code."""

from __future__ import annotations

import io
import json
import os
import pwd
import re
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import typer
from msgspec.structs import replace
from rich.console import Console
from tests.conftest import Records
from typer.testing import CliRunner, Result

from recoverops.cli import show
from recoverops.cli.commands import application
from recoverops.cli.exits import Exit, told_errors
from recoverops.clock import SystemClock
from recoverops.model import DeliveryState, TimelineEntry
from recoverops.storage import STOP_FILE, SqlStore, StopFile, StorageSettings, open_store

INCIDENT, APPROVAL = "inc-20261120-101530-a3f9c1", "apr-20261120-101530-77aa01"


class Place:
    """A data directory with an incident and its question, and a configuration."""

    def __init__(self, directory: Path, a: Records) -> None:
        self.config = directory / "recoverops.yaml"
        self.data_dir = directory / "data"
        self.config.write_text("data_dir: data\nrules: rules.yaml\nservices: [{name: checkout}]\n")
        self.rules = directory / "rules.yaml"
        self.rules.write_text("version: 1\nrules: []\n")
        asked = a.approval(APPROVAL, incident_id=INCIDENT, expires_at=SystemClock().now() + timedelta(hours=1))
        with self.store() as store:
            store.write(lambda tx: tx.incidents.insert(a.incident(INCIDENT)))
            store.write(lambda tx: tx.approvals.insert(asked))

    def store(self) -> SqlStore:
        return open_store(StorageSettings(), data_dir=self.data_dir, clock=SystemClock())

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(application, [*arguments, "--config", str(self.config)])


@pytest.fixture
def place(tmp_path: Path, a: Records) -> Place:
    return Place(tmp_path, a)


@pytest.mark.parametrize(
    "command",
    [
        ("incidents",),
        ("why", "a3f9c1"),
        ("approvals",),
        ("approve", APPROVAL),
        ("deny", APPROVAL),
        ("silence", "service:checkout", "--for", "2h", "--reason", "r"),
        ("silences",),
        ("close", INCIDENT),
        ("events",),
        ("audit", "verify"),
        ("resume",),
    ],
)
def test_a_half_edited_rules_file_locks_nobody_out(place: Place, command: tuple[str, ...]) -> None:
    place.rules.write_text("version: 1\nrules:\n  - name: half-")
    done = place.run(*command)
    assert done.exit_code == Exit.OK, done.output


@pytest.mark.parametrize("command", [("up",), ("check",), ("run", "restart-service", "checkout")])
def test_what_runs_on_the_rules_refuses_broken_ones(place: Place, command: tuple[str, ...]) -> None:
    place.rules.write_text("version: 1\nrules:\n  - name: half-")
    done = place.run(*command)
    assert done.exit_code == Exit.MISCONFIGURED
    assert "rules.yaml:3" in done.stderr


@pytest.mark.parametrize("command", [("silence", "*", "--for", "1h", "--reason", "r"), ("approve", APPROVAL)])
def test_a_broken_configuration_is_refused_by_what_decides_something(place: Place, command: tuple[str, ...]) -> None:
    place.config.write_text("data_dir: data\ndecision: {mode: yolo}\n")
    assert place.run(*command).exit_code == Exit.MISCONFIGURED


def test_a_yes_while_the_stop_holds_says_what_it_is_worth(place: Place) -> None:
    StopFile(place.data_dir / STOP_FILE, clock=SystemClock()).engage(reason="drill", by="ada")

    done = place.run("approve", APPROVAL)

    assert done.exit_code == Exit.OK
    assert "But the emergency stop holds (by ada: drill)" in done.stdout
    assert f"{INCIDENT} is left with a person (emergency_stop)" in done.stdout


@pytest.mark.parametrize(("answer", "is_stopped"), [("approve", True), ("approve", False), ("deny", True)])
def test_the_json_of_an_answer_says_whether_the_stop_holds_it(place: Place, answer: str, is_stopped: bool) -> None:
    if is_stopped:
        StopFile(place.data_dir / STOP_FILE, clock=SystemClock()).engage(reason="drill", by="ada")
    told = json.loads(place.run(answer, "77aa01", "--json").stdout)
    assert told["id"] == APPROVAL
    assert bool(told["held_by_stop"]) == (is_stopped and answer == "approve")


def test_an_empty_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "recoverops.sqlite").touch()
    (tmp_path / "recoverops.yaml").write_text("data_dir: data\n")
    done = CliRunner().invoke(application, ["incidents", "--config", str(tmp_path / "recoverops.yaml")])
    assert (done.exit_code, done.stdout) == (Exit.NOT_FOUND, "")
    assert f"there is no store in {tmp_path}/data" in done.stderr
    assert (tmp_path / "data" / "recoverops.sqlite").stat().st_size == 0


def test_incidents_go_on_where_the_page_before_ended(place: Place, a: Records) -> None:
    with place.store() as store:
        older = a.incident("inc-20261119-101530-b4e8d2", opened_at=a.at - timedelta(days=1), fingerprint="other")
        store.write(lambda tx: tx.incidents.insert(older))
    first = place.run("incidents", "--limit", "1")
    assert first.stdout.splitlines()[-1] == f"more: --before {INCIDENT}"
    told = json.loads(place.run("incidents", "--before", "a3f9c1", "--json").stdout)
    assert ([one["id"] for one in told["incidents"]], told["next"]) == ([older.id], None)
    assert place.run("incidents", "--before", "nowhere").exit_code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    "command",
    [
        ("silence", "service:checkout", "--for", "40d", "--reason", "r"),
        ("silence", "service:checkout", "--for", "0s", "--reason", "r"),
        ("silence", "service:checkout", "--for", "1h", "--reason", " "),
        ("events", "--resource", "checkout"),
        ("events", "--last", "soon"),
        ("events", "--before", "9" * 21),
        ("events", "--before", str(2**63)),
        ("train", "--evaluate", "--version", "9" * 300),
        ("train", "--activate", "9" * 300),
        ("train", "--resource", "checkout"),
        ("train", "--prometheus", "http://127.0.0.1:1", "--query", "nameless"),
        ("incidents", "--state", "odd"),
    ],
)
def test_an_option_with_a_value_that_cannot_be_meant_is_wrong_usage(place: Place, command: tuple[str, ...]) -> None:
    assert place.run(*command).exit_code == Exit.USAGE


def test_a_number_beyond_what_a_store_counts_is_told_in_a_sentence(place: Place) -> None:
    done = place.run("events", "--before", "9" * 21)
    told = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr)  # in colours, where the environment asks for them
    assert (done.exit_code, "--before" in told, str(2**63 - 1) in told) == (Exit.USAGE, True, True)
    assert place.run("events", "--before", str(2**63 - 1)).exit_code == Exit.NOT_FOUND


def test_a_sandbox_for_longer_than_it_may_is_wrong_usage() -> None:
    assert CliRunner().invoke(application, ["aws-sandbox", "--for", "48h"]).exit_code == Exit.USAGE


@pytest.mark.parametrize("command", ["incidents", "resume", "stop"])
def test_another_user_hears_one_sentence(a: Records, command: str) -> None:
    """In a child that gives its rights away, because root may read everything."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with TemporaryDirectory() as directory:  # pytest's own folders are closed to others
        Path(directory).chmod(0o755)
        place = Place(Path(directory), a)
        code, output, error = _as_nobody(place, command)

    assert "PermissionError" not in error
    assert code == Exit.MISCONFIGURED, output
    assert str(place.data_dir) in output
    assert "run it as the user that runs the engine, e.g. sudo -u recoverops" in output


def _as_nobody(place: Place, command: str) -> tuple[int, str, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(pwd.getpwnam("nobody").pw_uid)
            done = place.run(command)
            told = json.dumps([done.exit_code, done.output, repr(done.exception)])
            os.write(writing, told.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    code, output, error = json.loads(os.read(reading, 10_000))
    return int(code), str(output), str(error)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (PermissionError(13, "Permission denied", "/x/y"), Exit.MISCONFIGURED, "/x/y may not be used by this user"),
        (OSError(30, "Read-only file system", "/x/y"), Exit.FAILED, "/x/y cannot be used: Read-only file system"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    error: OSError, code: Exit, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, told_errors():
        raise error
    assert ended.value.exit_code == code
    assert told in capsys.readouterr().err


def test_a_running_engine_keeps_the_traceback_of_a_defect() -> None:
    with pytest.raises(PermissionError), told_errors(is_engine=True):
        raise PermissionError(13, "Permission denied", "/x/y")
    with pytest.raises(BrokenPipeError), told_errors():
        raise BrokenPipeError(32, "Broken pipe")


def test_a_run_that_is_asked_for_says_until_when_it_may_begin_and_whether_anybody_hears_it(place: Place) -> None:
    done = place.run("run", "restart-service", "checkout")
    assert (done.exit_code, f"No engine runs on {place.data_dir} now." in done.output) == (Exit.OK, True)
    assert "UTC (decision.act_within)" in done.output
    again = place.run("run", "restart-service", "checkout")
    assert (again.exit_code, "has a request in work already" in again.output) == (Exit.CONFLICT, True)


EVIL = "inc-20261120-101530-e1e1e1"
HOSTILE = "Evil\x1b[2J\x1b]0;title\x07\r\nFAKE LINE resolved\u202e \x9b31m password=hunter2xyz"


@pytest.fixture
def hostile(place: Place, a: Records) -> Place:
    """As an earlier release stored it: neither escaped nor redacted."""
    incident = a.incident(EVIL, title=HOSTILE, symptom=f"alert:{HOSTILE}", series=(f"service:x/alert:{HOSTILE}:f1",))
    line = TimelineEntry(incident_id=incident.id, at=a.at, event="anomaly", actor="engine", text=HOSTILE)
    with place.store() as store:
        store.write(lambda tx: tx.incidents.insert(incident))
        store.write(lambda tx: tx.incidents.tell(line))
    return place


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("command", [("why", EVIL), ("close", EVIL), ("incidents",)])
def test_what_an_alert_says_can_neither_steer_the_terminal_nor_fake_a_line_nor_tell_a_secret(
    hostile: Place, command: tuple[str, ...], is_json: bool
) -> None:
    done = hostile.run(*command, *(["--json"] if is_json else []))

    assert done.exit_code == Exit.OK, done.output
    assert done.stdout.replace("\n", "").isprintable()
    assert not any(line.strip().startswith("FAKE LINE") for line in done.stdout.splitlines())
    assert "hunter2" not in done.stdout
    if is_json:
        json.loads(done.stdout)


@pytest.mark.parametrize("columns", [40, 60, 80, 110, 200])
def test_the_id_of_an_incident_is_whole_in_a_terminal_of_any_width(columns: int, a: Records) -> None:
    long = a.incident(INCIDENT, resource=a.service("a-service-with-a-long-name"), reason="rate_per_hour_reached")
    screen = Console(width=columns, file=io.StringIO(), force_terminal=True)
    screen.print(show.incidents_table([long], width=columns))
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert INCIDENT in shown
    assert "open" in shown
    assert "…" not in shown


def test_why_says_who_was_told_and_how_to_answer(place: Place, a: Records) -> None:
    with place.store() as store:
        told = a.notification(incident=INCIDENT)
        store.write(lambda tx: tx.outbox.post(told, channels=("console", "slack", "webhook", "pager")))
        by = {one.channel: one for one in store.read(lambda tx: tx.outbox.due(a.at, limit=10))}
        later = a.at + timedelta(seconds=20)
        for one in (
            replace(by["console"], state=DeliveryState.SENT, attempts=2, done_at=later),
            replace(by["slack"], attempts=1, next_at=later, last_error="status 302"),
            replace(by["webhook"], state=DeliveryState.FAILED, attempts=8, last_error="no answer within 10 s"),
        ):
            store.write(lambda tx, one=one: tx.outbox.save(one))  # type: ignore[misc]

    shown = place.run("why", INCIDENT).stdout

    assert "12:00:00 incident.opened by console: sent at 12:00:20 UTC, at attempt 2" in shown
    assert "incident.opened by slack: waits for attempt 2 at 12:00:20 UTC, because status 302" in shown
    assert "incident.opened by webhook: given up after attempt 8, because no answer within 10 s" in shown
    assert "incident.opened by pager: waits for its turn" in shown
    assert f"recoverops approve {APPROVAL}" in shown
    assert f"recoverops deny {APPROVAL}" in shown
