"""The lab's policy: its files are valid, and it tells the truth about the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from recoverops.decision import DecisionSettings
from recoverops.decision.settings import RuleFile
from recoverops.lab import policy
from recoverops.lab.layout import Layout
from recoverops.model import format_duration
from recoverops.plugins.http.settings import HttpSettings
from recoverops.plugins.linux.settings import LinuxSettings
from recoverops.topology.settings import ServiceSettings

SHIPPED = Path(__file__).parents[3] / "configs"
URL = "unix:///tmp/sup.sock"


def layout(directory: Path) -> Layout:
    return Layout(directory=directory, shop_port=18080, api_port=18765)


def read(file: Path) -> Any:
    return YAML(typ="safe").load(file)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Any, Any]:
    """Configuration and rules, as written into a demo's directory."""
    policy.write_policy(layout(tmp_path), supervisor_url=URL)
    return read(tmp_path / "recoverops.yaml"), read(tmp_path / "remediation-rules.yaml")


def plugins(config: Any) -> Mapping[str, Any]:
    return {plugin["name"]: plugin.get("settings", {}) for plugin in config["plugins"]}


def actual(config: Any, rules: Any) -> dict[str, str]:
    """Every deviation's setting with the value in force under these settings."""
    decision = DecisionSettings.model_validate(config.get("decision", {}))
    linux = LinuxSettings.model_validate(plugins(config)["linux"])
    http = HttpSettings.model_validate(plugins(config)["http"])
    (rule,) = RuleFile.model_validate(rules).rules
    assert linux.supervisor is not None
    values: dict[str, object] = {
        "decision.mode": decision.mode.value,
        "decision.ask_when_critical": str(decision.ask_when_critical).lower(),
        "plugins.linux.supervisor.every": format_duration(linux.supervisor.every),
        "plugins.http.probe.every": format_duration(http.probe.every),
        "plugins.http.probe.timeout": format_duration(http.probe.timeout),
        f"rules.{rule.name}.mode": rule.mode.value,
        f"rules.{rule.name}.hold": format_duration(rule.hold),
    }
    return {name: str(value) for name, value in values.items()}


def test_each_deviation_names_the_real_default() -> None:
    out_of_the_box = {"plugins": [{"name": "linux", "settings": {"supervisor": {"url": URL}}}, {"name": "http"}]}

    defaults = actual(out_of_the_box, read(SHIPPED / "remediation-rules.yaml"))

    assert {one.setting: one.default for one in policy.DEVIATIONS} == defaults


def test_each_deviation_names_the_value_that_the_demo_runs_with(written: tuple[Any, Any]) -> None:
    assert {one.setting: one.here for one in policy.DEVIATIONS} == actual(*written)


def test_nothing_else_of_the_decision_or_of_the_rule_differs_from_the_defaults(written: tuple[Any, Any]) -> None:
    config, rules = written
    (here,) = RuleFile.model_validate(rules).rules
    (shipped,) = RuleFile.model_validate(read(SHIPPED / "remediation-rules.yaml")).rules
    decision = DecisionSettings.model_validate(config["decision"])

    assert changed(DecisionSettings(), decision) == {"mode", "ask_when_critical"}
    assert changed(shipped, here) == {"mode", "hold"}
    assert "detection" not in config
    assert "runbooks" not in config


def changed(before: BaseModel, after: BaseModel) -> set[str]:
    return {name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)}


def test_the_shop_is_in_the_inventory_with_both_of_its_addresses(written: tuple[Any, Any]) -> None:
    (service,) = (ServiceSettings.model_validate(one) for one in written[0]["services"])

    assert service.name == "checkout"
    assert service.address == {"supervisor": "checkout", "http": "http://127.0.0.1:18080/health"}


def test_no_file_that_the_engine_reads_names_a_fault(tmp_path: Path) -> None:
    policy.write_policy(layout(tmp_path), supervisor_url=URL)

    text = "".join(file.read_text() for file in tmp_path.iterdir()).replace(policy.RULE, "")

    assert "crash" not in text
