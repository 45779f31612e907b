"""Keys of addresses: what the bundled plugins read, and what a plugin that does not say which it reads changes."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from recoverops.app.addresses import BUNDLED, address_doubts, address_problems
from recoverops.app.load import load_settings
from recoverops.app.loaded import Loaded
from recoverops.app.plugins import load_plugins
from recoverops.app.settings import Settings
from recoverops.clock import SystemClock


def settings_with(directory: Path, address: str, plugins: str = "") -> Settings:
    file = directory / "recoverops.yaml"
    file.write_text(f"services:\n  - name: checkout\n    address: {{{address}: somewhere}}\n{plugins}")
    return load_settings(file, {})


def loaded_with(settings: Settings, **addresses: tuple[str, ...] | None) -> Loaded:
    loaded = load_plugins(settings, SystemClock())
    loaded.addresses |= addresses
    return loaded


def test_every_address_of_a_bundled_plugin_is_known_without_importing_it() -> None:
    said: dict[str, tuple[str, ...] | None] = {
        point.name: point.load().addresses
        for point in entry_points(group="recoverops.plugins")
        if point.name in {*BUNDLED.values(), "console", "slack"}
    }
    assert {key: plugin for plugin, keys in said.items() for key in keys or ()} == BUNDLED
    assert None not in said.values()


def test_the_plugins_read_the_addresses_that_they_say() -> None:
    folder = Path(__file__).parents[3] / "src/recoverops/plugins"
    found: dict[str, str] = {}
    for file in folder.rglob("*.py"):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition(" = ")
            if equals and (name == "ADDRESS" or name.endswith("_ADDRESS")) and value.startswith('"'):
                found[value.strip('"')] = file.relative_to(folder).parts[0]
    assert found == BUNDLED


def test_an_address_that_nobody_reads_is_wrong(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "htpp")
    (told,) = address_problems(settings, loaded_with(settings))
    assert 'recoverops.yaml:3: service "checkout" has the address "htpp", which no loaded plugin reads' in told
    assert '(did you mean "http"?); read are: http, metrics' in told


def test_a_plugin_from_outside_may_read_an_address_of_its_own(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "endpoint")
    loaded = loaded_with(settings, outside=("endpoint",))
    assert [*address_problems(settings, loaded), *address_doubts(settings, loaded)] == []


@pytest.mark.parametrize("key", ["endpoint", "htpp"])
def test_with_a_plugin_that_does_not_say_what_it_reads_it_is_only_doubted(tmp_path: Path, key: str) -> None:
    settings = settings_with(tmp_path, key)
    loaded = loaded_with(settings, outside=None)
    assert list(address_problems(settings, loaded)) == []
    (told,) = address_doubts(settings, loaded)
    assert f'"{key}"' in told
    assert "outside may read it" in told
