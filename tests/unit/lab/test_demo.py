"""The demo on its real processes, where it does not come to a healed service."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.lab import Timing, run_demo
from recoverops.lab.demo import lacking
from recoverops.lab.events import DemoEvent, Finished, Phase, PhaseBegan
from recoverops.lab.faults import FAULTS
from recoverops.lab.layout import HOST, Facts, Layout
from recoverops.lab.scenarios import SCENARIOS
from recoverops.lab.scene import Scene
from recoverops.lab.tether import World, tethered_world
from recoverops.model import IncidentKind, PermanentError


def reason_of_end(world: World, *, within_s: float) -> str:
    until = time.monotonic() + within_s
    try:
        while time.monotonic() < until:
            world.check()
            time.sleep(0.05)
    except PermanentError as error:
        return str(error)
    pytest.fail(f"the world did not end within {within_s:g} s")


@pytest.mark.slow
def test_a_demo_gives_up_when_its_time_is_over_and_reports_what_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    events: list[DemoEvent] = []
    timing = Timing(become_healthy_within=timedelta(seconds=2))

    result = run_demo(keep=False, report=events.append, timing=timing)

    assert not result.is_healed
    assert result.statement.startswith("gave up: RecoverOps was not ready")
    assert result.scenarios == ()
    assert result.traffic.failed == result.false_actions == 0
    assert Phase.FAULT not in [event.phase for event in events if isinstance(event, PhaseBegan)]
    assert events[-1] == Finished(result=result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_recoverops_that_cannot_start_ends_the_world_with_its_own_words(tmp_path: Path) -> None:
    layout = Layout.choose(tmp_path / "world")
    layout.directory.mkdir()
    with (
        socket.create_server((HOST, layout.api_port)),
        tethered_world(layout, causes=[IncidentKind.SERVICE_DOWN]) as world,
    ):
        reason = reason_of_end(world, within_s=60)

    assert reason.startswith("RecoverOps ended with exit code")
    assert f"{HOST}:{layout.api_port}" in reason
    assert not layout.directory.exists()


@pytest.mark.parametrize(
    ("name", "has_small_disk", "has_nginx", "why"),
    [
        ("crash", False, False, None),
        ("disk-fill", False, True, "it needs root, to mount a small disk"),
        ("disk-fill", True, False, None),
        ("sick-backend", True, False, "it needs nginx, which is not installed"),
        ("sick-backend", False, True, None),
    ],
)
def test_a_fault_is_left_out_where_the_machine_lacks_what_it_needs_and_only_there(
    tmp_path: Path, name: str, has_small_disk: bool, has_nginx: bool, why: str | None
) -> None:
    facts = Facts(
        supervisor_url="unix:///s", supervisor_pid=1, traffic_pid=1, engine_pid=1, has_small_disk=has_small_disk
    )
    scene = Scene(Layout.choose(tmp_path, has_nginx=has_nginx), facts, clock=SystemClock())

    assert lacking(FAULTS[name], scene) == why


def test_a_whole_demo_shows_every_fault_that_the_lab_has() -> None:
    assert set(SCENARIOS) == set(FAULTS)
