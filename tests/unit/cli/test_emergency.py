"""`recoverops stop` and `recoverops resume`: where, who finds it, and what may not keep them from their work."""

from __future__ import annotations

import errno
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Records
from typer.testing import CliRunner, Result

from recoverops.cli.commands import application
from recoverops.cli.exits import Exit
from recoverops.clock import SystemClock
from recoverops.model import Incident, IncidentState, Reason
from recoverops.ports import Tx
from recoverops.storage import DirectoryLock, SqlStore, StorageSettings, open_store, stop_file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, list(arguments))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data_dir(here: Path) -> Path:
    """Of an installation that has run."""
    (here / "recoverops.yaml").write_text("data_dir: data\n")
    opened(here / "data").close()
    return here / "data"


def opened(data_dir: Path) -> SqlStore:
    return open_store(StorageSettings(), data_dir=data_dir, clock=SystemClock())


def insert(incident: Incident, tx: Tx) -> None:
    tx.incidents.insert(incident)


def audited(data_dir: Path) -> list[str]:
    with opened(data_dir) as store:
        return [one.event for one in store.read(lambda tx: list(tx.audit.entries()))]


@pytest.mark.parametrize("flag", [(), ("--json",)])
def test_a_stop_where_nothing_is_and_nobody_said_that_it_is_stops_nothing_and_says_so(
    here: Path, flag: tuple[str, ...]
) -> None:
    done = run("stop", "--reason", "panic", *flag)

    assert (done.exit_code, done.stdout) == (Exit.MISCONFIGURED, "")
    assert done.stderr.startswith("nothing was stopped")
    assert f"{here}/recoverops-data does not exist" in done.stderr
    assert "-c FILE" in done.stderr
    assert list(here.iterdir()) == []


def test_a_resume_where_nothing_is_makes_nothing(here: Path) -> None:
    done = run("resume")

    assert done.exit_code == Exit.NOT_FOUND
    assert f"there is no store in {here}/recoverops-data" in done.stderr
    assert list(here.iterdir()) == []

    (here / "recoverops-data").mkdir()
    assert run("resume").exit_code == Exit.NOT_FOUND
    assert list((here / "recoverops-data").iterdir()) == []


@pytest.mark.parametrize("said_by", ["file", "variable", "directory"])
def test_a_stop_before_the_engine_is_written_and_says_first_that_no_engine_runs_there(
    here: Path, said_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = here / "recoverops-data"
    if said_by == "file":
        (here / "recoverops.yaml").write_text("services: []\n")
    elif said_by == "variable":
        monkeypatch.setenv("RECOVEROPS_DATA_DIR", str(data_dir))
    else:
        data_dir.mkdir()

    done = run("stop", "--reason", "panic")

    assert done.exit_code == Exit.OK
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"no engine runs on {data_dir}; one that is started there will find it stopped by local:")
    assert first.endswith(": panic.")
    assert (data_dir / "EMERGENCY_STOP").exists()


def test_a_stop_says_whether_an_engine_runs_there(data_dir: Path) -> None:
    told: Any = json.loads(run("stop", "--json").stdout)
    assert (told["data_dir"], told["engine"], told["audited"]) == (str(data_dir), "none", True)

    with DirectoryLock(data_dir, SystemClock()):
        assert json.loads(run("stop", "--json").stdout)["engine"] == "running"
        done = run("stop", "--reason", "panic")

    assert done.stdout.startswith("stopped by local:")
    assert f": panic. Nothing acts until `recoverops resume`. Data directory: {data_dir}" in done.stdout


@pytest.mark.parametrize(
    "broken", ["rules: rules.yaml", "runbooks: nowhere", "decision: {mode: yolo}", "decison: {}", "profile: prd"]
)
def test_what_is_wrong_elsewhere_keeps_nobody_from_stopping_and_resuming(data_dir: Path, broken: str) -> None:
    (data_dir.parent / "rules.yaml").write_text("rules: [{name: half-")
    (data_dir.parent / "recoverops.yaml").write_text(f"data_dir: data\n{broken}\n")

    assert run("check").exit_code == Exit.MISCONFIGURED
    assert json.loads(run("stop", "--json").stdout)["audited"]
    resumed = run("resume", "--json")

    assert json.loads(resumed.stdout)["cleared"]["stopped"]
    is_in_the_configuration = not broken.startswith(("rules", "runbooks"))
    assert ("warning: " in resumed.stderr) == is_in_the_configuration
    assert audited(data_dir) == ["stop.engaged", "stop.cleared"]


def test_where_the_data_are_has_to_be_readable_all_the_same(data_dir: Path) -> None:
    (data_dir.parent / "recoverops.yaml").write_text("data_dir: data\nstorage: {url: 7}\n")
    assert "storage.url" in run("resume").stderr
    assert json.loads(run("stop", "--json").stdout)["audited"] is False
    (data_dir.parent / "recoverops.yaml").write_text("data_dir: [\n")
    assert run("stop").exit_code == run("resume").exit_code == Exit.MISCONFIGURED


def test_a_resume_with_nothing_stopped_writes_nothing_down(data_dir: Path) -> None:
    done = run("resume")

    assert done.stdout == f"there was no emergency stop ({data_dir})\n"
    assert audited(data_dir) == []


def test_a_resume_says_which_incidents_the_stop_left_with_a_person(data_dir: Path, a: Records) -> None:
    held = a.incident("inc-held", state=IncidentState.ESCALATED, reason=Reason.EMERGENCY_STOP)
    unknown = a.incident("inc-unknown", state=IncidentState.ESCALATED, reason=Reason.STOP_STATE_UNKNOWN)
    other = a.incident("inc-other", state=IncidentState.ESCALATED, reason=Reason.SILENCED)
    with opened(data_dir) as store:
        for one in (held, unknown, other):
            store.write(partial(insert, one))
    run("stop")
    text = run("resume").stdout
    run("stop")

    assert text.splitlines()[1].startswith("left with a person because of a stop, and stays there (2): ")
    assert "inc-held" in text
    assert "inc-other" not in text
    assert json.loads(run("resume", "--json").stdout)["left_with_a_person"] == ["inc-unknown", "inc-held"]


def test_on_a_full_disk_the_stop_holds_and_says_what_is_lost(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stop_file, "write_durably", full)
    with DirectoryLock(data_dir, SystemClock()):
        done = run("stop", "--reason", "panic")

    where = data_dir / "EMERGENCY_STOP"
    why = "who and why could not be written (No space left on device)"
    assert done.stdout.startswith(f"stopped: {where} stops, but {why}. Nothing acts until `recoverops resume`.")
    assert "it is empty" in (again := json.loads(run("resume", "--json").stdout)["cleared"]["reason"])
    assert "`recoverops resume` lets RecoverOps act again" in again
    assert not where.exists()


def test_a_data_directory_that_cannot_be_made_is_one_sentence(here: Path) -> None:
    (here / "file").touch()
    (here / "recoverops.yaml").write_text("data_dir: file/data\n")

    done = run("stop")

    assert done.exit_code == Exit.MISCONFIGURED
    assert f"nothing was stopped: the data directory {here}/file/data cannot be made (Not a directory)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
