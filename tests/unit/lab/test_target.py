"""The real process id, from a real supervisord."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from recoverops.lab.faults import FAULTS
from recoverops.lab.layout import Layout
from recoverops.lab.shop import starts_in
from recoverops.lab.target import read_target
from recoverops.model import PermanentError
from recoverops.testing import Program, running_supervisor


def test_a_crashed_shop_stays_dead_until_somebody_starts_it(tmp_path: Path) -> None:
    layout = Layout.choose(tmp_path)
    command = (sys.executable, "-m", "recoverops.lab.shop", "--port", str(layout.shop_port), "--ledger")
    shop = Program(name="checkout", command=(*command, str(layout.ledger)))
    with running_supervisor(tmp_path / "sup", [shop]) as supervisor:
        supervisor.wait_for("checkout", "RUNNING")
        target = read_target(supervisor, "checkout")
        assert Path(f"/proc/{target.pid}/cmdline").read_bytes().split(b"\0")[2] == b"recoverops.lab.shop"

        FAULTS["crash"].inject(target)

        assert supervisor.wait_for("checkout", "EXITED")["exitstatus"] == -1
        with pytest.raises(PermanentError, match="checkout does not run \\(it is EXITED\\)"):
            read_target(supervisor, "checkout")
        assert starts_in(layout.ledger) == 1
        supervisor.start("checkout")
        assert read_target(supervisor, "checkout").pid != target.pid
        assert starts_in(layout.ledger) == 2
        with pytest.raises(PermanentError, match="told nothing of search"):
            read_target(supervisor, "search")
