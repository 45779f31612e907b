"""The helper that tests and the lab start supervisord with: ready when handed over, surely ended."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, UnreachableError
from recoverops.plugins.linux import LinuxSettings, plugin
from recoverops.ports import PluginContext, Source
from recoverops.testing import Program, Supervisor, free_port, running_supervisor

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time" + chr(10) + "time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _said(supervisor: Supervisor, name: str) -> str:
    """Its first line; "running" says only that it has not ended yet."""
    deadline = time.monotonic() + 10
    while not supervisor.log(name).endswith("\n"):
        assert time.monotonic() < deadline, f"{name} said nothing"
        time.sleep(0.02)
    return supervisor.log(name)


def test_programs_are_settled_when_it_is_handed_over_and_gone_when_it_ends(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(600)\n")
    programs = [Program(name="a", command=[sys.executable, str(tmp_path / "sleeper.py")])]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        assert supervisor.info("a")["statename"] == "RUNNING"
        pids = [supervisor.pid, int(supervisor.info("a")["pid"])]
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


def test_a_killed_daemon_leaves_no_grandchild_behind(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_text(FAMILY)
    programs = [Program(name="family", command=[sys.executable, str(tmp_path / "family.py")])]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        parent = int(supervisor.info("family")["pid"])
        child = int(_said(supervisor, "family").split()[1])
        supervisor.kill_daemon()
        assert is_alive(parent)
        assert is_alive(child)
    assert not is_alive(parent)
    assert not is_alive(child)


def test_a_directory_with_a_long_name_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with running_supervisor(deep, []) as supervisor:
        assert len(supervisor.url) < 110
        assert supervisor.is_answering()
    assert not Path(supervisor.url.removeprefix("unix://")).parent.exists()


def test_words_environment_and_percent_signs_reach_the_program_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text("import os, sys\nprint(sys.argv[1:], os.environ['NOTE'], flush=True)\n")
    words = ["two words", "100%", "semi;colon", "it's", '"quoted"', "$HOME"]
    programs = [
        Program(
            name="echo",
            command=[sys.executable, str(tmp_path / "echo.py"), *words],
            startsecs=0,
            environment={"NOTE": 'a "b" 50%, c'},
        )
    ]
    with running_supervisor(tmp_path / "supervisor", programs) as supervisor:
        supervisor.wait_for("echo", "EXITED")
        assert supervisor.log("echo") == f'{words} a "b" 50%, c\n'


@pytest.mark.parametrize("words", [["sh", "-c", "a ;b"], ["sh", "-c", "a\nb"], ["sh", "-c", "a #b"]])
def test_a_command_that_the_configuration_cannot_carry_is_refused(tmp_path: Path, words: list[str]) -> None:
    with (
        pytest.raises(MisconfiguredError, match="put the code into a file"),
        running_supervisor(tmp_path, [Program(name="a", command=words)]),
    ):
        pytest.fail("it was handed over")


def test_a_daemon_that_does_not_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with (
            pytest.raises(UnreachableError, match=r"it said: .*already listening"),
            running_supervisor(tmp_path, [], http_port=port),
        ):
            pytest.fail("it was handed over")


def source_of(url: str, password: str) -> Source:
    settings = LinuxSettings.model_validate({"supervisor": {"url": url, "username": "ann", "password": "env:PASSWORD"}})
    context = PluginContext(clock=SystemClock(), services={}, secret=lambda _reference: password)
    return plugin.build(settings, context).sources[0]


def test_a_password_is_asked_for_on_the_socket_and_over_http(tmp_path: Path) -> None:
    with running_supervisor(tmp_path, [], credentials=("ann", "open-sesame"), http_port=free_port()) as supervisor:
        for url in (supervisor.url, supervisor.http_url):
            assert source_of(url, "open-sesame").poll() == ()
            with pytest.raises(UnreachableError, match="refused the credentials") as refusal:
                source_of(url, "open-barley").poll()
            assert "barley" not in str(refusal.value)


def test_a_stopped_daemon_is_ended_as_well(tmp_path: Path) -> None:
    with running_supervisor(tmp_path, []) as supervisor:
        os.kill(supervisor.pid, signal.SIGSTOP)
    assert not is_alive(supervisor.pid)
