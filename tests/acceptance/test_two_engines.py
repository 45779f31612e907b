"""Two engines on one data directory would do everything twice, so the second one does not start."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from tests.acceptance.harness import site


def test_the_second_engine_on_a_data_directory_exits_naming_the_pid(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.up()
        second = place.command("up", check=False)
        assert second.returncode == 4
        pid = int((place.data_dir / "engine.lock").read_text().strip().split()[0])
        assert re.search(rf"\b{pid}\b", second.stderr)
        assert str(place.data_dir) in second.stderr
        assert "Traceback" not in second.stderr
        assert place.is_ready()
        assert place.down() == 0


def test_an_engine_whose_port_is_taken_does_nothing_and_may_be_started_again(tmp_path: Path) -> None:
    with site(tmp_path) as place, socket.create_server(("127.0.0.1", place.port)) as other:
        # given a service that is down, a rule that acts at once, and a port that the old process still holds
        place.configure(rule={"mode": "act"}, decision={"mode": "act", "ask_when_critical": False})
        place.crash("checkout")
        # when the engine is started
        place.up(wait=False)
        # then it ends with the code after which systemd tries again, and has asked nobody anything
        assert place.ends_by_itself() == 6
        told = place.log.read_text()
        assert f"127.0.0.1:{place.port} is in use by another process" in told
        assert place.json("incidents")["incidents"] == []
        assert place.starts("checkout") == 1
        # and once the port is free, it starts and repairs
        other.close()
        place.up()
        assert place.incident_in("resolved")["reason"] == "verified"
        assert place.down() == 0
