"""API keys behind their references: one that leads nowhere is told with its place, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.app.api_keys import api_keys
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.vault import Vault
from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError

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
