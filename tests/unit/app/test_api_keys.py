"""API keys behind their references: one that leads nowhere is told with its place, before anything is started."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from recoverops.app.admin_key import admin_key
from recoverops.app.api_keys import api_keys
from recoverops.app.checkup import Finding, check_up
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.vault import Vault
from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, OverloadedError

KEYS = """\
data_dir: data
api:
  keys:
    - {name: ops, role: viewer, key: "env:OPS_KEY"}
    - {name: sre, role: viewer, key: "env:NOPE_KEY"}
    - {name: dev, role: viewer, key: "env:NONE_EITHER"}
"""
ENVIRONMENT = {"OPS_KEY": "k" * 24}


def test_every_key_that_leads_nowhere_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text(KEYS)
    settings = load_settings(tmp_path / "recoverops.yaml", ENVIRONMENT)
    with pytest.raises(MisconfiguredError) as refused:
        api_keys(settings, Vault.without_plugins(ENVIRONMENT, SystemClock()))
    first, second = refused.value.problems
    assert first.startswith(
        f"{tmp_path}/recoverops.yaml:5: api.keys[1].key: secret env:NOPE_KEY: the variable is not set"
    )
    assert second.startswith(f"{tmp_path}/recoverops.yaml:6: api.keys[2].key: secret env:NONE_EITHER")


def test_the_engine_opens_no_store_and_asks_no_source_with_a_key_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text(KEYS)
    engine = RecoverOps(load_settings(tmp_path / "recoverops.yaml", ENVIRONMENT))
    with pytest.raises(MisconfiguredError, match=r"api\.keys\[1\]\.key"):
        engine.start()
    assert not (tmp_path / "data" / "recoverops.sqlite").exists()


TWO_KEYS = """\
data_dir: data
api:
  keys:
    - {name: ops, role: viewer, key: "env:OPS_KEY"}
    - {name: sre, role: viewer, key: "env:SRE_KEY"}
"""


def checked(tmp_path: Path, **environment: str) -> dict[str, Finding]:
    (tmp_path / "recoverops.yaml").write_text(TWO_KEYS)
    (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
    settings = load_settings(tmp_path / "recoverops.yaml", {**ENVIRONMENT, **environment})
    return {one.what: one for one in check_up(settings) if one.what.startswith("key ")}


def test_check_refuses_a_key_that_the_start_would_refuse(tmp_path: Path) -> None:
    found = checked(tmp_path, SRE_KEY="short")
    assert not found["key sre"].is_fine
    assert "5 characters" in found["key sre"].statement
    assert "openssl" in found["key sre"].statement


def test_check_refuses_two_keys_that_are_equal(tmp_path: Path) -> None:
    assert "have the same key" in checked(tmp_path, SRE_KEY=ENVIRONMENT["OPS_KEY"])["key sre"].statement


def test_check_refuses_an_empty_admin_key_with_the_right_way_out_and_makes_none(tmp_path: Path) -> None:
    assert checked(tmp_path, SRE_KEY="s" * 24) == {}
    file = tmp_path / "data" / "admin.key"
    assert not file.exists()
    file.touch()
    told = checked(tmp_path, SRE_KEY="s" * 24)["key admin"].statement
    assert f"{file} holds 0 characters" in told
    assert "delete the file" in told


def test_the_start_names_the_same_way_out(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("short\n")
    with pytest.raises(MisconfiguredError, match="delete the file and start: a new key is made"):
        admin_key(tmp_path)


def test_the_admin_key_is_made_once_for_its_owner_only_and_is_whole_or_not_there(tmp_path: Path) -> None:
    key = admin_key(tmp_path)
    assert admin_key(tmp_path) == key
    assert (tmp_path / "admin.key").stat().st_mode & 0o777 == 0o600

    full = tmp_path / "full"
    full.mkdir(mode=0o700)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OverloadedError, match=r"admin.key cannot be written \(File too large\)"):
            admin_key(full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(full.iterdir()) == []
