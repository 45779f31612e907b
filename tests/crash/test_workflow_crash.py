"""Segments on DBOS survive `kill -9`: a real process, SQLite files on disk, a ledger of what really ran."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("workflow_child.py")
LIMIT_S = 60


def live(folder: Path, scenario: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(CHILD), str(folder), scenario])


def live_to_the_end(folder: Path, scenario: str) -> int:
    with live(folder, scenario) as child:
        try:
            return child.wait(LIMIT_S)
        finally:
            child.kill()


def crash_and_resume(folder: Path, scenario: str) -> None:
    assert live_to_the_end(folder, scenario) == -signal.SIGKILL
    assert live_to_the_end(folder, scenario) == 0


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def notes(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "store.sqlite")
    try:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY text")]
    finally:
        connection.close()


def test_a_segment_killed_inside_its_second_step_resumes_there_and_does_not_repeat_the_first(tmp_path: Path) -> None:
    crash_and_resume(tmp_path, "killed_inside_second_step")

    times = [line for line in ledger(tmp_path) if line.startswith("at ")]
    steps = [line for line in ledger(tmp_path) if not line.startswith("at ")]
    assert steps == ["first", "second begins", "second begins", "second ends", "done"]
    assert len(times) == 2
    assert times[0] == times[1]


def test_a_transaction_killed_before_its_commit_runs_again_and_its_row_is_there_once(tmp_path: Path) -> None:
    crash_and_resume(tmp_path, "killed_before_the_commit")

    assert ledger(tmp_path) == ["wrote", "wrote"]
    assert notes(tmp_path) == ["row"]


def test_a_transaction_killed_after_its_commit_does_not_run_again_and_its_answer_is_known(tmp_path: Path) -> None:
    crash_and_resume(tmp_path, "killed_between_commit_and_the_memory_of_the_step")

    assert ledger(tmp_path) == ["wrote", "answer"]
    assert notes(tmp_path) == ["row"]


def test_twenty_pending_segments_all_finish_after_a_kill_and_a_new_release(tmp_path: Path) -> None:
    scenario = "killed_with_twenty_pending"
    with live(tmp_path, scenario) as child:
        try:
            deadline = time.monotonic() + LIMIT_S
            while len(ledger(tmp_path)) < 20 and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            child.kill()
    begun = ledger(tmp_path)

    assert live_to_the_end(tmp_path, scenario) == 0

    assert len(begun) == len(set(begun)) == 20
    # A kill in the moment between a step's effect and its checkpoint may run that step once more, no other.
    assert set(ledger(tmp_path)) == set(begun)
    assert notes(tmp_path) == sorted(f"inc-{n}" for n in range(20))


@pytest.mark.parametrize("scenario", ["killed_inside_second_step"])
def test_a_third_start_finds_nothing_left_to_do(tmp_path: Path, scenario: str) -> None:
    crash_and_resume(tmp_path, scenario)
    before = ledger(tmp_path)

    assert live_to_the_end(tmp_path, scenario) == 0

    assert ledger(tmp_path) == before
