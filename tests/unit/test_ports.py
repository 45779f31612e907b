"""Ports that tests and the lab give to servers which are started later."""

from __future__ import annotations

import socket
import subprocess
import sys

from recoverops.testing import free_port


def test_no_port_is_named_twice_and_somebody_elses_is_never_named() -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first + 1)):
        others = [free_port() for _ in range(50)]
    assert first not in others
    assert first + 1 not in others
    assert len(set(others)) == len(others)
    assert all(port < 32768 for port in others), "the kernel hands those out by itself"


def test_another_process_begins_elsewhere() -> None:
    code = "from recoverops.testing import free_port\nprint(free_port())"
    mine = free_port()
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert int(theirs) != mine
