"""Two engines on one data directory would do everything twice, so the second one does not start."""

from __future__ import annotations

import re
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
