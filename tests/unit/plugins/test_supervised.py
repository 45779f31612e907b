"""Stopping a program that dies and comes back by itself meanwhile; supervisord is played, to hit the moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recoverops.model import PermanentError
from recoverops.plugins.linux.answers import Attempt
from recoverops.plugins.linux.faults import Fault
from recoverops.plugins.linux.process import State
from recoverops.plugins.linux.rpc import FaultError, SupervisorClient
from recoverops.plugins.linux.supervised import Supervised
from recoverops.testing import ManualClock


class Played(SupervisorClient):
    """Answers each stop with the next of the given faults, None for success; the program dies of none of the faults."""

    def __init__(self, clock: ManualClock, *faults: int | None) -> None:
        super().__init__("unix:///played.sock", clock=clock)
        self._faults = list(faults)
        self._state, self._pid = State.RUNNING, 100

    def call(self, method: str, *arguments: str | bool, timeout_s: float) -> Any:
        if method == "stopProcess":
            fault = self._faults.pop(0)
            if fault is not None:
                self._pid += 1
                raise FaultError(fault, "played")
            self._state, self._pid = State.STOPPED, 0
            return True
        times = {"start": 5, "stop": 0, "exitstatus": 0, "spawnerr": ""}
        return {"group": "checkout", "name": "checkout", "state": int(self._state), "pid": self._pid, **times}


def stop(clock: ManualClock, *faults: int | None) -> State:
    supervised = Supervised(Played(clock, *faults), timeout=timedelta(seconds=2))
    return supervised.stop("checkout:checkout", Attempt(clock, timeout_s=5)).state


def test_a_program_that_died_and_was_started_again_before_the_stop_is_stopped_again(clock: ManualClock) -> None:
    assert stop(clock, Fault.NOT_RUNNING, Fault.NOT_RUNNING, None) is State.STOPPED


@pytest.mark.parametrize("fault", [Fault.FAILED, Fault.BAD_NAME])
def test_a_stop_that_is_refused_while_it_lives_is_told(clock: ManualClock, fault: Fault) -> None:
    with pytest.raises(PermanentError):
        stop(clock, fault, None)
