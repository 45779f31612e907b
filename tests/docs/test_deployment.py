"""The systemd unit is one that systemd accepts, and does what the guide to deployment says of it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.docs.reading import DOCS, ROOT, Snippet, code_in, snippets

from recoverops.cli.exits import Exit
from recoverops.clock import SystemClock
from recoverops.ports import Tx
from recoverops.storage import StorageSettings, open_store

UNIT = ROOT / "deploy/systemd/recoverops.service"
GUIDE = DOCS / "deployment.md"
PROGRAM = "/opt/recoverops/bin/recoverops"
"""Where the guide installs it; where the tests run it is somewhere else."""
HIDES_WHAT_IT_WATCHES = {"PrivateTmp", "ProtectProc", "ProcSubset", "PrivateUsers", "PrivateNetwork"}


def _lines() -> Iterator[tuple[str, str]]:
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            yield name, value


def _verified(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """What systemd says to it, when the program is where this environment has it."""
    if shutil.which("systemd-analyze") is None:
        pytest.fail("systemd-analyze is missing, and the unit is judged by it; on Debian: apt-get install systemd")
    file = directory / "recoverops.service"
    file.write_text(text.replace(PROGRAM, str(Path(sys.executable).parent / "recoverops")), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_accepts_the_unit_without_a_word_about_it(tmp_path: Path) -> None:
    said = _verified(UNIT.read_text(encoding="utf-8"), tmp_path)
    about_ours = [line for line in said.stderr.splitlines() if "recoverops" in line]
    assert not about_ours
    assert said.returncode == 0, said.stderr


def test_systemd_would_have_said_something_about_an_unknown_line(tmp_path: Path) -> None:
    wrong = UNIT.read_text(encoding="utf-8").replace("ExecReload=", "ExecRelaod=")
    assert "ExecRelaod" in _verified(wrong, tmp_path).stderr


def test_the_service_runs_without_rights_and_is_reloaded_by_a_hangup() -> None:
    unit = dict(_lines())
    assert unit["User"] not in {"root", "0"}
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["ExecReload"].split()[1:] == ["-HUP", "$MAINPID"]


def test_nothing_hides_sockets_or_processes_from_it() -> None:
    unit = dict(_lines())
    assert not HIDES_WHAT_IT_WATCHES & set(unit)
    assert "AF_UNIX" in unit["RestrictAddressFamilies"].split()


def test_only_what_time_can_heal_is_tried_again() -> None:
    unit = dict(_lines())
    assert unit["Restart"] == "on-failure"
    given_up = {Exit(int(code)) for code in unit["RestartPreventExitStatus"].split()}
    assert given_up == {Exit.USAGE, Exit.MISCONFIGURED}


def test_the_copy_of_the_store_can_be_made_again_and_again_and_a_failed_one_leaves_the_one_before(
    tmp_path: Path,
) -> None:
    (backup,) = [one.text for one in snippets() if one.document == GUIDE and "VACUUM INTO" in one.text]
    script = backup.replace("sudo -u recoverops ", "").replace("/var/lib/recoverops", str(tmp_path))
    copy = tmp_path / "backup.sqlite"

    def copied() -> int:
        subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True)
        with closing(sqlite3.connect(copy)) as database:
            return int(database.execute("SELECT count(*) FROM audit_entry").fetchone()[0])

    with open_store(StorageSettings(), data_dir=tmp_path, clock=SystemClock()) as store:
        for number in (1, 2, 3):
            store.write(_acted)
            assert copied() == number
    kept = copy.read_bytes()
    (tmp_path / "recoverops.sqlite").write_bytes(b"no database at all, " * 1000)
    with pytest.raises(subprocess.CalledProcessError):
        copied()
    assert copy.read_bytes() == kept


def _acted(tx: Tx) -> None:
    tx.audit.append(at=SystemClock().now(), actor="recoverops", event="acted", subject="run-1", detail={})


def test_the_data_directory_in_the_guide_is_the_one_that_systemd_makes_private() -> None:
    unit = dict(_lines())
    named = {YAML(typ="safe").load(one.text).get("data_dir") for one in _configurations_of_the_guide()}
    assert named - {None} == {f"/var/lib/{unit['StateDirectory']}"} == {unit["WorkingDirectory"]}
    assert unit["StateDirectoryMode"] == "0700"


def _configurations_of_the_guide() -> list[Snippet]:
    return [one for one in snippets() if one.document == GUIDE and one.mark == "loads as: configuration"]


def test_the_guide_names_the_places_that_the_unit_names() -> None:
    unit = dict(_lines())
    guide = GUIDE.read_text(encoding="utf-8")
    program, _, _, configuration = unit["ExecStart"].split()
    assert program == PROGRAM
    for place in (program, configuration, unit["WorkingDirectory"], unit["EnvironmentFile"].lstrip("-")):
        assert place in guide
    assert {"ReadWritePaths=", "AmbientCapabilities="} <= code_in(guide)
