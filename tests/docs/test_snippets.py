"""Examples in the documentation are right: they parse, they load through the real loader, their commands exist."""

from __future__ import annotations

import ast
import json
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML
from scripts.configuration_docs import bundled
from tests.docs.reading import ROOT, Snippet, snippets

from recoverops.app.load import load_settings
from recoverops.cli.commands import application
from recoverops.config import Configuration, load_documents
from recoverops.decision import Rule, RuleCondition
from recoverops.remediation import Runbook

LANGUAGES = {"yaml", "json", "toml", "python", "sh", "text", "mermaid"}
LOADERS = {"loads as: configuration", "loads as: rules", "loads as: runbook", "readme: configuration"}
NOT_OURS = {"alertmanager", "prometheus"}


def of(language: str) -> list[Any]:
    return [pytest.param(one, id=str(one)) for one in snippets() if one.language == language]


def test_every_block_says_what_it_is() -> None:
    assert not [str(one) for one in snippets() if one.language not in LANGUAGES]


def test_every_yaml_block_says_how_it_is_loaded() -> None:
    assert not [str(one) for one in snippets() if one.language == "yaml" and one.mark not in LOADERS | NOT_OURS]


@pytest.mark.parametrize("snippet", of("yaml"))
def test_every_yaml_example_loads(snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(snippet.text)
    if snippet.mark == "loads as: rules":
        for located in load_documents(file, Rule, items="rules"):
            RuleCondition.compile(located.value.when)
    elif snippet.mark == "loads as: runbook":
        load_documents(file, Runbook)
    elif snippet.mark in LOADERS:
        _load_configuration(file, snippet.text)
    else:
        assert YAML(typ="safe").load(snippet.text)


def _load_configuration(file: Path, text: str) -> None:
    """Files that it names are written with the least that they may hold; plugins' sections are checked as well."""
    given = YAML(typ="safe").load(text)
    if "rules" in given:
        (file.parent / given["rules"]).write_text("{version: 1, rules: []}")
    if "runbooks" in given:
        (file.parent / given["runbooks"]).mkdir()
    load_settings(file, {})
    reader = Configuration.load(file, {})
    known = {plugin.name: plugin for plugin in bundled()}
    for position, entry in enumerate(given.get("plugins", [])):
        if entry["name"] in known:
            section = reader.section(f"plugins[{position}].settings", known[entry["name"]].settings)
            assert not section.problems


def test_the_complete_example_loads() -> None:
    file = ROOT / "configs/recoverops.example.yaml"
    _load_configuration(file, file.read_text())


def test_the_runbook_in_the_documentation_is_the_shipped_one() -> None:
    shown = [YAML(typ="safe").load(one.text) for one in snippets() if one.mark == "loads as: runbook"]
    assert YAML(typ="safe").load(ROOT / "configs/runbooks/restart-service.yaml") in shown


@pytest.mark.parametrize("snippet", of("json"))
def test_every_json_example_parses(snippet: Snippet) -> None:
    json.loads(snippet.text)


@pytest.mark.parametrize("snippet", of("toml"))
def test_every_toml_example_parses(snippet: Snippet) -> None:
    tomllib.loads(snippet.text)


@pytest.mark.parametrize("snippet", of("python"))
def test_every_python_example_stands_in_a_file_of_the_repository(snippet: Snippet) -> None:
    ast.parse(snippet.text)
    assert any(snippet.text in file.read_text() for file in (ROOT / "examples").rglob("*.py"))


def _commands() -> Iterator[Any]:
    for snippet in snippets():
        if snippet.language != "sh":
            continue
        for line in snippet.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "recoverops":
                yield pytest.param(tuple(words[1:]), id=f"{snippet}: {line.strip()[:60]}")


@pytest.mark.parametrize("words", list(_commands()))
def test_every_recoverops_command_in_an_example_is_understood(words: tuple[str, ...]) -> None:
    command: Any = typer.main.get_command(application)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"there is no command {' '.join(words)}"
        command = command.commands[rest.pop(0)]
    command.make_context("recoverops", rest)


def _targets() -> Iterator[Any]:
    for snippet in snippets():
        if snippet.language == "sh":
            for line in snippet.text.splitlines():
                words = shlex.split(line.replace("\\", ""), comments=True)
                if words[:1] == ["make"]:
                    yield pytest.param(words[1], id=f"{snippet}: {line.strip()}")


@pytest.mark.parametrize("target", list(_targets()))
def test_every_make_target_in_an_example_exists(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()
