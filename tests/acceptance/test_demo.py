"""The demo as a user runs it: a process, real faults, measured figures, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from recoverops.lab.scenarios import SCENARIOS

DEMO = (sys.executable, "-m", "recoverops", "demo", "--json")
ONE_FAULT = (
    sys.executable,
    "-c",
    "import sys; from recoverops.lab import main_demo; "
    "sys.exit(main_demo(as_json=True, keep='keep' in sys.argv, quick=True, only=('crash',)))",
)
"""The same with five healthy seconds in front and one fault, so that it is over in half a minute."""
RUN_WITHIN_S = 120.0
WHOLE_WITHIN_S = 600.0


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo makes its directory. Short, because a unix socket's path is at most 107 bytes long."""
    directory = Path(tempfile.mkdtemp(prefix="ro-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def started(place: Path, command: Sequence[str] = DEMO) -> subprocess.Popen[str]:
    """In a session of its own, so that everything which belongs to it can be found."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(place)},
    )


def finished(demo: subprocess.Popen[str], place: Path, *, within_s: float = RUN_WITHIN_S) -> tuple[str, str]:
    """Its two outputs. A demo that does not end is killed, with all its processes, and fails the test."""
    try:
        return demo.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        for pid in left_of(demo, place):
            os.kill(pid, signal.SIGKILL)
        pytest.fail(f"the demo did not end within {within_s:g} s")


def left_of(demo: subprocess.Popen[str], place: Path) -> dict[int, str]:
    """Every living process of the demo's session, and every other one whose command line names its directory."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z" and (int(session) == demo.pid or str(place) in command):
            found[int(entry.name)] = command
    return found


def wait_until(is_so: Callable[[], bool], *, within_s: float, what: str) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > until:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.05)


def assert_nothing_is_left(demo: subprocess.Popen[str], place: Path, *, within_s: float = 0) -> None:
    wait_until(lambda: not left_of(demo, place), within_s=within_s, what="every process of the demo has ended")
    assert list(place.iterdir()) == []


def the_object(output: str) -> Any:
    (line,) = output.splitlines()
    return json.loads(line)


def test_a_crashed_service_is_healed_and_every_figure_is_measured(place: Path) -> None:
    demo = started(place, ONE_FAULT)
    output, progress = finished(demo, place)

    assert demo.returncode == 0, progress
    result = the_object(output)
    (scenario,) = result["scenarios"]
    assert scenario["fault"] == "crash"
    assert scenario["cause"] == scenario["cause_expected"] == "service_down"
    assert scenario["actions"] == ["restart-service"]
    assert scenario["verified"] is True
    assert 0 < scenario["detected_s"] < scenario["resolved_s"]
    assert 0 < scenario["recovered_s"] < 10
    assert scenario["service_starts"] == 1
    assert result["false_actions"] == 0
    assert result["traffic"]["sent"] > result["traffic"]["failed"] > 0
    assert all({"default", "here", "why"} <= set(deviation) for deviation in result["policy"].values())
    assert_nothing_is_left(demo, place)


@pytest.mark.slow
@pytest.mark.timeout(WHOLE_WITHIN_S + 60)  # longer than any other test may take
@pytest.mark.parametrize("judge_by", ["limits", "baselines"])
def test_the_whole_demo_heals_every_fault_in_time_and_does_nothing_else(place: Path, judge_by: str) -> None:
    demo = started(place, (*DEMO, "--judge-by", judge_by))
    output, progress = finished(demo, place, within_s=WHOLE_WITHIN_S)

    assert demo.returncode == 0, progress
    result = the_object(output)
    healed = {one["fault"]: one for one in result["scenarios"]}
    left_out = {one["fault"] for one in result["left_out"]}
    assert set(healed) | left_out == set(SCENARIOS)
    assert left_out <= {"disk-fill", "sick-backend"}
    assert all(one["verified"] for one in healed.values())
    assert all(one["cause"] == one["cause_expected"] for one in healed.values())
    assert max(one["recovered_s"] for one in healed.values()) < 30
    assert median(one["recovered_s"] for one in healed.values()) < 12
    assert result["false_actions"] == 0
    assert result["false_alarms"] == []
    assert_nothing_is_left(demo, place)


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing_behind(place: Path, signum: signal.Signals) -> None:
    demo = started(place)
    wait_until(lambda: any(place.glob("*/facts.json")), within_s=60, what="everything has been started")

    demo.send_signal(signum)
    output, progress = finished(demo, place)

    assert demo.returncode == 128 + signum, progress
    assert output == ""
    assert_nothing_is_left(demo, place)


@pytest.mark.slow
def test_a_demo_that_is_killed_leaves_nothing_behind(place: Path) -> None:
    demo = started(place)
    wait_until(lambda: any(place.glob("*/facts.json")), within_s=60, what="everything has been started")

    demo.kill()
    finished(demo, place)

    assert_nothing_is_left(demo, place, within_s=40)


@pytest.mark.slow
def test_a_demo_whose_world_is_killed_ends_what_is_left_of_it(place: Path) -> None:
    demo = started(place)
    wait_until(lambda: any(place.glob("*/facts.json")), within_s=60, what="everything has been started")
    (world,) = (pid for pid, command in left_of(demo, place).items() if "recoverops.lab.world" in command)

    os.kill(world, signal.SIGKILL)
    output, progress = finished(demo, place)

    assert demo.returncode == 1, progress
    assert the_object(output)["statement"] == "the lab's processes ended with exit code -9"
    assert_nothing_is_left(demo, place)


@pytest.mark.slow
def test_a_kept_demo_runs_on_until_the_process_that_it_names_is_ended(place: Path) -> None:
    demo = started(place, (*ONE_FAULT, "keep"))
    output, progress = finished(demo, place)

    assert demo.returncode == 0, progress
    kept = the_object(output)["kept"]
    assert httpx.get(f"{kept['url']}/ready", trust_env=False).status_code == 200
    kept_commands = " ".join(left_of(demo, place).values())
    assert all(part in kept_commands for part in ("recoverops.lab.shop", "recoverops.lab.traffic", "recoverops up"))

    os.kill(kept["pid"], signal.SIGTERM)
    assert_nothing_is_left(demo, place, within_s=40)


@pytest.mark.slow
def test_a_kept_demo_is_ended_by_clean_with_its_files(place: Path) -> None:
    demo = started(place, (*ONE_FAULT, "keep"))
    output, progress = finished(demo, place)
    assert demo.returncode == 0, progress
    directory = the_object(output)["kept"]["directory"]

    clean = started(place, (sys.executable, "-m", "recoverops", "demo", "--clean"))
    told, _ = finished(clean, place)

    assert (clean.returncode, told) == (0, f"{directory}: ended\n")
    assert_nothing_is_left(demo, place)
