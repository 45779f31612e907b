"""API keys that are read anew: what turns, what stays, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import ManualClock
from tests.databases import prepared

from recoverops.api.keyring import UnauthenticatedError
from recoverops.app.keys import Keys, loaded_keys
from recoverops.app.load import load_settings
from recoverops.app.vault import Vault
from recoverops.model import ComponentState, MisconfiguredError, UnreachableError
from recoverops.storage import SqlStore, StorageSettings, open_store

NAMES = ("ops", "sre")


def value(name: str, generation: int = 1) -> str:
    return f"{name}-key-of-generation-{generation:03}"


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.key").write_text(text)
    (folder / f"{name}.key").chmod(0o600)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[SqlStore]:
    with open_store(StorageSettings(), data_dir=prepared(tmp_path / "data"), clock=clock) as opened:
        yield opened


@pytest.fixture
def keys(tmp_path: Path, clock: ManualClock, store: SqlStore) -> Keys:
    lines = [f'    - {{name: {name}, role: viewer, key: "file:{tmp_path}/{name}.key"}}\n' for name in NAMES]
    (tmp_path / "recoverops.yaml").write_text("data_dir: data\napi:\n  keys:\n" + "".join(lines))
    for name in NAMES:
        write(tmp_path, name, value(name))
    return loaded_keys(load_settings(tmp_path / "recoverops.yaml", {}), Vault.without_plugins({}, clock), clock)


def whose(keys: Keys, key: str) -> str | None:
    try:
        return keys.keyring.recognise(f"Bearer {key}").name
    except UnauthenticatedError:
        return None


def audited(store: SqlStore) -> list[tuple[str, dict[str, str]]]:
    return store.read(lambda tx: [(one.event, dict(one.detail)) for one in tx.audit.entries()])


def test_a_new_value_turns_and_the_old_one_is_nobodys(keys: Keys, tmp_path: Path, store: SqlStore) -> None:
    write(tmp_path, "ops", value("ops", 2))
    keys.reload(store)
    assert (whose(keys, value("ops", 2)), whose(keys, value("ops")), whose(keys, value("sre"))) == ("ops", None, "sre")
    assert keys.status.state is ComponentState.UP
    assert audited(store) == [("keys.reloaded", {"changed": "ops"})]


def test_a_reload_that_changes_no_key_writes_nothing_down(keys: Keys, store: SqlStore) -> None:
    keys.reload(store)
    assert audited(store) == []


@pytest.mark.parametrize("text", ["", "short", value("ops")], ids=["empty", "too short", "another's"])
def test_what_is_no_key_stays_as_it_was(keys: Keys, tmp_path: Path, store: SqlStore, text: str) -> None:
    write(tmp_path, "sre", text)
    for _ in range(2):
        keys.reload(store)
    assert (whose(keys, value("ops")), whose(keys, value("sre"))) == ("ops", "sre")
    assert keys.status.state is ComponentState.DEGRADED
    ((event, detail),) = audited(store)
    assert (event, detail["kept"]) == ("keys.kept", "sre")
    assert value("ops") not in keys.status.statement + str(detail)


def test_a_value_that_went_over_to_another_key_is_only_that_ones(keys: Keys, tmp_path: Path, store: SqlStore) -> None:
    (tmp_path / "sre.key").unlink()
    write(tmp_path, "ops", value("sre"))
    keys.reload(store)
    assert whose(keys, value("sre")) == "ops"
    write(tmp_path, "sre", value("sre", 2))
    keys.reload(store)
    assert whose(keys, value("sre", 2)) == "sre"
    assert keys.status.state is ComponentState.UP


def test_a_key_is_revoked_also_while_the_store_is_away_and_status_says_what_is_not_on_record(
    keys: Keys, tmp_path: Path, clock: ManualClock
) -> None:
    gone = open_store(StorageSettings(busy_timeout_s=0.1), data_dir=prepared(tmp_path / "other"), clock=clock)
    gone.close()
    (tmp_path / "other" / "recoverops.sqlite").unlink()
    (tmp_path / "other" / "recoverops.sqlite").mkdir()
    write(tmp_path, "ops", value("ops", 2))
    keys.reload(gone)
    assert whose(keys, value("ops")) is None
    assert keys.status.state is ComponentState.DEGRADED
    assert "what changed is not in the audit log" in keys.status.statement


def test_an_engine_does_not_start_with_half_of_its_keys(keys: Keys, tmp_path: Path, clock: ManualClock) -> None:
    write(tmp_path, "sre", "short")
    with pytest.raises(MisconfiguredError, match="5 characters"):
        loaded_keys(load_settings(tmp_path / "recoverops.yaml", {}), Vault.without_plugins({}, clock), clock)


def test_an_old_answer_of_whoever_keeps_the_key_does_not_make_it_read_anew(
    tmp_path: Path, clock: ManualClock, store: SqlStore
) -> None:
    class Away:
        scheme = "box"
        is_away = False

        def secret(self, name: str) -> str:
            if self.is_away:
                raise UnreachableError("the box does not answer")
            return value("ops")

    box = Away()
    (tmp_path / "recoverops.yaml").write_text(
        'data_dir: data\napi:\n  keys:\n    - {name: ops, role: viewer, key: "env:OPS"}\n'
    )
    settings = load_settings(tmp_path / "recoverops.yaml", {})
    (one,) = settings.api.keys
    api = settings.api.model_copy(update={"keys": (one.model_copy(update={"key": "box:ops"}),)})
    vault = Vault({}, clock, offered=("box",), ask=lambda _: box)
    keys = loaded_keys(replace(settings, api=api), vault, clock)
    box.is_away = True
    vault.renew()
    keys.reload(store)
    assert keys.status.state is ComponentState.DEGRADED
    assert "ops is as it was before, because the box does not answer" in keys.status.statement
    assert [event for event, _ in audited(store)] == ["keys.kept"]
