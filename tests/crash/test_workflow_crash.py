"""Twenty responses at once survive `kill -9`: a real process, a real store, a ledger of what really happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Database
from tests.crash.workflow_child import SERVICES, incidents

from recoverops.clock import SystemClock
from recoverops.model import IncidentState, RunState
from recoverops.storage import open_store
from recoverops.testing import ledger_lines

CHILD = Path(__file__).with_name("workflow_child.py")
LIMIT_S = 90


def live(folder: Path, moment: str, database: Database) -> int:
    environment = {**os.environ, "STORE_URL": database.settings.url.get_secret_value()}
    with subprocess.Popen([sys.executable, str(CHILD), str(folder), moment], env=environment) as child:
        try:
            return child.wait(LIMIT_S)
        finally:
            child.kill()


def effects(folder: Path) -> dict[str, int]:
    return {name: len(ledger_lines(folder / name)) for name in SERVICES}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_with_twenty_responses_under_way_each_effect_happens_once(
    tmp_path: Path, moment: str, database: Database
) -> None:
    assert live(tmp_path, moment, database) == -signal.SIGKILL
    at_the_kill = effects(tmp_path)
    assert live(tmp_path, moment, database) == 0

    # it died in the middle: something was done, and something was left to do
    assert 0 < sum(at_the_kill.values()) < len(SERVICES)
    assert effects(tmp_path) == dict.fromkeys(SERVICES, 1)
    with open_store(database.settings, data_dir=database.data_dir, clock=SystemClock()) as store:
        found = incidents(store)
        runs = store.read(lambda tx: [run for incident in found for run in tx.runs.of_incident(incident.id)])
        assert store.read(lambda tx: tx.audit.verify()).broken_at is None
    assert len(found) == len(SERVICES)
    assert {one.state for one in found} == {IncidentState.RESOLVED}
    # what had not begun is abandoned and decided anew: nothing was measured yet when the second life began
    states = [one.state for one in runs]
    assert states.count(RunState.SUCCEEDED) == len(SERVICES)
    assert set(states) <= {RunState.SUCCEEDED, RunState.ABANDONED}

    # and a third life finds nothing left to do
    assert live(tmp_path, moment, database) == 0
    assert effects(tmp_path) == dict.fromkeys(SERVICES, 1)
