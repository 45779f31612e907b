"""What a terminal sends that is not UTF-8, and who asks, whatever the environment says. Real processes."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Records
from typer.core import TyperGroup
from typer.main import get_command

from recoverops.cli.commands import application
from recoverops.cli.options import local_actor
from recoverops.clock import SystemClock
from recoverops.ports import Tx
from recoverops.storage import SqlStore, StorageSettings, open_store

LATIN = b"St\xf6rung"
READ = "St\N{REPLACEMENT CHARACTER}rung"
ME = f"local:{pwd.getpwuid(os.geteuid()).pw_name}"


def run(*arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recoverops", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recoverops.yaml").write_text("data_dir: data\nservices: [{name: checkout}]\n")
    opened(tmp_path / "data").close()
    return tmp_path / "data"


def opened(data_dir: Path) -> SqlStore:
    return open_store(StorageSettings(), data_dir=data_dir, clock=SystemClock())


def fill(tx: Tx, a: Records) -> None:
    now = SystemClock().now()
    tx.incidents.insert(a.incident())
    tx.decisions.insert(a.decision())
    for name in ("apr-1", "apr-2"):
        tx.approvals.insert(
            a.approval(name, requested_by="recoverops", requested_at=now, expires_at=now + timedelta(hours=1))
        )


def test_a_stop_with_bytes_of_another_encoding_stops(data_dir: Path) -> None:
    done = run("stop", "--reason", LATIN, "--json")
    assert done.returncode == 0, done.stderr
    told: Any = json.loads(done.stdout)
    assert (told["stopped"], told["audited"], told["reason"], told["by"]) == (True, True, READ, ME)
    assert json.loads((data_dir / "EMERGENCY_STOP").read_text())["reason"] == READ


def test_every_word_that_is_stored_may_have_such_bytes(data_dir: Path) -> None:
    silenced = run("silence", b"service:check*", "--for", "1h", "--reason", LATIN, "--json")
    assert json.loads(silenced.stdout)["reason"] == READ, silenced.stderr
    asked = run("run", "restart-service", "checkout", "--reason", LATIN, "--json")
    assert asked.returncode == 0, asked.stderr
    closed = run("close", json.loads(asked.stdout)["incident"], "--note", LATIN, "--json")
    assert closed.returncode == 0, closed.stderr


def test_an_answer_may_have_a_note_with_such_bytes(data_dir: Path, a: Records) -> None:
    with opened(data_dir) as store:
        store.write(lambda tx: fill(tx, a))
    for command, name, state in (("approve", "apr-1", "approved"), ("deny", "apr-2", "denied")):
        done = run(command, name, "--note", LATIN, "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["state"], told["note"], told["decided_by"]) == (state, READ, ME)


def test_what_is_asked_for_with_such_bytes_is_not_there_and_nothing_breaks(data_dir: Path) -> None:
    for command in (
        ("undo", LATIN),
        ("why", LATIN),
        ("events", "--resource", b"service:" + LATIN),
        ("unsilence", LATIN),
    ):
        done = run(*command)
        assert "Traceback" not in done.stderr, command


def test_every_command_cleans_its_words() -> None:
    def all_of(group: Any) -> list[Any]:
        return [
            found
            for one in group.commands.values()
            for found in (all_of(one) if isinstance(one, TyperGroup) else [one])
        ]

    assert {type(one).__name__ for one in all_of(get_command(application))} == {"TextCommand"}


def test_who_asks_is_what_the_kernel_says_whatever_the_environment_says(data_dir: Path) -> None:
    forged = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "bob")
    assert json.loads(run("stop", "--json", **forged).stdout)["by"] == ME


def test_a_user_without_a_name_has_a_number_and_may_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("LOGNAME", raising=False)
    assert local_actor() == f"local:uid-{os.geteuid()}"
