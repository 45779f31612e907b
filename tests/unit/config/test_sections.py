"""What rooms get when the file is right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import Field

from recoverops.config import Configuration
from recoverops.model import MisconfiguredError

from .settings import Api, Check, Decision, Everything, Mode, Service, Strict


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recoverops.yaml"


def test_without_file_and_variables_every_section_has_its_defaults() -> None:
    everything = Everything(Configuration.load(None, {}))
    assert everything.decision.value == Decision()
    assert everything.api.value == Api()
    assert everything.services.value == ()
    assert everything.data_dir.value == Path("recoverops-data")
    assert everything.configuration.path is None


def test_a_full_file_is_read_into_the_rooms_own_classes(file: Path) -> None:
    file.write_text(
        "decision:\n  cooldown: 10 min\n  mode: act\n  max_share: 1\n  protected: [nginx, 'no']\n"
        "services:\n- name: checkout\n  address: {supervisor: 'shop:checkout'}\n"
        "  checks:\n  - {kind: http, url: http://127.0.0.1/health}\n"
        "data_dir: /var/lib/recoverops\n"
    )
    everything = Everything(Configuration.load(file, {}))
    assert everything.decision.value == Decision(
        cooldown=timedelta(minutes=10), mode=Mode.ACT, max_share=1.0, protected=("nginx", "no")
    )
    assert everything.services.value == (
        Service(
            name="checkout",
            address={"supervisor": "shop:checkout"},
            checks=(Check(kind="http", url="http://127.0.0.1/health"),),
        ),
    )
    assert everything.data_dir.value == Path("/var/lib/recoverops")


def test_sections_without_content_mean_their_defaults(file: Path) -> None:
    file.write_text("decision:\napi:\nservices:\ndata_dir:\n")
    everything = Everything(Configuration.load(file, {}))
    assert (everything.decision.value, everything.services.value) == (Decision(), ())


def test_an_alias_repeats_a_value(file: Path) -> None:
    file.write_text("services:\n- &one {name: a, version: '2'}\n- *one\n")
    first, second = Everything(Configuration.load(file, {})).services.value
    assert first == second == Service(name="a", version="2")


def test_numbers_are_read_by_yaml_1_2(file: Path) -> None:
    file.write_text("api: {port: 010}\ndecision: {max_actions_per_hour: 0x1F}\n")
    everything = Everything(Configuration.load(file, {}))
    assert everything.api.value.port == 10
    assert everything.decision.value.max_actions_per_hour == 31


def test_recoverops_config_names_the_file_unless_the_caller_does(file: Path, tmp_path: Path) -> None:
    file.write_text("data_dir: named\n")
    other = tmp_path / "other.yaml"
    other.write_text("data_dir: given\n")
    environment = {"RECOVEROPS_CONFIG": str(file)}
    assert Everything(Configuration.load(None, environment)).data_dir.value == Path("named")
    assert Everything(Configuration.load(other, environment)).data_dir.value == Path("given")


def test_a_broken_section_has_no_value_but_its_problems(file: Path) -> None:
    file.write_text("api: {port: x}\ndecision: {max_actions_per_hour: 3}\n")
    configuration = Configuration.load(file, {})
    api, decision = configuration.section("api", Api), configuration.section("decision", Decision)
    assert decision.value.max_actions_per_hour == 3
    assert api.problems == (
        f'{file}:1: api.port is "x", expected a whole number from 1 to 65535; write e.g. port: 8080',
    )
    with pytest.raises(MisconfiguredError):
        _ = api.value


def test_the_settings_of_a_plugin_are_checked_inside_the_list_of_plugins(file: Path) -> None:
    class Entry(Strict):
        name: str
        settings: dict[str, object] = Field(default_factory=dict)

    class Slack(Strict):
        channel: str

    file.write_text("plugins:\n- name: console\n- name: slack\n  settings:\n    chanel: ops\n")
    configuration = Configuration.load(file, {})
    assert [entry.name for entry in configuration.listed("plugins", Entry).value] == ["console", "slack"]
    assert configuration.section("plugins[1].settings", Slack).problems == (
        f"{file}:4: plugins[1].settings.channel is missing, expected a text; add a line channel: with a value of yours",
        f'{file}:5: unknown key "chanel" in plugins[1].settings; did you mean "channel"? Known keys: channel',
    )


def test_keys_beside_a_nested_section_are_unknown(file: Path) -> None:
    file.write_text("plugins:\n  slack: {port: 1}\n  slak: {port: 1}\n")
    configuration = Configuration.load(file, {})
    configuration.section("plugins.slack", Api)
    with pytest.raises(MisconfiguredError) as refused:
        configuration.finish()
    assert str(refused.value) == (f'{file}:3: unknown key "slak" in plugins; did you mean "slack"? Known keys: slack')


def test_the_place_of_a_value_is_known_for_later_checks(file: Path) -> None:
    file.write_text("services:\n- name: a\n- name: b\n  version: '2'\n")
    configuration = Configuration.load(file, {})
    assert str(configuration.place("services[1].version")) == f"{file}:4"
    assert str(configuration.place("services[1].address")) == f"{file}:3"
    assert str(configuration.place("decision.mode")) == f"{file}:1"
