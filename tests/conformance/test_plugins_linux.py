"""Every action and source of the linux plugin through the kits, against real processes, files and a real nginx."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from tests.conformance.aimed import aimed

from recoverops.clock import SystemClock
from recoverops.model import Plan, ProbeAnswer, Resource, ResourceKind, Service, to_json
from recoverops.plugins import linux
from recoverops.ports import Action, PluginContext, PluginParts, ReversibleAction, Source
from recoverops.testing import Program, Supervisor, Undoing, check_action, check_source, free_port, running_supervisor

SECRETS = {"env:DB_PASSWORD": "open-sesame"}
OLD = time.time() - 7200


def parts(*services: Service, supervisor: Supervisor | None = None, **settings: Any) -> PluginParts:
    if supervisor is not None:
        settings["supervisor"] = {"url": supervisor.url, "timeout": "2s"}
    context = PluginContext(
        clock=SystemClock(),
        services={service.name: service for service in services},
        secret=lambda reference: SECRETS[reference],
    )
    return linux.plugin.build(linux.LinuxSettings.model_validate(settings), context)


def action(name: str, built: PluginParts) -> Action:
    return aimed(next(one for one in built.actions if one.name == name))


def source(name: str, built: PluginParts) -> Source:
    return next(one for one in built.sources if one.name == name)


@contextmanager
def frozen(supervisor: Supervisor) -> Iterator[None]:
    os.kill(supervisor.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    elsewhere = folder.with_name(f"{folder.name}-elsewhere")
    folder.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(folder)


def within(seconds: float, is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def sleeper(tmp_path: Path) -> list[str]:
    file = tmp_path / "sleeper.py"
    file.write_text("import time\ntime.sleep(600)\n")
    return [sys.executable, str(file)]


@pytest.fixture
def supervised(tmp_path: Path, sleeper: list[str]) -> Iterator[Supervisor]:
    programs = [Program(name="checkout", command=sleeper)]
    programs += [
        Program(name=f"worker_{n:02d}", group="worker", command=sleeper, autostart=n < 2, startsecs=0) for n in range(3)
    ]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        yield supervisor


def start_of(supervisor: Supervisor) -> tuple[object, ...]:
    info = supervisor.info("checkout")
    return info["statename"], info["pid"], info["start"]


def stopped(supervisor: Supervisor) -> None:
    if supervisor.info("checkout")["statename"] == "RUNNING":
        supervisor.stop("checkout")


def started(supervisor: Supervisor) -> int:
    if supervisor.info("checkout")["statename"] != "RUNNING":
        supervisor.start("checkout")
    return int(supervisor.info("checkout")["pid"])


CHECKOUT = Service(name="checkout", group="shop", address={"supervisor": "checkout"})


def test_start_service_keeps_the_contract(supervised: Supervisor) -> None:
    check_action(
        action("start-service", parts(CHECKOUT, supervisor=supervised)),
        CHECKOUT,
        break_it=lambda: stopped(supervised),
        snapshot=lambda: start_of(supervised),
        cut_off=lambda: frozen(supervised),
    )


def test_stop_service_keeps_the_contract(supervised: Supervisor) -> None:
    check_action(
        action("stop-service", parts(CHECKOUT, supervisor=supervised)),
        CHECKOUT,
        break_it=lambda: started(supervised),
        snapshot=lambda: start_of(supervised),
        cut_off=lambda: frozen(supervised),
    )


def test_end_process_keeps_the_contract_on_a_stopped_process(supervised: Supervisor) -> None:
    check_action(
        action("end-process", parts(CHECKOUT, supervisor=supervised)),
        CHECKOUT,
        break_it=lambda: os.kill(started(supervised), signal.SIGSTOP),
        snapshot=lambda: start_of(supervised),
        cut_off=lambda: frozen(supervised),
    )


@pytest.mark.parametrize("delta", ["+1", "-1"])
def test_scale_workers_keeps_the_contract(supervised: Supervisor, delta: str) -> None:
    shop = Service(name="worker", group="shop", address={"workers": "worker:worker_*"})

    def states() -> dict[str, tuple[str, int]]:
        names = [f"worker:worker_{n:02d}" for n in range(3)]
        return {name: (supervised.info(name)["statename"], supervised.info(name)["pid"]) for name in names}

    def set_running(count: int) -> None:
        for number, (name, (state, _)) in enumerate(states().items()):
            if (state == "RUNNING") != (number < count):
                (supervised.start if number < count else supervised.stop)(name)

    check_action(
        action("scale-workers", parts(shop, supervisor=supervised)),
        shop,
        {"count_delta": delta},
        break_it=lambda: set_running(2),
        snapshot=states,
        cut_off=lambda: frozen(supervised),
        undoing=Undoing(
            restored=lambda: {name: state == "RUNNING" for name, (state, _) in states().items()},
            tamper=lambda: supervised.stop("worker:worker_00"),
        ),
    )


def test_switch_release_keeps_the_contract(supervised: Supervisor, tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / "srv" / "releases" / name).mkdir(parents=True)
    link = tmp_path / "srv" / "current"
    checkout = Service(name="checkout", group="shop", address={"supervisor": "checkout", "release": str(link)})

    def switched_to(name: str) -> None:
        with suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(f"releases/{name}")
        source("release", built).poll()

    built = parts(checkout, supervisor=supervised)
    switched_to("1")

    def deployed() -> None:
        switched_to("2")
        started(supervised)

    check_action(
        action("switch-release", built),
        checkout,
        break_it=deployed,
        snapshot=lambda: (os.readlink(link), *start_of(supervised)),
        cut_off=lambda: frozen(supervised),
        undoing=Undoing(restored=lambda: os.readlink(link), tamper=lambda: switched_to("3")),
    )


LISTENER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


def is_taken(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_free_port_keeps_the_contract(tmp_path: Path) -> None:
    port, stray = free_port(), tmp_path / "stray"
    stray.mkdir()
    (tmp_path / "listener.py").write_text(LISTENER)
    command = [sys.executable, str(tmp_path / "listener.py"), str(port)]
    programs = [Program(name="checkout", command=command, startsecs=1, autostart=False)]
    address = {"supervisor": "checkout", "http": f"http://127.0.0.1:{port}/health"}
    checkout = Service(name="checkout", group="shop", address=address)
    strays: list[int] = []
    folders = {"folders": [str(stray)]}

    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:

        def taken() -> None:
            stopped(supervisor)
            if is_taken(port):
                return
            # a process of somebody else: not below this one, which counts as RecoverOps itself
            told = subprocess.run(
                ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 & echo $!', "sh", *command],
                stdout=subprocess.PIPE, cwd=stray, check=True,
            )  # fmt: skip
            strays.append(int(told.stdout))
            within(10, lambda: is_taken(port), "the stray never listened")

        def settled() -> tuple[object, ...]:
            """A program that runs listens a moment later."""
            if supervisor.info("checkout")["pid"]:
                within(10, lambda: is_taken(port), "the program never listened")
            return is_taken(port), [is_alive(pid) for pid in strays], start_of(supervisor)

        try:
            check_action(
                action("free-port", parts(checkout, supervisor=supervisor, free_port=folders)),
                checkout,
                break_it=taken,
                snapshot=settled,
                cut_off=lambda: frozen(supervisor),
            )
            built = parts(checkout, supervisor=supervisor, free_port=folders)
            _check_who_is_ended(checkout, built, taken, strays, folder=stray)
        finally:
            for pid in filter(is_alive, strays):
                os.kill(pid, signal.SIGKILL)


def _check_who_is_ended(
    checkout: Service, built: PluginParts, taken: Callable[[], None], strays: list[int], *, folder: Path
) -> None:
    """A stray that came back is the one that was approved; another program on the port is not."""
    freeing = action("free-port", built)
    taken()
    shown = freeing.plan(checkout, {})
    _ended(strays[-1])
    taken()
    again = freeing.plan(checkout, {})
    assert (again.hash, again.before["holders"] != shown.before["holders"]) == (shown.hash, True)
    _ended(strays[-1])
    port = int(shown.before["port"])
    told = subprocess.run(
        ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 & echo $!', "sh", sys.executable, "-m", "http.server", str(port),
         "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE, cwd=folder, check=True,
    )  # fmt: skip
    strays.append(int(told.stdout))
    within(10, lambda: is_taken(port), "the other stray never listened")
    assert freeing.plan(checkout, {}).hash != shown.hash


def _ended(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    within(10, lambda: not is_alive(pid), "the stray does not end")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def contents(*folders: Path) -> dict[str, tuple[bytes, int, int]]:
    files = (file for folder in folders if folder.exists() for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(f): (f.read_bytes(), f.stat().st_mtime_ns, f.stat().st_mode) for f in files}


def spare(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(3):
        file = folder / f"{number}.cache"
        file.write_bytes(b"x" * 10_000 * (number + 1))
        file.chmod(0o640)
        os.utime(file, (OLD, OLD))
    (folder / "keep.txt").write_text("not declared")


def test_free_disk_keeps_the_contract(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    spare(folder)
    checkout = Service(name="checkout", group="shop", address={"disk": str(tmp_path)})
    declared = {"service": "checkout", "folder": str(folder), "pattern": "*.cache", "older_than": "1h"}
    check_action(
        action("free-disk", parts(checkout, free_disk=[declared])),
        checkout,
        break_it=lambda: spare(folder),
        snapshot=lambda: contents(folder, folder.with_name("cache-elsewhere")) or None,
        cut_off=lambda: moved_away(folder),
    )


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A folder on another file system than the temporary one: memory."""
    folder = Path("/dev/shm") / f"recoverops-test-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_quarantine_files_keeps_the_contract(tmp_path: Path, other_disk: Path) -> None:
    folder = tmp_path / "cache"
    spare(folder)
    checkout = Service(name="checkout", group="shop", address={"disk": str(tmp_path)})
    declared = {
        "service": "checkout", "folder": str(folder), "pattern": "*.cache", "older_than": "1h",
        "quarantine": str(other_disk),
    }  # fmt: skip

    def full() -> None:
        for one in other_disk.iterdir():
            shutil.rmtree(one)
        spare(folder)

    def everything() -> object:
        return [
            list(one.values()) for one in (contents(folder, folder.with_name("cache-elsewhere")), contents(other_disk))
        ]

    check_action(
        action("quarantine-files", parts(checkout, free_disk=[declared])),
        checkout,
        break_it=full,
        snapshot=everything,
        cut_off=lambda: moved_away(folder),
        undoing=Undoing(
            restored=lambda: contents(folder),
            tamper=lambda: (folder / "1.cache").write_text("a person's new file"),
        ),
    )


@pytest.mark.parametrize("named", ["free-disk", "quarantine-files"])
def test_a_yes_to_files_is_for_those_that_were_listed_and_for_what_is_declared(
    tmp_path: Path, other_disk: Path, named: str
) -> None:
    folder = tmp_path / "cache"
    spare(folder)
    checkout = Service(name="checkout", group="shop", address={"disk": str(tmp_path)})
    declared = {"service": "checkout", "folder": str(folder), "pattern": "*.cache", "older_than": "1h"}
    away = {"quarantine": str(other_disk)} if named == "quarantine-files" else {}
    acting = action(named, parts(checkout, free_disk=[declared | away]))
    shown = acting.plan(checkout, {})
    assert shown.summary.endswith("2.cache, 1.cache, 0.cache")
    # when one more file is old enough by now
    (folder / "new.cache").write_bytes(b"new")
    os.utime(folder / "new.cache", (OLD, OLD))
    now = acting.plan(checkout, {})
    assert (now.hash, len(now.before["files"]) > len(shown.before["files"])) == (shown.hash, True)
    # then the yes holds, and that one stays
    acting.execute(now.as_approved(shown), checkout, idempotency_key="run:1")
    assert sorted(one.name for one in folder.iterdir()) == ["keep.txt", "new.cache"]
    # and it is no yes to another declaration
    other = action(named, parts(checkout, free_disk=[declared | away | {"older_than": "90m"}]))
    assert other.plan(checkout, {}).hash != shown.hash


def test_rotate_logs_keeps_the_contract(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log = folder / "checkout.log"
    checkout = Service(name="checkout", group="shop", address={"log": str(log)})

    def grown() -> None:
        time.sleep(1.05)  # the archive's name counts in seconds
        log.write_text("one line\n" * 1000)

    check_action(
        action("rotate-logs", parts(checkout)),
        checkout,
        break_it=grown,
        snapshot=lambda: list(contents(folder, folder.with_name("log-elsewhere")).values()),
        cut_off=lambda: moved_away(folder),
    )
    (first, *_) = sorted(folder.glob("*.gz"))
    assert gzip.decompress(first.read_bytes()) == b"one line\n" * 1000


def test_run_script_keeps_the_contract(tmp_path: Path) -> None:
    journal, ledger = tmp_path / "journal", tmp_path / "ledger"
    journal.mkdir()
    script = tmp_path / "repair.py"
    script.write_text(
        "import os, sys\n"
        "open(sys.argv[2], 'a').write(sys.argv[1] + '\\n')\n"
        "print('connected with', os.environ['DB_PASSWORD'], sorted(os.environ))\n"
    )
    declared = {
        "name": "clear-cache",
        "services": ["checkout"],
        "command": [sys.executable, str(script), "{level}", str(ledger)],
        "parameters": {"level": {"pattern": "[a-z]+", "meaning": "how much"}},
        "secrets": {"DB_PASSWORD": "env:DB_PASSWORD"},
    }
    checkout = Service(name="checkout", group="shop", address={"log": str(tmp_path / "x.log")})
    built = parts(checkout, scripts={"journal": str(journal), "declared": [declared]})
    check_action(
        action("run-script", built),
        checkout,
        {"script": "clear-cache", "level": "all"},
        break_it=lambda: None,
        snapshot=lambda: ledger.read_text() if ledger.exists() else "",
        cut_off=lambda: moved_away(journal),
        secrets=("open-sesame",),
    )


BACKEND = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Answer).serve_forever()
"""


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        within(10, lambda: is_taken(port), f"{command} never listened on {port}")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def shop_behind_nginx(folder: Path) -> Iterator[tuple[Path, dict[str, Any], list[int], int]]:
    """A real nginx before two real backends: the upstream's file, the settings, the backends' ports, nginx' port."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert binary is not None, "install nginx (Debian: apt-get install nginx)"
    front, backends = free_port(), [free_port(), free_port()]
    folder.mkdir()
    upstreams = folder / "upstreams.conf"
    server_lines = "".join(f"    server 127.0.0.1:{port} max_fails=0;\n" for port in backends)
    upstreams.write_text(f"upstream shop {{\n    # server 127.0.0.1:1;\n{server_lines}}}\n")
    temp = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\n  access_log off;\n{temp}  include {upstreams};\n  server {{ listen 127.0.0.1:{front};\n"
        "    location / { proxy_pass http://shop; }\n  }\n}\n"
    )
    (folder / "backend.py").write_text(BACKEND)
    settings = {
        "file": str(upstreams), "binary": binary, "config": str(folder / "nginx.conf"), "prefix": str(folder)
    }  # fmt: skip
    command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    program = [sys.executable, str(folder / "backend.py")]
    with (
        running([*program, "left", str(backends[0])], backends[0]),
        running([*program, "right", str(backends[1])], backends[1]),
        running(command, front),
    ):
        yield upstreams, settings, backends, front


def answers(front: int) -> set[str]:
    return {urllib.request.urlopen(f"http://127.0.0.1:{front}/", timeout=5).read().decode() for _ in range(6)}


def test_shift_load_keeps_the_contract_before_a_real_nginx(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, front):
        original = upstreams.read_bytes()
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = action("shift-load", parts(shop, nginx=settings))
        elsewhere = upstreams.with_name("elsewhere")

        def content() -> bytes:
            return (upstreams if upstreams.exists() else elsewhere).read_bytes()

        @contextmanager
        def hidden() -> Iterator[None]:
            upstreams.rename(elsewhere)
            try:
                yield
            finally:
                elsewhere.rename(upstreams)

        check_action(
            shift,
            shop,
            break_it=lambda: upstreams.write_bytes(original),
            snapshot=content,
            cut_off=hidden,
            undoing=Undoing(
                restored=upstreams.read_bytes,
                tamper=lambda: upstreams.write_bytes(original + b"# by hand\n"),
            ),
        )
        upstreams.write_bytes(original)
        plan = shift.plan(shop, {"direction": "away"})
        done = shift.execute(plan, shop, idempotency_key="run-1:1")
        assert done.status == "succeeded"
        assert "backend.py" in done.after["evidence.processes"]
        assert f"listens on 127.0.0.1:{backends[0]}" in done.after["evidence.sockets"]
        within(5, lambda: answers(front) == {"right"}, "nginx still asks the backend that was taken out")
        back = shift.plan(shop, {"direction": "back"})
        assert shift.execute(back, shop, idempotency_key="run-2:1").status == "succeeded"
        within(5, lambda: answers(front) == {"left", "right"}, "nginx does not ask the backend that was put back")
        assert upstreams.read_bytes() == original


KILLS_THE_ENGINE = """#!/bin/sh
case "$*" in *"-s reload") {first} kill -9 $PPID; exit 1;; esac
exec {binary} "$@"
"""
ENGINE = """
import json, sys
from recoverops.clock import SystemClock
from recoverops.model import Plan, Service, from_json
from recoverops.plugins import linux
from recoverops.ports import PluginContext
settings, call, plan, service = json.loads(sys.argv[1]), sys.argv[2], *map(str.encode, sys.argv[3:])
plan, service = from_json(Plan, plan), from_json(Service, service)
context = PluginContext(clock=SystemClock(), services={service.name: service}, secret=str)
parts = linux.plugin.build(linux.LinuxSettings.model_validate({"nginx": settings}), context)
(shift,) = [one for one in parts.actions if one.name == "shift-load"]
if call == "execute":
    shift.execute(plan, service, idempotency_key="run-1:1")
else:
    shift.undo(plan, {}, service, idempotency_key="run-1:2")
"""


def killed_at_the_reload(
    settings: dict[str, Any], folder: Path, call: str, plan: Plan, service: Service, *, is_told: bool = False
) -> None:
    """A process of its own makes the change, and dies by `kill -9` right before nginx is told, or right after."""
    deadly = folder / "deadly-nginx"
    first = f'{settings["binary"]} "$@";' if is_told else ""
    deadly.write_text(KILLS_THE_ENGINE.format(binary=settings["binary"], first=first))
    deadly.chmod(0o755)
    words = [json.dumps({**settings, "binary": str(deadly)}), call, to_json(plan), to_json(service)]
    died = subprocess.run([sys.executable, "-c", ENGINE, *words], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL


def test_a_change_that_nginx_was_not_told_of_is_half_done_and_gone_on_with(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, front):
        original = upstreams.read_bytes()
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = cast(ReversibleAction, action("shift-load", parts(shop, nginx=settings)))
        plan = shift.plan(shop, {"direction": "away"})

        killed_at_the_reload(settings, tmp_path, "execute", plan, shop)
        assert b"down" in upstreams.read_bytes()
        assert answers(front) == {"left", "right"}
        assert shift.probe(plan, shop).answer is ProbeAnswer.HALF_DONE
        done = shift.execute(plan, shop, idempotency_key="run-1:1")
        assert done.status == "succeeded"
        assert shift.probe(plan, shop).answer is ProbeAnswer.DONE
        within(5, lambda: answers(front) == {"right"}, "nginx still asks the backend that was taken out")

        killed_at_the_reload(settings, tmp_path, "undo", plan, shop)
        assert upstreams.read_bytes() == original
        assert answers(front) == {"right"}
        assert shift.probe_undo(plan, done.after, shop).answer is ProbeAnswer.HALF_DONE
        assert shift.undo(plan, done.after, shop, idempotency_key="run-1:2").status == "succeeded"
        assert shift.probe_undo(plan, done.after, shop).answer is ProbeAnswer.DONE
        within(5, lambda: answers(front) == {"left", "right"}, "nginx does not ask the backend that was put back")
        assert not list(upstreams.parent.glob(".*recoverops*"))


def test_a_change_that_nginx_may_run_with_already_is_never_said_to_be_taken_back(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, front):
        original, config = upstreams.read_bytes(), Path(settings["config"])
        good = config.read_text()
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = cast(ReversibleAction, action("shift-load", parts(shop, nginx=settings)))
        plan = shift.plan(shop, {"direction": "away"})

        killed_at_the_reload(settings, tmp_path, "execute", plan, shop, is_told=True)
        within(5, lambda: answers(front) == {"right"}, "nginx never loaded the change")
        config.write_text(good + "brok")
        done = shift.execute(plan, shop, idempotency_key="run-1:1")
        assert (done.status, b"down" in upstreams.read_bytes()) == ("unknown", True), done.statement
        assert "nginx refuses the change" in done.statement
        assert "nginx may or may not have loaded it, so it was left as it is" in done.statement
        assert shift.probe(plan, shop).answer is ProbeAnswer.HALF_DONE
        config.write_text(good)
        assert shift.execute(plan, shop, idempotency_key="run-1:1").status == "succeeded"
        assert shift.probe(plan, shop).answer is ProbeAnswer.DONE

        killed_at_the_reload(settings, tmp_path, "undo", plan, shop, is_told=True)
        within(5, lambda: answers(front) == {"left", "right"}, "nginx never loaded what was restored")
        config.write_text(good + "brok")
        undone = shift.undo(plan, {}, shop, idempotency_key="run-1:2")
        assert (undone.status, upstreams.read_bytes()) == ("unknown", original), undone.statement
        assert shift.probe_undo(plan, {}, shop).answer is ProbeAnswer.HALF_DONE
        config.write_text(good)
        assert shift.undo(plan, {}, shop, idempotency_key="run-1:2").status == "succeeded"
        assert shift.probe_undo(plan, {}, shop).answer is ProbeAnswer.DONE
        assert not list(upstreams.parent.glob(".*recoverops*"))


def test_an_undo_loads_what_somebody_put_back_without_telling_nginx(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, _):
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = cast(ReversibleAction, action("shift-load", parts(shop, nginx=settings)))
        original = upstreams.read_bytes()
        plan = shift.plan(shop, {"direction": "away"})
        done = shift.execute(plan, shop, idempotency_key="run-1:1")
        upstreams.write_bytes(original)
        undone = shift.undo(plan, done.after, shop, idempotency_key="run-1:2")
        assert (undone.status, "nginx was told to load it" in undone.statement) == ("succeeded", True)


def test_an_undo_that_is_taken_back_leaves_the_doubt_that_it_found(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, _):
        pid_file = upstreams.with_name("nginx.pid")
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = cast(ReversibleAction, action("shift-load", parts(shop, nginx=settings)))
        plan = shift.plan(shop, {"direction": "away"})
        killed_at_the_reload(settings, tmp_path, "execute", plan, shop)
        changed = upstreams.read_bytes()
        pid_file.write_text("stale")
        undone = shift.undo(plan, {}, shop, idempotency_key="run-1:2")
        assert (undone.status, upstreams.read_bytes()) == ("failed", changed), undone.statement
        assert "so the change was taken back" in undone.statement
        assert shift.probe(plan, shop).answer is ProbeAnswer.HALF_DONE


def test_a_change_that_nginx_cannot_be_told_of_is_not_left_for_the_next_reload(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, front):
        original, pid_file = upstreams.read_bytes(), upstreams.with_name("nginx.pid")
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = cast(ReversibleAction, action("shift-load", parts(shop, nginx=settings)))
        plan = shift.plan(shop, {"direction": "away"})
        within(5, lambda: pid_file.read_text().strip() != "", "nginx never wrote its pid")
        pid = pid_file.read_text()
        pid_file.write_text("stale")

        done = shift.execute(plan, shop, idempotency_key="run-1:1")

        assert (done.status, upstreams.read_bytes()) == ("failed", original)
        assert "nginx cannot be told to load it" in done.statement
        assert "the change was taken back" in done.statement
        assert shift.probe(plan, shop).answer is ProbeAnswer.NOT_DONE
        pid_file.write_text(pid)
        subprocess.run(
            [settings["binary"], "-p", settings["prefix"], "-c", settings["config"], "-s", "reload"], check=True
        )
        time.sleep(0.5)
        assert answers(front) == {"left", "right"}
        assert not list(upstreams.parent.glob(".*recoverops*"))


def test_a_reload_of_which_nobody_knows_the_end_is_left_in_the_file_and_half_done(tmp_path: Path) -> None:
    with shop_behind_nginx(tmp_path / "nginx") as (upstreams, settings, backends, _):
        slow = tmp_path / "slow-nginx"
        slow.write_text(f'#!/bin/sh\ncase "$*" in *"-s reload") exec sleep 60;; esac\nexec {settings["binary"]} "$@"\n')
        slow.chmod(0o755)
        shop = Service(name="shop-1", group="shop", address={"nginx": f"127.0.0.1:{backends[0]}"})
        shift = action("shift-load", parts(shop, nginx={**settings, "binary": str(slow)}, timeout="4s"))
        plan = shift.plan(shop, {"direction": "away"})
        done = shift.execute(plan, shop, idempotency_key="run-1:1")
        assert (done.status, b"down" in upstreams.read_bytes()) == ("unknown", True), done.statement
        assert shift.probe(plan, shop).answer is ProbeAnswer.HALF_DONE


# sources


def test_the_sources_of_processes_disks_logs_and_releases_keep_the_contract(
    supervised: Supervisor, tmp_path: Path
) -> None:
    (tmp_path / "releases" / "1").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1")
    (tmp_path / "checkout.log").write_text("old ERROR\n")
    address = {
        "supervisor": "checkout", "disk": str(tmp_path), "log": str(tmp_path / "checkout.log"),
        "release": str(tmp_path / "current"),
    }  # fmt: skip
    checkout = Service(name="checkout", group="shop", address=address)
    built = parts(checkout, supervisor=supervised, host={})
    about = {checkout.resource}
    found = {
        sample.metric
        for name in ("disk", "log-files", "release")
        for sample in check_source(source(name, built), resources=about)
    }
    assert found == {
        "disk.utilization", "release.age", "log.errors", "log.port_in_use", "log.permission_denied",
        "log.pool_exhausted", "log.dependency",
    }  # fmt: skip
    process = source("process", built)
    check_source(process, resources=about, cut_off=lambda: frozen(supervised))
    assert {sample.metric for sample in process.poll()} == {
        "process.count", "process.memory.rss", "process.stopped", "process.cpu.utilization",
    }  # fmt: skip
    here = Resource(kind=ResourceKind.HOST, name=socket.gethostname())
    host = source("host", built)
    check_source(host, resources={here})
    within(5, lambda: len(host.poll()) == 5, "the host's rates never came")
