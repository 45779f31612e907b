"""The linux plugin where supervisord, or the address of a service, is not of this host: nothing here is touched."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import xmlrpc.client
import xmlrpc.server
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recoverops.clock import SystemClock
from recoverops.model import ExecutionStatus, PermanentError, ProbeAnswer, Sample, Service
from recoverops.plugins.linux import LinuxSettings, plugin
from recoverops.plugins.linux.supervised import Supervised
from recoverops.ports import PluginContext, PluginParts
from recoverops.testing import Program, free_port, running_supervisor

NOBODY = 2**22 + 7
"""No process has this number: it is above the kernel's largest."""
LISTENER = "import socket, sys, time\ns = socket.create_server(('0.0.0.0', int(sys.argv[1])))\ntime.sleep(600)\n"
FAILS = Program(name="checkout", command=[sys.executable, "-c", "raise SystemExit(1)"])


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


def parts(url: str, service: Service, **settings: Any) -> PluginParts:
    context = PluginContext(clock=SystemClock(), services={service.name: service}, secret=str)
    return plugin.build(LinuxSettings.model_validate({"supervisor": {"url": url}, **settings}), context)


def free(url: str, service: Service, folder: Path) -> Any:
    built = parts(url, service, free_port={"folders": [str(folder)]})
    return next(one for one in built.actions if one.name == "free-port")


def checkout(port: int, host: str = "127.0.0.1") -> Service:
    return Service(
        name="checkout", group="shop", address={"supervisor": "checkout", "http": f"http://{host}:{port}/health"}
    )


@contextmanager
def stray(folder: Path) -> Iterator[tuple[int, int]]:
    """Somebody else's process that listens on every address of this host: its pid and its port."""
    port = free_port()
    folder.mkdir()
    (folder / "listener.py").write_text(LISTENER)
    command = [sys.executable, str(folder / "listener.py"), str(port)]
    told = subprocess.run(
        ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 & echo $!', "sh", *command],
        stdout=subprocess.PIPE, cwd=folder, check=True,
    )  # fmt: skip
    pid = int(told.stdout)
    try:
        within(10, lambda: is_taken(port), "the stray never listened")
        yield pid, port
    finally:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def is_taken(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def described(**changes: object) -> dict[str, object]:
    plain = {"group": "checkout", "name": "checkout", "state": 200, "pid": 0, "start": 5, "stop": 6, "exitstatus": 1}
    return {**plain, "spawnerr": "exited too quickly", **changes}


@contextmanager
def tunnel(pid: int, *answers: dict[str, object]) -> Iterator[str]:
    """A port of the loopback behind which a supervisord of another host answers; the last answer is repeated."""
    left = list(answers)

    def told() -> dict[str, object]:
        return left.pop(0) if len(left) > 1 else left[0]

    with xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, requestHandler=_Door) as server:
        server.register_function(lambda: pid, "supervisor.getPID")
        server.register_function(lambda _: told(), "supervisor.getProcessInfo")
        server.register_function(lambda: [told()], "supervisor.getAllProcessInfo")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)


class _Door(xmlrpc.server.SimpleXMLRPCRequestHandler):
    rpc_paths = ("/RPC2",)


def test_no_port_is_freed_here_for_an_address_of_another_host(tmp_path: Path) -> None:
    with stray(tmp_path / "stray") as (pid, port), running_supervisor(tmp_path / "s", [FAILS]) as supervisor:
        far = checkout(port, host="203.0.113.7")
        with pytest.raises(PermanentError, match=r'"203\.0\.113\.7" in the http address .* is no address of this host'):
            free(supervisor.url, far, tmp_path / "stray").plan(far, {})
        near = checkout(port)
        plan = free(supervisor.url, near, tmp_path / "stray").plan(near, {})
        action = free(supervisor.url, far, tmp_path / "stray")
        assert action.probe(plan, far).answer is ProbeAnswer.UNKNOWN
        assert action.execute(plan, far, idempotency_key="run-1:1").status is ExecutionStatus.FAILED
        assert is_alive(pid)


def test_no_port_is_freed_here_for_a_supervisord_behind_a_tunnel(tmp_path: Path) -> None:
    with (
        stray(tmp_path / "stray") as (pid, port),
        subprocess.Popen(["sleep", "600"]) as somebody,
        tunnel(somebody.pid, described()) as url,
        running_supervisor(tmp_path / "s", [FAILS], http_port=free_port()) as supervisor,
    ):
        try:
            service = checkout(port)
            with pytest.raises(PermanentError, match=f"process {somebody.pid} here does not listen there"):
                free(url, service, tmp_path / "stray").plan(service, {})
            plan = free(supervisor.http_url, service, tmp_path / "stray").plan(service, {})
            done = free(url, service, tmp_path / "stray").execute(plan, service, idempotency_key="run-1:1")
            assert done.status is ExecutionStatus.FAILED
            assert "nothing was done" in done.statement
            assert is_alive(pid)
        finally:
            somebody.kill()


def supervisord(folder: Path, *before: str, background: bool = False) -> subprocess.Popen[bytes]:
    """One that listens on `s.sock` in the folder and has a program that fails; started through `before`."""
    folder.mkdir()
    (folder / "s.conf").write_text(
        "[unix_http_server]\nfile=s.sock\n[supervisord]\nlogfile=s.log\npidfile=s.pid\n"
        f"nodaemon={str(not background).lower()}\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        "[program:checkout]\ncommand=/bin/false\nstartretries=0\n"
    )
    command = [*before, sys.executable, "-m", "supervisor.supervisord", "-c", "s.conf"]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def in_a_pid_namespace() -> list[str]:
    """What a command is started through; empty where no namespace may be made."""
    unshare = shutil.which("unshare", path="/usr/bin:/bin")
    apart = [unshare or "", "--pid", "--fork", "--kill-child", "--mount-proc"]
    ways = [apart, [*apart, "--user", "--map-root-user"]] if unshare else []
    tried = (way for way in ways if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0)
    return next(tried, [])


def test_no_port_is_freed_here_for_a_supervisord_in_another_container(
    tmp_path: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = in_a_pid_namespace()
    if not apart:  # then it only says what one in a container says
        monkeypatch.setattr(Supervised, "daemon_pid", lambda _: 1)
    with stray(tmp_path / "stray") as (pid, port):
        container = supervisord(short_path / "c", *apart)
        try:
            url = f"unix://{short_path}/c/s.sock"
            within(15, (short_path / "c" / "s.sock").exists, "supervisord did not start")
            service = checkout(port)
            with pytest.raises(PermanentError, match="process 1 by its own word, is not surely on this host"):
                free(url, service, tmp_path / "stray").plan(service, {})
            assert is_alive(pid)
        finally:
            container.kill()
            container.wait(10)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The kernel takes short socket paths only."""
    folder = Path(f"/tmp/ro-{os.getpid()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_a_supervisord_that_went_into_the_background_is_known_as_one_of_this_host(
    tmp_path: Path, short_path: Path
) -> None:
    with stray(tmp_path / "stray") as (_, port):
        supervisord(short_path / "b", background=True).wait(15)
        within(15, (short_path / "b" / "s.pid").exists, "supervisord did not start")
        try:
            service, url = checkout(port), f"unix://{short_path}/b/s.sock"
            assert free(url, service, tmp_path / "stray").plan(service, {}).before["port"] == str(port)
        finally:
            os.kill(int((short_path / "b" / "s.pid").read_text()), signal.SIGTERM)


def polled(url: str) -> dict[str, Sample]:
    service = Service(name="checkout", group="shop", address={"supervisor": "checkout"})
    source = next(one for one in parts(url, service).sources if one.name == "process")
    return {one.metric: one for one in source.poll()}


@pytest.mark.parametrize("state", [10, 20])
def test_a_process_that_runs_and_is_not_to_be_seen_is_not_counted_as_none(state: int) -> None:
    with tunnel(NOBODY + 1, described(state=state, pid=NOBODY)) as url:
        assert polled(url) == {}


def test_a_process_that_ended_between_the_two_looks_is_counted_as_none() -> None:
    with tunnel(NOBODY + 1, described(state=20, pid=NOBODY), described(state=100)) as url:
        assert polled(url)["process.count"].value == 0.0
