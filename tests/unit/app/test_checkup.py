"""`recoverops check` on a store that cannot work, and on an address that is none. Real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from recoverops.clock import SystemClock
from recoverops.storage import StorageSettings, open_store
from recoverops.testing import free_port


def check(directory: Path, **environment: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the findings by what they are about, and all that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "recoverops", "check", "--json", "--config", str(directory / "recoverops.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.stdout, done.stderr
    findings = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    return done.returncode, findings, done.stdout + done.stderr


def laid_out(directory: Path, more: str = "") -> Path:
    (directory / "recoverops.yaml").write_text(f"data_dir: data\nservices: [{{name: checkout}}]\n{more}")
    return directory


def test_no_store_yet_is_fine_and_none_is_made(tmp_path: Path) -> None:
    code, findings, _ = check(laid_out(tmp_path))
    assert code == 0
    assert "the first start makes it" in findings["store"]["statement"]
    assert not (tmp_path / "data").exists()


def test_a_store_that_works_is_said_to(tmp_path: Path) -> None:
    open_store(StorageSettings(), data_dir=tmp_path / "data", clock=SystemClock()).close()
    code, findings, _ = check(laid_out(tmp_path))
    assert (code, findings["store"]["is_fine"]) == (0, True)
    assert "has the schema of this release" in findings["store"]["statement"]


def test_a_file_that_is_no_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "recoverops.sqlite").write_bytes(os.urandom(9000))
    code, findings, _ = check(laid_out(tmp_path))
    assert (code, findings["store"]["is_fine"]) == (1, False)
    assert "the database is damaged" in findings["store"]["statement"]


def test_a_database_that_is_not_there_is_found_and_its_password_is_not_told(tmp_path: Path) -> None:
    url = f"postgresql://u:tell-nobody@127.0.0.1:{free_port()}/none"
    code, findings, said = check(laid_out(tmp_path), RECOVEROPS_STORAGE__URL=url)
    assert (code, findings["store"]["is_fine"]) == (1, False)
    assert "PostgreSQL: the store cannot be read: the database does not answer" in findings["store"]["statement"]
    assert "tell-nobody" not in said


def test_a_host_to_listen_on_that_has_no_address_is_found(tmp_path: Path) -> None:
    code, findings, _ = check(laid_out(tmp_path, "api: {host: nowhere.invalid}\n"))
    assert (code, findings["api.host"]["is_fine"]) == (1, False)
    assert '"nowhere.invalid" has no address' in findings["api.host"]["statement"]
