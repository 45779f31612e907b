"""Faults are real: they are done to real processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recoverops.lab.faults import FAULTS, Target
from recoverops.model import IncidentKind, PermanentError


def test_every_fault_is_listed_under_its_own_name() -> None:
    assert [fault.name for fault in FAULTS.values()] == list(FAULTS)


def test_a_crash_kills_the_process_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    FAULTS["crash"].inject(Target(name="shop", pid=process.pid))

    assert process.wait(10) == -9
    assert FAULTS["crash"].cause_expected is IncidentKind.SERVICE_DOWN


def test_a_process_that_is_gone_cannot_crash() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(15)

    with pytest.raises(PermanentError, match=f"shop \\(process {process.pid}\\) was gone"):
        FAULTS["crash"].inject(Target(name="shop", pid=process.pid))


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_a_crash_never_kills_a_process_group_or_init(pid: int) -> None:
    with pytest.raises(PermanentError, match=f"process id {pid}"):
        FAULTS["crash"].inject(Target(name="shop", pid=pid))
