"""Child processes are ended whatever happens."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from recoverops.lab.children import end, last_lines, own_environment, running

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def wait_for_output(log: Path) -> None:
    until = time.monotonic() + 15
    while not log.read_bytes():
        if time.monotonic() > until:
            pytest.fail("the child printed nothing within 15 s")
        time.sleep(0.02)


def test_a_child_is_gone_after_its_block_even_when_the_block_fails(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match="boom"), running(command, log=tmp_path / "log") as child:
        raise RuntimeError("boom")

    assert child.returncode == -15


def test_a_child_that_does_not_listen_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running((sys.executable, "-c", DEAF), log=log) as child:
        wait_for_output(log)

        end(child, grace_s=0.2)

        assert child.returncode == -9


def test_a_child_that_has_ended_already_is_no_trouble() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(15)

    end(child)

    assert child.returncode == 0


def test_the_users_own_recoverops_settings_do_not_reach_the_demo() -> None:
    environment = {"PATH": "/bin", "RECOVEROPS_API_PORT": "1", "COOLDOWN_MINUTES": "9", "REQUIRE_APPROVAL": "true"}

    assert own_environment(environment) == {"PATH": "/bin"}


def test_nothing_of_the_callers_shell_reaches_it_but_what_describes_the_machine() -> None:
    environment = {"HOME": "/h", "LC_ALL": "C", "PYTEST_CURRENT_TEST": "test_x[crash]", "MAKEFLAGS": "FAULT=hang"}

    assert own_environment(environment) == {"HOME": "/h", "LC_ALL": "C"}


def test_a_message_quotes_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == ""
    log.write_text("one\ntwo\nthree\n")

    assert last_lines(log, count=2) == "two\nthree"
