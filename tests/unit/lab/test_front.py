"""The shop's nginx: its files are good, the linux plugin finds its way in them, and nobody needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recoverops.lab import front
from recoverops.lab.layout import BACKENDS, NGINX, SECOND, SERVICES, Layout
from recoverops.plugins.linux.upstream import servers, shifted


def with_nginx(directory: Path) -> Layout:
    return Layout.choose(directory, has_nginx=True)


def test_the_plugin_finds_each_backend_and_can_take_out_one(tmp_path: Path) -> None:
    layout = with_nginx(tmp_path)
    text = front.upstream(layout)

    assert [one.address for one in servers(text)] == [layout.backend(one) for one in BACKENDS]
    away = shifted(text, layout.backend(SECOND), away=True, file="upstream.conf")
    assert [one.is_down for one in servers(away)] == [False, True]
    assert front._DOWN.sub("", away) == text


def test_nginx_accepts_its_files_and_writes_into_its_own_folder_alone(tmp_path: Path) -> None:
    if front.program() is None:
        pytest.fail("nginx is not installed; make setup-all installs it")
    layout = with_nginx(tmp_path)
    front.write_files(layout)

    told = subprocess.run(front.command(layout, "-t"), capture_output=True, text=True, timeout=15, check=False)

    assert told.returncode == 0, told.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["nginx"]


def test_without_nginx_the_customers_go_to_the_one_gateway(tmp_path: Path) -> None:
    layout = Layout.choose(tmp_path)

    assert not layout.has_nginx
    assert layout.services == SERVICES
    assert layout.shop_url == layout.url("gateway")


def test_behind_nginx_there_are_two_gateways_and_it_needs_both(tmp_path: Path) -> None:
    layout = with_nginx(tmp_path)

    assert layout.services == (*SERVICES, SECOND)
    assert layout.needs_of(NGINX) == BACKENDS
    assert layout.needs_of(SECOND) == layout.needs_of("gateway")
    assert Layout.from_arguments(*layout.to_arguments()) == layout


def test_an_nginx_that_is_too_old_or_says_nothing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nginx"
    monkeypatch.setattr(front, "PLACES", str(tmp_path))
    assert front.program() is None
    for told, is_good in (("nginx version: nginx/1.14.2", False), ("", False), ("nginx version: nginx/1.15.1", True)):
        program.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
        program.chmod(0o755)
        assert (front.program() == str(program)) is is_good


@pytest.mark.parametrize("is_ours", [True, False])
def test_an_nginx_that_outlived_its_supervisor_is_ended_and_a_stranger_is_not(tmp_path: Path, is_ours: bool) -> None:
    layout = with_nginx(tmp_path)
    layout.nginx.mkdir()
    code = "import time; print('up', flush=True); time.sleep(60)"
    words = (sys.executable, "-c", code, str(layout.nginx) if is_ours else "x")
    process = subprocess.Popen(words, process_group=0, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()  # before that the kernel may not tell its command line yet
        with front.nothing_left(layout):
            layout.nginx_pid.write_text(f"{process.pid}\n")
        assert (process.poll() if not is_ours else process.wait(10)) == (-signal.SIGKILL if is_ours else None)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
