"""`recoverops demo --clean`: ends what was kept or killed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.lab.layout import kept_mark
from recoverops.lab.leftovers import Fate, clear, named_in, own_processes, processes_of

LAB = Path("/tmp/recoverops-demo-abc")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "recoverops-demo-abc"
    made.mkdir()
    return made


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def program(held: ExitStack, *words: str) -> subprocess.Popen[bytes]:
    """A process with these words behind `-m` on its command line, that does nothing; ended with the test."""
    code = "import sys, time\nsys.stdout.write('up\\n'); sys.stdout.flush()\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, "-m", *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    held.callback(process.wait)
    held.callback(process.kill)
    held.callback(process.stdout.close)
    return process


WORDS = {
    "the world": (("python", "-m", "recoverops.lab.world", str(LAB), "8000"), True),
    "a service": (("python", "-m", "recoverops.lab.shop.orders", "--home", f"{LAB}/srv/orders"), True),
    "RecoverOps": (("python", "-m", "recoverops", "up", "--config", f"{LAB}/recoverops.yaml"), True),
    "supervisord": (("python", "-m", "supervisor.supervisord", "--configuration", f"{LAB}/sup/s.conf"), True),
    "nginx": ((f"nginx: master process /usr/sbin/nginx -p {LAB}/nginx/ -c x",), True),
    "a reader of its logs": (("tail", "-f", f"{LAB}/logs/orders.log"), False),
    "another demo": (("python", "-m", "recoverops.lab.world", f"{LAB}d", "8000"), False),
    "RecoverOps of production": (("python", "-m", "recoverops", "up", "--config", "/etc/recoverops.yaml"), False),
    "somebody's nginx": (("nginx: master process /usr/sbin/nginx",), False),
}


@pytest.mark.parametrize("case", WORDS.values(), ids=WORDS)
def test_only_the_labs_own_programs_of_this_demo_are_its_processes(case: tuple[tuple[str, ...], bool]) -> None:
    words, is_ours = case

    assert bool(processes_of(LAB, {42: tuple(os.fsencode(word) for word in words)})) is is_ours


def test_a_demo_is_found_by_its_processes_when_its_directory_is_gone() -> None:
    running = {
        number: tuple(os.fsencode(word) for word in words) for number, (words, _) in enumerate(WORDS.values(), start=2)
    }

    assert named_in(running, LAB.parent) == {LAB, Path(f"{LAB}d")}


def test_the_files_of_a_demo_of_which_nothing_runs_are_removed(directory: Path) -> None:
    (directory / "facts.json").write_text("{}")

    (one,) = clear(clock=SystemClock(), place=directory.parent)

    assert (one.directory, one.fate) == (directory, Fate.REMOVED)
    assert not directory.exists()


def test_a_demo_that_somebody_watches_is_left_alone(directory: Path, held: ExitStack) -> None:
    world = program(held, "recoverops.lab.world", str(directory))

    (one,) = clear(clock=SystemClock(), place=directory.parent)

    assert one.fate is Fate.RUNNING
    assert directory.exists()
    assert world.poll() is None


def test_a_kept_demo_is_ended_and_its_files_are_removed(directory: Path, held: ExitStack) -> None:
    world = program(held, "recoverops.lab.world", str(directory))
    kept_mark(directory).touch()

    (one,) = clear(clock=SystemClock(), place=directory.parent)

    assert one.fate is Fate.ENDED
    assert not directory.exists()
    assert world.wait(10) != 0


def test_what_outlived_a_killed_world_is_ended_and_who_reads_its_files_is_not(directory: Path, held: ExitStack) -> None:
    service = program(held, "recoverops.lab.shop.orders", "--home", f"{directory}/srv/orders")
    reader = program(held, "less", f"{directory}/logs/orders.log")

    (one,) = clear(clock=SystemClock(), place=directory.parent)

    assert one.fate is Fate.ENDED
    assert service.wait(10) != 0
    assert reader.poll() is None


def test_other_directories_and_links_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "recoverops-demo-link").symlink_to(tmp_path / "precious")

    assert clear(clock=SystemClock(), place=tmp_path) == ()
    assert (tmp_path / "precious").exists()


def test_this_process_is_never_among_those_to_end() -> None:
    assert os.getpid() not in own_processes()
