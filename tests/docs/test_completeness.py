"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main
from scripts.configuration_docs import LISTS, MARKER, SECTIONS, bundled, generated
from tests.docs.reading import DOCS, ROOT, code_in, rows, section_of, text_of

from recoverops import ports
from recoverops.api import Role
from recoverops.api.keyring import RIGHTS, Right
from recoverops.api.telemetry import COUNTERS, GAUGES, Metrics
from recoverops.app.profiles import PROFILES, Profile
from recoverops.cli.commands import application
from recoverops.cli.exits import Exit
from recoverops.config.shape import fields_of
from recoverops.config.switches import SWITCHES
from recoverops.decision import GATES, Rule
from recoverops.decision.condition import VARIABLES
from recoverops.detection.metrics.settings import DEFAULT_THRESHOLDS
from recoverops.model import LEGAL_TRANSITIONS, EffectClass, GateName, IncidentKind, IncidentState, Reason
from recoverops.notifications import EVENTS
from recoverops.operations.what_to_do import ADVICE, AFTER_AN_ACTION
from recoverops.remediation import Runbook

CONFIGURATION, RULES, CLI = DOCS / "configuration.md", DOCS / "rules.md", DOCS / "cli.md"
METRICS, HTTP, ARCHITECTURE = DOCS / "metrics.md", DOCS / "http-api.md", DOCS / "architecture.md"


# settings


def test_the_generated_part_of_the_configuration_is_up_to_date() -> None:
    _, marker, below = CONFIGURATION.read_text(encoding="utf-8").partition(MARKER)
    assert marker
    assert below.strip() == generated().strip(), "run: .venv/bin/python scripts/configuration_docs.py"


def test_every_section_that_is_read_is_documented() -> None:
    read = re.findall(r'reader\.(setting|section|listed)\("([a-z_]+)"', text_of("src/recoverops/app/load.py"))
    assert {name for kind, name in read if kind == "section"} == set(SECTIONS)
    assert {name for kind, name in read if kind == "listed"} == set(LISTS)
    named = {name for row in rows(section_of(CONFIGURATION, "Top level")) for name in code_in(row[0])}
    assert named == {name for _, name in read}


def test_every_profile_is_documented_with_every_value_that_it_decides() -> None:
    told = {row[0].strip("`"): code_in(row[1]) for row in rows(section_of(CONFIGURATION, "Profiles"))}
    assert set(told) == set(Profile)
    for profile in Profile:
        decided = PROFILES[profile]["decision"]
        assert isinstance(decided, Mapping)
        assert {f"decision.{key}: {value}" for key, value in decided.items()} == told[profile]


def test_every_bundled_plugin_is_documented() -> None:
    offered = tomllib.loads(text_of("pyproject.toml"))["project"]["entry-points"]["recoverops.plugins"]
    assert {plugin.name for plugin in bundled()} == set(offered)


def _classes() -> Iterator[Any]:
    plugins = [plugin.settings for plugin in bundled()]
    yield from (*SECTIONS.values(), *LISTS.values(), *plugins, Rule, Runbook)


@pytest.mark.parametrize("cls", list(_classes()), ids=lambda cls: str(cls.__name__))
def test_every_setting_says_what_it_means(cls: Any) -> None:
    silent = [name for name, field in fields_of(cls).items() if not (field.description or "").strip()]
    assert not silent


def test_every_switch_and_every_event_is_documented() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert {switch.variable for switch in SWITCHES} == set(re.findall(r"^\| `([A-Z_]+)=", text, flags=re.MULTILINE))
    told = {name for row in rows(section_of(CONFIGURATION, "Events of notifications")) for name in code_in(row[0])}
    assert told == set(EVENTS)


# decisions


def test_every_gate_is_documented_in_its_order() -> None:
    told = [row[0].strip("`") for row in rows(section_of(RULES, "Gates")) if row[0].strip("`") in set(GateName)]
    assert told[: len(GATES)] == [name for name, _ in GATES] == list(GateName)


def test_every_reason_is_documented_with_what_to_do_about_it() -> None:
    told = rows(section_of(RULES, "Every reason, and what to do about it"))
    assert [row[0].strip("`") for row in told] == list(Reason)
    assert all(len(row) == 4 and all(row) for row in told)
    assert {Reason(row[0].strip("`")): row[3] for row in told} == ADVICE


def test_every_other_word_with_which_a_person_is_called_has_advice() -> None:
    told = rows(section_of(RULES, "Words beside the state of an incident"))
    calling = {word for row in told if "escalated" in row[1] for word in code_in(row[0])}
    assert calling == set(AFTER_AN_ACTION)


def test_every_kind_every_variable_and_every_default_threshold_is_documented() -> None:
    assert [row[0].strip("`") for row in rows(section_of(RULES, "Kinds"))] == list(IncidentKind)
    assert [row[0].strip("`") for row in rows(section_of(RULES, "Conditions"))] == list(VARIABLES)
    assert {one.metric for one in DEFAULT_THRESHOLDS} <= code_in(section_of(RULES, "Metrics"))


def test_the_life_cycle_in_the_architecture_is_the_one_of_the_model() -> None:
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", ARCHITECTURE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {(IncidentState(old), IncidentState(new)) for old, new in drawn} == LEGAL_TRANSITIONS


def test_every_class_of_effects_is_explained_to_plugin_authors() -> None:
    assert {one.name for one in EffectClass} <= code_in((DOCS / "plugins.md").read_text(encoding="utf-8"))


# commands


def _commands(command: Any, path: str = "recoverops") -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, one in below.items():
        yield from _commands(one, f"{path} {name}")


COMMANDS = dict(_commands(typer.main.get_command(application)))


def test_every_command_has_a_section_and_every_section_is_a_command() -> None:
    told = re.findall(r"^## `(.+)`$", CLI.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(told) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_section_of_a_command_has_an_example_and_every_option(name: str) -> None:
    section = section_of(CLI, f"`{name}`")
    general = CLI.read_text(encoding="utf-8").partition("\n## ")[0]
    assert f"```sh\n{name}" in section
    options = {option for one in COMMANDS[name].params for option in one.opts if option.startswith("--")}
    told = code_in(section) | code_in(general)
    missing = {option for option in options - {"--help"} if not any(code.split()[0] == option for code in told)}
    assert not missing


@pytest.mark.parametrize("name", COMMANDS)
def test_the_general_options_are_those_that_the_documentation_promises(name: str) -> None:
    options = {option for one in COMMANDS[name].params for option in one.opts}
    assert "--json" in options
    without = {f"recoverops {one}" for one in ("version", "demo", "aws-sandbox", "documents", "init", "schema")}
    assert ("--config" in options) is (name not in without)


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md"])
def test_every_exit_code_is_documented(document: str) -> None:
    told = {int(row[0]) for row in rows(section_of(ROOT / document, "Exit codes"))}
    assert told == {code.value for code in Exit}


# metrics


def _told_metrics() -> dict[str, set[str]]:
    tables = section_of(METRICS, "Counters") + "\n" + section_of(METRICS, "Gauges and timings")
    return {row[0].strip("`"): code_in(row[1]) for row in rows(tables)}


def test_every_metric_is_documented_with_its_labels() -> None:
    there = {name: set(labels) for name, (_, labels) in {**COUNTERS, **GAUGES}.items()}
    metrics = Metrics()
    metrics.observe("recoverops_poll_seconds", 0.1, source="x")
    page = metrics.page().decode()
    histograms = re.findall(r"^# TYPE (\w+) histogram$", page, flags=re.MULTILINE)
    for name in histograms:
        labels = re.findall(rf"^{name}_count{{(.*)}}", page, flags=re.MULTILINE)
        there[name] = {pair.partition("=")[0] for pair in labels[0].split(",")}
    assert _told_metrics() == there


def test_alerts_in_the_documentation_ask_for_metrics_that_exist() -> None:
    asked = set(re.findall(r"\b(?:recoverops|remediation)_\w+", section_of(METRICS, "What to alert on")))
    assert asked
    assert asked <= set(_told_metrics())


# doors and contracts


def test_every_role_is_documented_with_its_rights() -> None:
    words = {
        Right.READ: "read",
        Right.DELIVER: "deliver",
        Right.ANSWER: "answer",
        Right.STOP: "stop",
        Right.RESUME: "resume",
        Right.DEBUG: "look inside",
        Right.TRAIN: "train",
    }
    told = {row[0].strip("`"): set(row[1].split(", ")) for row in rows(section_of(HTTP, "Keys"))}
    assert told == {role.value: {words[right] for right in RIGHTS[role]} for role in Role}


def test_every_contract_is_documented() -> None:
    assert set(ports.__all__) <= code_in(section_of(ARCHITECTURE, "Contracts"))


def test_every_runtime_dependency_has_its_line_in_the_decision_record() -> None:
    listed = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    names = {match[0] for one in listed if (match := re.match(r"[\w.-]+", one))}
    record = DOCS / "adr/0003-dependencies-of-the-default-install.md"
    told = {row[0].strip("`"): row for row in rows(record.read_text(encoding="utf-8"))}
    assert set(told) == names
    assert all(len(row) == 6 and all(row) for row in told.values())


def test_the_changelog_names_the_version_of_the_package() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert f"\n## {version}\n" in text_of("CHANGELOG.md")
