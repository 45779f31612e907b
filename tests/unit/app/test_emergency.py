"""On PostgreSQL a resume reaches the database from any host, and leaves nothing on one that has no data directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recoverops.cli.commands import application
from recoverops.cli.exits import Exit


def test_a_resume_from_a_host_without_a_data_directory_clears_the_database_and_makes_none(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_URL", postgres_url)
    for host in ("here", "there"):
        (tmp_path / f"{host}.yaml").write_text(f'data_dir: {host}\nstorage: {{url: "env:STORE_URL"}}\n')

    def run(command: str, host: str, *flags: str) -> str:
        done = CliRunner().invoke(application, [command, "--config", str(tmp_path / f"{host}.yaml"), *flags])
        assert done.exit_code == Exit.OK, done.output
        return done.stdout

    told = run("stop", "here", "--reason", "drill")
    assert told.startswith("stopped by local:")  # every engine on the database hears of it, whatever runs here
    assert str(tmp_path / "here") in told

    assert json.loads(run("resume", "there", "--json"))["cleared"]["reason"] == "drill"
    assert "there was no emergency stop" in run("resume", "there")
    assert not (tmp_path / "there").exists()
