"""What the kits cannot ask: the linux plugin among neighbours, stubborn processes, open files and links."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recoverops.clock import SystemClock
from recoverops.model import EffectClass, ExecutionStatus, MisconfiguredError, PermanentError, ProbeAnswer, Service
from recoverops.plugins.linux import LinuxSettings, plugin
from recoverops.ports import Action, PluginContext, PluginParts
from recoverops.testing import Program, Supervisor, free_port, running_supervisor

OLD = time.time() - 7200
STUBBORN_FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time" + chr(10) + "time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def parts(*services: Service, supervisor: Supervisor | None = None, **settings: Any) -> PluginParts:
    if supervisor is not None:
        settings["supervisor"] = {"url": supervisor.url}
    context = PluginContext(clock=SystemClock(), services={one.name: one for one in services}, secret=str)
    return plugin.build(LinuxSettings.model_validate(settings), context)


def action(name: str, built: PluginParts) -> Any:
    """Any: some of them can be undone."""
    return next(one for one in built.actions if one.name == name)


def within(seconds: float, is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_taken(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def program(folder: Path, name: str, code: str, **more: Any) -> Program:
    (folder / f"{name}.py").write_text(code)
    return Program(name=name, command=[sys.executable, str(folder / f"{name}.py")], **more)


def supervised(name: str, **address: str) -> Service:
    return Service(name=name, group="shop", address={"supervisor": name, **address})


# end-process


def test_a_stopped_stubborn_family_is_ended_and_its_neighbour_is_not(tmp_path: Path) -> None:
    programs = [
        program(tmp_path, "checkout", STUBBORN_FAMILY, stopwaitsecs=60),
        program(tmp_path, "cart", "import time\ntime.sleep(600)\n"),
    ]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        within(10, lambda: "child" in supervisor.log("checkout"), "no child")
        child, main = int(supervisor.log("checkout").split()[1]), int(supervisor.info("checkout")["pid"])
        neighbour = int(supervisor.info("cart")["pid"])
        os.kill(main, signal.SIGSTOP)
        service = supervised("checkout")
        end = action("end-process", parts(service, supervisor=supervisor, end_process={"grace": "300ms"}))
        done = end.execute(end.plan(service, {}), service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert "needed SIGKILL" in done.statement
        assert not is_alive(main)
        assert not is_alive(child)
        assert is_alive(neighbour)
        assert int(supervisor.info("checkout")["pid"]) not in {0, main}
        assert str(main) in done.after["evidence.processes"]


def test_a_process_that_supervisor_starts_again_by_itself_is_not_started_twice(tmp_path: Path) -> None:
    programs = [program(tmp_path, "checkout", "import time\ntime.sleep(600)\n", autorestart=True)]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        service = supervised("checkout")
        end = action("end-process", parts(service, supervisor=supervisor))
        done = end.execute(end.plan(service, {}), service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert supervisor.info("checkout")["statename"] == "RUNNING"
        assert str(supervisor.info("checkout")["pid"]) == done.after["pid"]


# free-port


def test_a_port_is_not_taken_from_recoverops_and_not_from_a_service(tmp_path: Path) -> None:
    listen = "import socket, sys, time\ns = socket.create_server(('127.0.0.1', {port}))\ntime.sleep(600)\n"
    with socket.create_server(("127.0.0.1", 0)) as own:
        mine = int(own.getsockname()[1])
        theirs = free_port()
        programs = [
            program(tmp_path, "checkout", "import time\ntime.sleep(600)\n"),
            program(tmp_path, "cart", listen.format(port=theirs)),
        ]
        with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
            within(10, lambda: is_taken(theirs), "cart never listened")
            for port, why in ((mine, "RecoverOps itself"), (theirs, "part of the service cart")):
                service = supervised("checkout", http=f"http://127.0.0.1:{port}/")
                free = action("free-port", parts(service, supervised("cart"), supervisor=supervisor))
                with pytest.raises(PermanentError, match=why):
                    free.plan(service, {})
            assert is_alive(int(supervisor.info("cart")["pid"]))


# free-disk and quarantine-files


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory: 4 MiB where it may be mounted, else a folder of the shared one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount", path="/usr/bin:/bin")
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    is_mounted = (
        mount is not None and subprocess.run([mount, *options], capture_output=True, check=False).returncode == 0
    )
    try:
        yield folder
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def old_file(file: Path, size: int) -> Path:
    file.write_bytes(b"x" * size)
    os.utime(file, (OLD, OLD))
    return file


def spare(folder: Path, **more: object) -> dict[str, object]:
    return {"service": "checkout", "folder": str(folder), "pattern": "*.cache", "older_than": "1h", **more}


def test_only_old_declared_files_that_nobody_has_open_are_removed_and_the_bytes_are_counted(small_disk: Path) -> None:
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    precious = old_file(small_disk / "precious.txt", 10)
    (small_disk / "link.cache").symlink_to(precious)
    (small_disk / "young.cache").write_bytes(b"x" * 10)
    for number in range(2):
        old_file(small_disk / f"{number}.cache", 1_000_000)
    used, changed = old_file(small_disk / "used.cache", 1000), old_file(small_disk / "changed.cache", 1000)
    free = action("free-disk", parts(service, free_disk=[spare(small_disk)]))
    assert free.effect is EffectClass.IRREVERSIBLE
    with subprocess.Popen(["sleep", "600"], stdin=used.open("rb")) as reader:
        try:
            plan = free.plan(service, {})
            assert "used.cache" not in plan.before["files"]
            changed.write_bytes(b"written since the plan")
            before = os.statvfs(small_disk)
            done = free.execute(plan, service, idempotency_key="run-1:1")
            after = os.statvfs(small_disk)
        finally:
            reader.kill()
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert sorted(file.name for file in small_disk.iterdir()) == [
        "changed.cache", "link.cache", "precious.txt", "used.cache", "young.cache",
    ]  # fmt: skip
    freed = (after.f_bavail - before.f_bavail) * before.f_frsize
    assert int(done.after["freed_bytes"]) == pytest.approx(freed, abs=65536)
    assert int(done.after["expected_bytes"]) >= 2_000_000


def test_an_open_log_is_emptied_only_if_it_is_declared_as_one(small_disk: Path) -> None:
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    log = small_disk / "app.log"
    with log.open("ab") as out:
        out.write(b"x" * 100_000)
    declared = spare(small_disk, pattern="*.log", older_than="0s")
    with log.open("ab") as out, subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=out) as writer:
        try:
            with pytest.raises(PermanentError, match="nothing to free"):
                action("free-disk", parts(service, free_disk=[declared])).plan(service, {})
            free = action("free-disk", parts(service, free_disk=[{**declared, "are_logs": True}]))
            inode = log.stat().st_ino
            done = free.execute(free.plan(service, {}), service, idempotency_key="run-1:1")
        finally:
            writer.kill()
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert (log.stat().st_size, log.stat().st_ino) == (0, inode)


def test_a_quarantine_on_the_same_file_system_is_refused(tmp_path: Path) -> None:
    service = Service(name="checkout", group="shop", address={"disk": str(tmp_path)})
    (tmp_path / "quarantine").mkdir()
    old_file(tmp_path / "1.cache", 10)
    move = action("quarantine-files", parts(service, free_disk=[spare(tmp_path, quarantine=f"{tmp_path}/quarantine")]))
    assert move.effect is EffectClass.REVERSIBLE
    with pytest.raises(MisconfiguredError, match="lies on the same file system"):
        move.plan(service, {})


def test_files_go_to_quarantine_and_come_back_with_owner_mode_and_time(small_disk: Path, tmp_path: Path) -> None:
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    quarantine = tmp_path / "quarantine"
    quarantine.mkdir()
    file = old_file(small_disk / "1.cache", 1_000_000)
    file.chmod(0o604)
    before = file.stat()
    move = action("quarantine-files", parts(service, free_disk=[spare(small_disk, quarantine=str(quarantine))]))
    plan = move.plan(service, {})
    done = move.execute(plan, service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert not file.exists()
    assert int(done.after["freed_bytes"]) >= 900_000
    undone = move.undo(plan, done.after, service, idempotency_key="run-1:undo")
    assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
    after = file.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid, after.st_size) == (
        before.st_mode, before.st_mtime_ns, before.st_uid, before.st_size,
    )  # fmt: skip
    assert list(quarantine.iterdir()) == []


def test_a_file_that_comes_into_use_after_the_plan_stays_and_the_others_go(small_disk: Path, tmp_path: Path) -> None:
    taken, free = old_file(small_disk / "a.cache", 5000), old_file(small_disk / "b.cache", 5000)
    (tmp_path / "quarantine").mkdir()
    rule = spare(small_disk, quarantine=str(tmp_path / "quarantine"))
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    move = action("quarantine-files", parts(service, free_disk=[rule]))
    plan = move.plan(service, {})
    with taken.open("rb") as handle, subprocess.Popen(["sleep", "60"], stdin=handle) as reader:
        handle.close()
        done = move.execute(plan, service, idempotency_key="run-1:1")
        with pytest.raises(PermanentError, match="nothing to move for checkout: 1 is open"):
            move.plan(service, {})
        reader.kill()
    assert done.status is ExecutionStatus.SUCCEEDED
    assert (taken.exists(), free.exists()) == (True, False)
    assert move.undo(plan, done.after, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
    assert free.exists()


class QuickClock(SystemClock):
    """Three seconds pass whenever it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0

    def monotonic(self) -> float:
        self._passed += 3.0
        return super().monotonic() + self._passed


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_file_that_its_owner_touches_on_the_way_stays_and_the_others_go(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    everything = {old_file(small_disk / f"{number}.cache", 5000).name for number in range(60)}
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    rule = spare(small_disk, quarantine=str(tmp_path / "quarantine"))
    move = action("quarantine-files", parts(service, free_disk=[rule]))
    plan = move.plan(service, {})
    first, *_, last = (small_disk / str(row[1]) for row in json.loads(plan.before["files"]))

    def touch_it_when_the_first_has_gone() -> None:
        deadline = time.monotonic() + 20
        while first.exists():
            assert time.monotonic() < deadline, "the first file never went"
        os.utime(last)

    with ThreadPoolExecutor(1) as owner:
        touching = owner.submit(touch_it_when_the_first_has_gone)
        done = move.execute(plan, service, idempotency_key="run-1:1")
        touching.result()

    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert "59 of 60 files are in quarantine; 1 came into use or changed since the plan, and stay" in done.statement
    assert names(small_disk) == {last.name}
    last.unlink()  # it never was ours: its end does not keep the others away
    assert move.probe_undo(plan, done.after, service).answer is ProbeAnswer.NOT_DONE
    assert move.undo(plan, done.after, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
    assert names(small_disk) == everything - {last.name}
    assert move.probe_undo(plan, done.after, service).answer is ProbeAnswer.DONE


def test_what_was_moved_until_the_end_of_the_time_is_the_result(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    for number in range(10):
        old_file(small_disk / f"{number}.cache", 5000)
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    declared = [spare(small_disk, quarantine=str(tmp_path / "quarantine"))]
    context = PluginContext(clock=QuickClock(), services={service.name: service}, secret=str)
    settings = LinuxSettings.model_validate({"free_disk": declared, "timeout": "20s"})
    move = action("quarantine-files", plugin.build(settings, context))
    plan = move.plan(service, {})
    assert move.probe(plan, service).answer is ProbeAnswer.NOT_DONE
    done = move.execute(plan, service, idempotency_key="run-1:1")
    moved = int(done.after["files"])
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert (0 < moved < 10, len(names(small_disk))) == (True, 10 - moved)
    assert f"{moved} of 10 files are in quarantine; the rest stays: it took longer than 20 s" in done.statement
    assert move.probe(plan, service).answer is ProbeAnswer.HALF_DONE

    back = action("quarantine-files", parts(service, free_disk=declared))
    again = back.execute(plan, service, idempotency_key="run-1:1")
    assert (again.status, again.after["files"]) == (ExecutionStatus.SUCCEEDED, "10")
    assert back.undo(plan, again.after, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
    assert len(names(small_disk)) == 10


def test_what_was_moved_until_the_quarantine_was_full_is_the_result(small_disk: Path, tmp_path: Path) -> None:
    home = tmp_path / "cache"
    home.mkdir()
    for name in ("a.cache", "b.cache"):
        old_file(home / name, 1_500_000)
    service = Service(name="checkout", group="shop", address={"disk": str(home)})
    move = action("quarantine-files", parts(service, free_disk=[spare(home, quarantine=str(small_disk))]))
    plan = move.plan(service, {})
    (small_disk / "somebody-else").write_bytes(b"x" * 1_500_000)
    done = move.execute(plan, service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert "1 of 2 files are in quarantine; the rest stays:" in done.statement
    assert "No space left on device" in done.statement
    assert len(names(home)) == 1
    assert move.undo(plan, done.after, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
    assert names(home) == {"a.cache", "b.cache"}


def test_a_quarantine_that_keeps_no_exact_times_is_refused_before_the_file_is_gone(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some file systems of other systems and of old disks do: whole seconds only."""
    real = os.utime

    def coarse(path: Any, *, ns: tuple[int, int]) -> None:
        real(path, ns=(ns[0] // 10**9 * 10**9, ns[1] // 10**9 * 10**9))

    (tmp_path / "quarantine").mkdir()
    file = old_file(small_disk / "1.cache", 5000)
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns // 10**9 * 10**9 + 7))
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    rule = spare(small_disk, quarantine=str(tmp_path / "quarantine"))
    move = action("quarantine-files", parts(service, free_disk=[rule]))
    plan = move.plan(service, {})
    monkeypatch.setattr(os, "utime", coarse)
    refused = move.execute(plan, service, idempotency_key="run-1:1")
    assert refused.status is ExecutionStatus.FAILED, refused.statement
    assert "does not keep the size, time and mode of 1.cache" in refused.statement
    assert file.exists()
    assert list((tmp_path / "quarantine").rglob("*cache*")) == []


@pytest.mark.parametrize("is_gone_on_with", [False, True])
def test_a_half_copied_file_that_its_owner_writes_to_does_not_keep_the_others_away(
    small_disk: Path, tmp_path: Path, is_gone_on_with: bool
) -> None:
    (tmp_path / "quarantine").mkdir()
    moved, (half, last) = ("a.cache", "b.cache"), (small_disk / "c.cache", small_disk / "d.cache")
    for name in (*moved, half.name, last.name):
        old_file(small_disk / name, 5000)
    service = Service(name="checkout", group="shop", address={"disk": str(small_disk)})
    move = action(
        "quarantine-files",
        parts(service, free_disk=[spare(small_disk, quarantine=str(tmp_path / "quarantine"))]),
    )
    plan = move.plan(service, {})
    # given what an engine leaves that is killed while it copies the third of four files
    with (
        half.open("rb") as one,
        last.open("rb") as other,
        subprocess.Popen(["sleep", "60"], stdin=one, stdout=other) as reader,
    ):
        done = move.execute(plan, service, idempotency_key="run-1:1")
        reader.kill()
    assert names(small_disk) == {half.name, last.name}, done.statement
    stored = Path(done.after["quarantine"], f"0-{half.stat().st_ino}-{half.stat().st_mtime_ns}")
    stored.write_bytes(b"x" * 1000)
    assert "1 in both places" in move.probe(plan, service).statement
    # when its owner writes to it
    with half.open("ab") as out:
        out.write(b"a line")
    # then it never left
    assert move.probe(plan, service).answer is ProbeAnswer.HALF_DONE
    left: dict[str, str] = {}
    if is_gone_on_with:
        left = move.execute(plan, service, idempotency_key="run-1:1").after
        assert names(small_disk) == {half.name}
        half.unlink()  # nor does its end
    undone = move.undo(plan, left, service, idempotency_key="run-1:2")
    assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
    assert names(small_disk) == {*moved, last.name} | (set() if is_gone_on_with else {half.name})
    assert is_gone_on_with or half.read_bytes() == b"x" * 5000 + b"a line"


# switch-release


def test_a_bad_release_is_left_and_the_way_back_is_kept(tmp_path: Path) -> None:
    link = releases_of(tmp_path)
    programs = [Program(name="checkout", command=[sys.executable, str(link / "main.py")])]
    service = supervised("checkout", release=str(link))
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        switch = action("switch-release", parts(service, supervisor=supervisor))
        plan = switch.plan(service, {})
        done = switch.execute(plan, service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert os.readlink(link) == "releases/1"
        within(5, lambda: supervisor.log("checkout").endswith("I am 1\n"), "the previous release does not run")
        with pytest.raises(PermanentError, match="none before 1 that was not left"):
            switch.plan(service, {})
        undone = switch.undo(plan, done.after, service, idempotency_key="run-1:undo")
        assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
        within(5, lambda: supervisor.log("checkout").endswith("I am 2\n"), "undo did not restart")


def test_an_interruption_between_link_and_restart_is_gone_on_with(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    link = tmp_path / "current"
    link.symlink_to("releases/2")
    programs = [program(tmp_path, "checkout", "import time\ntime.sleep(600)\n")]
    service = supervised("checkout", release=str(link))
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        switch = action("switch-release", parts(service, supervisor=supervisor))
        plan = switch.plan(service, {})
        link.unlink()
        link.symlink_to("releases/1")
        assert switch.probe(plan, service).answer is ProbeAnswer.HALF_DONE
        done = switch.execute(plan, service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert str(supervisor.info("checkout")["pid"]) != plan.before["pid"]


def releases_of(folder: Path) -> Path:
    """Releases 1 and 2 that say who they are, and the link to 2, which is the bad one."""
    for name in ("1", "2"):
        (folder / "releases" / name).mkdir(parents=True)
        (folder / "releases" / name / "main.py").write_text(
            f"import time\nprint('I am {name}', flush=True)\ntime.sleep(600)\n"
        )
    link = folder / "current"
    link.symlink_to("releases/2")
    return link


@contextmanager
def crashing_checkout(folder: Path) -> Iterator[tuple[Supervisor, Any, Service]]:
    """It is started again by supervisord whenever it dies; with the action that switches its release."""
    link = releases_of(folder)
    command = [sys.executable, str(link / "main.py")]
    service = supervised("checkout", release=str(link))
    programs = [Program(name="checkout", command=command, autorestart=True, startsecs=0)]
    with running_supervisor(folder / "supervisor", programs) as supervisor:
        yield supervisor, action("switch-release", parts(service, supervisor=supervisor)), service


def crashed(supervisor: Supervisor) -> int:
    """It has died and was started again; the new pid."""
    old = supervisor.kill_program("checkout")
    within(5, lambda: supervisor.info("checkout")["pid"] not in {0, old}, "supervisord did not start it again")
    return int(supervisor.info("checkout")["pid"])


def says(supervisor: Supervisor, release: str) -> None:
    """The process that was started last is this release."""
    within(5, lambda: supervisor.log("checkout").endswith(f"I am {release}\n"), f"release {release} does not run")


def test_a_bad_release_that_restarts_itself_after_the_plan_is_left_all_the_same(tmp_path: Path) -> None:
    with crashing_checkout(tmp_path) as (supervisor, switch, service):
        plan = switch.plan(service, {})
        bad = crashed(supervisor)
        done = switch.execute(plan, service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert not is_alive(bad)
        says(supervisor, "1")
        assert switch.probe(plan, service).answer is ProbeAnswer.DONE


@pytest.mark.parametrize("is_known", [True, False])
def test_an_undo_ends_the_release_that_was_restarted_since_and_also_one_that_left_no_word(
    tmp_path: Path, is_known: bool
) -> None:
    with crashing_checkout(tmp_path) as (supervisor, switch, service):
        plan = switch.plan(service, {})
        left = dict(switch.execute(plan, service, idempotency_key="run-1:1").after)
        one = crashed(supervisor) if is_known else int(left["pid"])
        left = left if is_known else {}  # killed between effect and outcome: it was found done
        assert switch.probe_undo(plan, left, service).answer is ProbeAnswer.NOT_DONE
        undone = switch.undo(plan, left, service, idempotency_key="run-1:2")
        assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
        assert not is_alive(one)
        says(supervisor, "2")
        assert switch.probe_undo(plan, left, service).answer is ProbeAnswer.DONE
        again = switch.undo(plan, left, service, idempotency_key="run-1:2")
        assert again.statement.startswith("nothing to undo"), again.statement
        assert str(supervisor.info("checkout")["pid"]) == undone.after["pid"]


@pytest.mark.parametrize("is_known", [True, False])
def test_an_undo_that_was_interrupted_before_the_restart_is_gone_on_with(tmp_path: Path, is_known: bool) -> None:
    with crashing_checkout(tmp_path) as (supervisor, switch, service):
        plan = switch.plan(service, {})
        done = switch.execute(plan, service, idempotency_key="run-1:1")
        left = dict(done.after) if is_known else {}
        crashed(supervisor)
        (tmp_path / "new").symlink_to("releases/2")
        (tmp_path / "new").replace(tmp_path / "current")
        assert switch.probe_undo(plan, left, service).answer is ProbeAnswer.HALF_DONE
        assert switch.undo(plan, left, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
        says(supervisor, "2")
        assert switch.probe_undo(plan, left, service).answer is ProbeAnswer.DONE


def test_a_switch_that_was_interrupted_before_the_restart_ends_the_bad_release_and_repeats_nothing_after_it(
    tmp_path: Path,
) -> None:
    with crashing_checkout(tmp_path) as (supervisor, switch, service):
        plan = switch.plan(service, {})
        bad = crashed(supervisor)
        (tmp_path / "new").symlink_to("releases/1")
        (tmp_path / "new").replace(tmp_path / "current")  # in the second in which it was started, or the next one
        assert switch.probe(plan, service).answer is ProbeAnswer.HALF_DONE
        done = switch.execute(plan, service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert not is_alive(bad)
        says(supervisor, "1")
        good = crashed(supervisor)
        assert switch.probe(plan, service).answer is ProbeAnswer.DONE
        again = switch.execute(plan, service, idempotency_key="run-1:1")
        assert again.statement.startswith("not repeated"), again.statement
        assert supervisor.info("checkout")["pid"] == good


def test_a_switch_that_failed_half_way_is_taken_back_and_one_that_never_began_touches_nothing(tmp_path: Path) -> None:
    code = {"1": "raise SystemExit(3)\n", "2": "import time\nprint('I am 2', flush=True)\ntime.sleep(600)\n"}
    for name, text in code.items():
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "main.py").write_text(text)
    link = tmp_path / "current"
    link.symlink_to("releases/2")
    programs = [Program(name="checkout", command=[sys.executable, str(link / "main.py")], startretries=0)]
    service = supervised("checkout", release=str(link))
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        switch = action("switch-release", parts(service, supervisor=supervisor))
        plan = switch.plan(service, {})
        pid = supervisor.info("checkout")["pid"]
        with_another_goal = msgspec.structs.replace(plan, before={**plan.before, "goal": "gone"})
        refused = switch.execute(with_another_goal, service, idempotency_key="run-0:1")
        assert refused.status is ExecutionStatus.FAILED, refused.statement
        lefts: tuple[dict[str, str], ...] = (dict(refused.after), {})
        for left in lefts:
            nothing = switch.undo(plan, left, service, idempotency_key="run-0:2")
            assert (nothing.status, "nothing to undo" in nothing.statement) == (ExecutionStatus.SUCCEEDED, True)
            assert switch.probe_undo(plan, left, service).answer is ProbeAnswer.DONE
        assert supervisor.info("checkout")["pid"] == pid

        failed = switch.execute(plan, service, idempotency_key="run-1:1")
        assert failed.status is ExecutionStatus.FAILED, failed.statement
        assert (os.readlink(link), supervisor.info("checkout")["pid"]) == ("releases/1", 0)
        assert switch.probe_undo(plan, failed.after, service).answer is ProbeAnswer.NOT_DONE
        undone = switch.undo(plan, failed.after, service, idempotency_key="run-1:2")
        assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
        assert os.readlink(link) == "releases/2"
        within(5, lambda: supervisor.log("checkout").endswith("I am 2\n"), "the release of before does not run")
        assert switch.probe_undo(plan, failed.after, service).answer is ProbeAnswer.DONE


def test_a_switch_whose_end_was_lost_is_taken_back_with_its_process(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        says = f"import time\nprint('I am {name}', flush=True)\ntime.sleep(600)\n"
        (tmp_path / "releases" / name / "main.py").write_text(says)
    link = tmp_path / "current"
    link.symlink_to("releases/2")
    programs = [Program(name="checkout", command=[sys.executable, str(link / "main.py")])]
    service = supervised("checkout", release=str(link))
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        switch = action("switch-release", parts(service, supervisor=supervisor))
        plan = switch.plan(service, {})
        link.unlink()
        link.symlink_to("releases/1")
        pid = supervisor.info("checkout")["pid"]
        assert switch.undo(plan, {}, service, idempotency_key="run-0:2").status is ExecutionStatus.SUCCEEDED
        assert (os.readlink(link), supervisor.info("checkout")["pid"]) == ("releases/2", pid)

        assert switch.execute(plan, service, idempotency_key="run-1:1").status is ExecutionStatus.SUCCEEDED
        within(5, lambda: supervisor.log("checkout").endswith("I am 1\n"), "the previous release does not run")
        assert switch.undo(plan, {}, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
        within(5, lambda: supervisor.log("checkout").endswith("I am 2\n"), "the other release still runs")
        assert os.readlink(link) == "releases/2"


# rotate-logs


REOPENS = """
import signal, sys, time
def opened(*_):
    global log
    log = open(sys.argv[1], "a", buffering=1)
    print("opened", file=log)
signal.signal(signal.SIGUSR1, opened)
opened()
while True:
    time.sleep(600)
"""


def test_a_log_is_renamed_and_opened_again_and_only_by_a_program_that_can(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    (tmp_path / "checkout.py").write_text(REOPENS)
    programs = [Program(name="checkout", command=[sys.executable, str(tmp_path / "checkout.py"), str(log)])]
    service = supervised("checkout", log=str(log))
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        within(5, log.exists, "no log")
        pid = supervisor.info("checkout")["pid"]

        def rotate_with(name: str) -> Action:
            rotation = [{"service": "checkout", "signal": name}]
            found: Action = action("rotate-logs", parts(service, supervisor=supervisor, rotate_logs=rotation))
            return found

        with pytest.raises(PermanentError, match="would die of it"):
            rotate_with("USR2").plan(service, {})
        rotate = rotate_with("USR1")
        plan = rotate.plan(service, {})
        done = rotate.execute(plan, service, idempotency_key="run-1:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        within(5, lambda: log.read_text() == "opened\n", "the new log is not written")
        assert (tmp_path / plan.before["archive"]).read_text() == "opened\n"
        assert supervisor.info("checkout")["pid"] == pid


# run-script


def script(tmp_path: Path, code: str, **more: object) -> tuple[Any, Service]:
    (tmp_path / "journal").mkdir()
    (tmp_path / "script.py").write_text(code)
    command = [sys.executable, str(tmp_path / "script.py")]
    declared = {"name": "repair", "services": ["checkout"], "command": command, **more}
    service = Service(name="checkout", group="shop", address={"log": str(tmp_path / "x")})
    scripts = {"journal": str(tmp_path / "journal"), "declared": [declared]}
    return action("run-script", parts(service, scripts=scripts)), service


def test_a_script_that_takes_too_long_is_ended_with_its_children_and_unknown_and_not_repeated(tmp_path: Path) -> None:
    code = "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\nprint(child.pid, flush=True)\nchild.wait()\n"
    run, service = script(tmp_path, code, timeout="5s", environment={"PATH": "/usr/bin:/bin"})
    plan = run.plan(service, {"script": "repair"})
    done = run.execute(plan, service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.UNKNOWN, done.statement
    child = int(done.after["output"])
    within(5, lambda: not is_alive(child), "its child lives on")
    assert run.probe(plan, service).answer is ProbeAnswer.UNKNOWN
    again = run.execute(plan, service, idempotency_key="run-1:1")
    assert (again.status, again.statement.startswith("not repeated")) == (ExecutionStatus.UNKNOWN, True)


def test_a_failing_scripts_flood_of_words_is_cut_and_redacted(tmp_path: Path) -> None:
    code = "import sys\nprint('x' * 10_000_000)\nprint('password=hunter2')\nsys.exit(3)\n"
    run, service = script(tmp_path, code)
    done = run.execute(run.plan(service, {"script": "repair"}), service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.FAILED
    assert "ended with 3" in done.statement
    assert "hunter2" not in str(done.after)
    assert len(str(done.after)) < 3000


# shift-load


def test_a_change_that_nginx_refuses_is_never_left_behind(tmp_path: Path) -> None:
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert binary is not None, "install nginx (Debian: apt-get install nginx)"
    upstreams, config = tmp_path / "upstreams.conf", tmp_path / "nginx.conf"
    upstreams.write_text(
        "upstream shop { ip_hash; server 127.0.0.1:1 down; server 127.0.0.1:2; server 127.0.0.1:3; }\n"
    )
    config.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/e.log;\nevents {{}}\nhttp {{ include {upstreams}; brok\n"
    )
    service = Service(name="shop-3", group="shop", address={"nginx": "127.0.0.1:3"})
    nginx = {"file": str(upstreams), "binary": binary, "config": str(config), "prefix": str(tmp_path)}
    shift = action("shift-load", parts(service, nginx=nginx))
    before = upstreams.read_bytes()
    done = shift.execute(shift.plan(service, {}), service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.FAILED
    assert "nginx refuses its configuration as it is" in done.statement
    assert upstreams.read_bytes() == before


def shop_with_nginx(folder: Path, script: str) -> tuple[Any, Service, Path]:
    """The action, the service, and the file; nginx is a script that writes down how it was called."""
    upstreams, nginx = folder / "upstreams.conf", folder / "nginx"
    upstreams.write_text("upstream shop { server 127.0.0.1:1; server 127.0.0.1:2; }\n")
    nginx.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n{script}\n')
    nginx.chmod(0o755)
    service = Service(name="shop-1", group="shop", address={"nginx": "127.0.0.1:1"})
    built = parts(service, nginx={"file": str(upstreams), "binary": str(nginx)})
    return action("shift-load", built), service, upstreams


def test_the_undo_of_a_shift_that_did_nothing_does_not_touch_nginx(tmp_path: Path) -> None:
    shift, service, upstreams = shop_with_nginx(tmp_path, "")
    before = upstreams.read_bytes()
    undone = shift.undo(shift.plan(service, {}), {}, service, idempotency_key="run-1:2")
    assert (undone.status, upstreams.read_bytes()) == (ExecutionStatus.SUCCEEDED, before)
    assert "nothing to undo" in undone.statement
    assert not (tmp_path / "calls").exists()


def test_a_change_that_can_neither_be_loaded_nor_taken_back_stays_half_done(tmp_path: Path) -> None:
    blocks = f"mkdir {tmp_path}/.upstreams.conf.recoverops; exit 1"
    shift, service, upstreams = shop_with_nginx(tmp_path, f'[ "$*" != "-s reload" ] || {{ {blocks}; }}')
    plan = shift.plan(service, {})
    done = shift.execute(plan, service, idempotency_key="run-1:1")
    assert (done.status, "down" in upstreams.read_text()) == (ExecutionStatus.FAILED, True)
    assert "the change could not be taken back" in done.statement
    assert shift.probe(plan, service).answer is ProbeAnswer.HALF_DONE


# the source `process`


def test_the_process_source_sees_stops_burning_cores_children_and_deaths(tmp_path: Path) -> None:
    spin = "[sys.executable, '-c', 'while True:' + chr(10) + '  pass']"
    burn = f"import subprocess, sys\nsubprocess.Popen({spin}).wait()\n"
    programs = [
        program(tmp_path, "burner", burn),
        program(tmp_path, "idle", "import time\ntime.sleep(600)\n"),
    ]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        built = parts(supervised("burner"), supervised("idle"), supervisor=supervisor)
        process = next(one for one in built.sources if one.name == "process")
        os.kill(int(supervisor.info("idle")["pid"]), signal.SIGSTOP)

        def values() -> dict[str, float]:
            return {f"{one.resource.name} {one.metric}": one.value for one in process.poll()}

        within(10, lambda: values()["burner process.count"] == 2.0, "the burner has no child")
        time.sleep(1.0)
        seen = values()
        assert seen["idle process.stopped"] == 1.0
        assert seen["idle process.cpu.utilization"] < 0.1
        assert seen["burner process.cpu.utilization"] > 0.2, "two cores are shared with other tests"
        assert (seen["burner process.count"], seen["idle process.count"]) == (2.0, 1.0)
        assert seen["burner process.memory.rss"] > 2**20
        supervisor.kill_program("idle")
        assert values()["idle process.count"] == 0.0


def test_an_undo_of_nothing_starts_nothing_that_somebody_stopped_meanwhile(tmp_path: Path) -> None:
    with crashing_checkout(tmp_path) as (supervisor, switch, service):
        plan = switch.plan(service, {})
        shutil.rmtree(tmp_path / "releases" / "1")
        refused = switch.execute(plan, service, idempotency_key="run-1:1")
        assert refused.status is ExecutionStatus.FAILED, refused.statement
        supervisor.stop("checkout")
        assert switch.probe_undo(plan, refused.after, service).answer is ProbeAnswer.DONE
        undone = switch.undo(plan, refused.after, service, idempotency_key="run-1:2")
        assert "nothing to undo" in undone.statement
        assert supervisor.info("checkout")["pid"] == 0
