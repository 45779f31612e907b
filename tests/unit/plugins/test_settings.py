"""The settings of every bundled plugin: frozen, strict about keys, and explained."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from recoverops.ports import PLUGIN_API, Plugin

GROUP = "recoverops.plugins"
PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED: dict[str, str] = PROJECT["entry-points"][GROUP]
NAMES = ("aws", "console", "http", "linux", "prometheus", "slack")


def load(name: str) -> Plugin[Any]:
    """As the entry point's line in pyproject.toml says, whatever happens to be installed."""
    plugin = EntryPoint(name=name, value=DECLARED[name], group=GROUP).load()
    assert isinstance(plugin, Plugin)
    return plugin


def models_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        annotation: Any = field.annotation
        for part in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models_of(part)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_plugin_comes_through_the_entry_point_group_under_its_own_name(name: str) -> None:
    plugin = load(name)
    assert (plugin.name, plugin.api) == (name, PLUGIN_API)
    assert plugin.summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_explained_frozen_and_its_neighbours_refused(name: str) -> None:
    for model in models_of(load(name).settings):
        assert model.model_config.get("frozen") is True, model
        assert model.model_config.get("extra") == "forbid", model
        for field_name, field in model.model_fields.items():
            assert len(field.description or "") > 40, f"{model.__name__}.{field_name} is not explained"
            assert "default" in (field.description or "").lower(), f"{model.__name__}.{field_name}: why this default?"


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no_such_setting"):
        load(name).settings.model_validate({"no_such_setting": 1})


@pytest.mark.parametrize(
    ("supervisor", "complaint"),
    [
        ({"url": "https://127.0.0.1:9001"}, "neither like unix"),
        ({"url": "unix://run/supervisor.sock"}, "neither like unix"),
        ({"url": "unix:///" + "x" * 120}, "at most 107 bytes"),
        ({"url": "http://u:p@127.0.0.1:9001"}, "do not belong into the URL"),
        ({"url": "unix:///run/s.sock", "username": "u"}, "go together"),
        ({"url": "unix:///run/s.sock", "timeout": "10s"}, "less than or equal"),
        ({"url": "unix:///run/s.sock", "every": 1}, "say the unit"),
    ],
)
def test_a_wrong_supervisor_setting_is_refused_with_the_way_out(supervisor: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        load("linux").settings.model_validate({"supervisor": supervisor})


@pytest.mark.parametrize("expected", [["500"], ["200-599"], ["299-200"], ["2xx"], []])
def test_a_status_that_cannot_mean_success_is_refused(expected: list[str]) -> None:
    with pytest.raises(ValidationError):
        load("http").settings.model_validate({"probe": {"expected_status": expected}})


FILES = {"service": "checkout", "folder": "/srv/cache", "pattern": "*.cache", "older_than": "1h"}
SCRIPT = {"name": "repair", "services": ["checkout"], "command": ["/opt/repair", "{level}"]}
LEVEL = {"level": {"pattern": "[a-z]+", "meaning": "how much"}}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"free_disk": [{**FILES, "folder": "cache"}]}, "not an absolute path"),
        ({"free_disk": [{**FILES, "folder": "/srv/../etc"}]}, "not an absolute path"),
        ({"free_disk": [{**FILES, "folder": "/"}]}, "not an absolute path"),
        ({"free_disk": [{**FILES, "pattern": "a/*"}]}, "pattern"),
        ({"free_disk": [{key: value for key, value in FILES.items() if key != "older_than"}]}, "older_than"),
        ({"free_disk": [{**FILES, "quarantine": "/mnt/q", "are_logs": True}]}, "exclude each other"),
        ({"workers": {"fewest": 5, "most": 2}}, "other way round"),
        ({"release": {"folder": "../../etc"}}, "leads upwards"),
        ({"rotate_logs": [{"service": "checkout", "signal": "KILL"}]}, "HUP"),
        ({"scripts": {"journal": "/var/lib/j", "declared": []}}, "at least 1"),
        ({"scripts": {"journal": "/var/lib/j", "declared": [SCRIPT]}}, "level stands in only one"),
        ({"scripts": {"journal": "/var/lib/j", "declared": [{**SCRIPT, "command": ["repair"]}]}}, "absolute path"),
        (
            {
                "scripts": {
                    "journal": "/j",
                    "declared": [{**SCRIPT, "parameters": {"level": {**LEVEL["level"], "pattern": ".*"}}}],
                }
            },
            "matches the empty text",
        ),
        ({"scripts": {"journal": "/j", "declared": [{**SCRIPT, "parameters": LEVEL}] * 2}}, "declared twice"),
        ({"nginx": {"file": "upstreams.conf"}}, "not an absolute path"),
    ],
)
def test_a_wrong_linux_setting_is_refused_with_the_way_out(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        load("linux").settings.model_validate(settings)
