"""The five minutes of the README, done as written: its configuration, its commands, a real supervisord, a real crash.

Only what a reader has to replace is replaced: the socket, the health URL, the ids, and the port (by a variable).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.harness import eventually
from tests.docs.reading import ROOT, marked, text_of

from recoverops.testing import Program, Supervisor, free_port, running_supervisor

BIN = Path(sys.executable).parent


class Reader:
    """Somebody who follows the README in a directory of their own."""

    def __init__(self, directory: Path, supervisor: Supervisor, health: str) -> None:
        self.directory = directory
        self.supervisor = supervisor
        text = marked("readme: configuration").text
        assert "unix:///run/supervisor.sock" in text
        assert "http://127.0.0.1:8080/health" in text
        text = text.replace("unix:///run/supervisor.sock", supervisor.url)
        (directory / "recoverops.yaml").write_text(text.replace("http://127.0.0.1:8080/health", health))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RECOVEROPS_")},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "RECOVEROPS_API__PORT": str(free_port()),
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def follow(self, mark: str) -> str:
        """Every command of the block, each of which has to succeed; what they print."""
        said = ""
        for line in marked(mark).text.splitlines():
            command = re.sub(r"apr-[\w-]+", self._approval, re.sub(r"inc-[\w-]+", self._incident, line))
            done = self.run(command)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            said += done.stdout
        return said

    def _approval(self, _: re.Match[str]) -> str:
        (found,) = json.loads(self.run("recoverops approvals --json").stdout)["approvals"]
        return str(found["id"])

    def _incident(self, _: re.Match[str]) -> str:
        return str(self.incident()["id"])

    def incident(self) -> dict[str, str]:
        (found,) = json.loads(self.run("recoverops incidents --json").stdout)["incidents"]
        return dict(found)

    def start(self) -> subprocess.Popen[str]:
        (line,) = marked("readme: up").text.splitlines()
        return subprocess.Popen(
            ["sh", "-c", f"exec {line}"],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/health").write_text("fine")
    port = free_port()
    serve = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", "pages")
    program = Program(name="checkout", command=serve, directory=tmp_path, autorestart=False)
    with running_supervisor(tmp_path / "supervisor", [program]) as supervisor:
        yield Reader(tmp_path, supervisor, f"http://127.0.0.1:{port}/health")


def test_the_demo_of_the_readme_heals_as_it_is_written(tmp_path: Path) -> None:
    """Its shortest form; the whole one runs in tests/acceptance/test_demo.py."""
    (line,) = marked("readme: demo").text.splitlines()
    assert line.startswith(".venv/bin/recoverops demo ")
    place = Path(tempfile.mkdtemp(prefix="ro-"))  # short, because a unix socket's path is at most 107 bytes long
    try:
        done = subprocess.run(
            [str(BIN / "recoverops"), *line.split()[1:]],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(place)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        assert done.stdout.endswith("HEALED\n")
        assert list(place.iterdir()) == list(tmp_path.iterdir()) == []
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_the_first_commands_of_the_readme_are_targets_that_do_what_it_says() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "demo", "test"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "make demo\nmake test\n" in text_of("README.md")
    assert ".venv/bin/recoverops demo\n" in done.stdout
    assert '.venv/bin/pytest -m "not slow"' in done.stdout


def test_the_five_minutes_end_with_a_verified_restart(reader: Reader) -> None:
    # given the configuration, checked as it says
    eventually("the check", lambda: reader.run("recoverops check").returncode == 0)
    assert "NOT" not in reader.follow("readme: check")
    engine = reader.start()
    try:
        assert engine.stdout is not None
        assert re.match(r"RecoverOps \S+ is ready on http://127.0.0.1:\d+, mode ask, ", engine.stdout.readline())
        # when the service is killed and the question is answered
        reader.supervisor.kill_program("checkout")
        eventually("the question", lambda: json.loads(reader.run("recoverops approvals --json").stdout)["approvals"])
        assert "restart checkout" in reader.follow("readme: answer")
        # then it is restarted, verified and explained
        eventually("the end", lambda: reader.incident()["state"] == "resolved", within_s=30.0)
        assert reader.incident()["reason"] == "verified"
        told = reader.follow("readme: afterwards")
        assert "verdict recovered" in told
        assert "approved by local:" in told
        # and the emergency stop is engaged and cleared
        assert "Nothing acts" in reader.follow("readme: stop")
    finally:
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(30) == 0


def test_the_alertmanager_example_points_at_the_intake_and_the_key() -> None:
    text = marked("alertmanager").text
    assert "url: http://127.0.0.1:8765/intake/alertmanager" in text
    assert "recoverops-data/admin.key" in text
