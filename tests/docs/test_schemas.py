"""The schemas for editors are made from the settings classes, and the example files name them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from scripts.schema_files import DIRECTORY, generated
from tests.docs.reading import ROOT, text_of

from recoverops.app.schemas import FileKind, schema_of
from recoverops.config.shape import fields_of
from recoverops.decision import Rule
from recoverops.model import parse_duration

LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")
EXAMPLES = sorted((ROOT / "configs").rglob("*.yaml"))


def test_the_schema_files_are_up_to_date() -> None:
    there = {file.name: file.read_text(encoding="utf-8") for file in DIRECTORY.iterdir()}
    assert there == generated(), "run: .venv/bin/python scripts/schema_files.py"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_file_names_its_schema_in_its_first_line(file: Path) -> None:
    found = LINE.fullmatch(file.read_text(encoding="utf-8").partition("\n")[0])
    assert found, "begin it with: # yaml-language-server: $schema=<relative path into configs/schema>"
    named = (file.parent / found[1]).resolve()
    kind = "runbook" if file.parent.name == "runbooks" else "rules" if "rules" in file.name else "config"
    assert named == DIRECTORY.resolve() / f"{kind}.json"
    assert named.exists()


def test_the_configurations_schema_has_every_key_that_is_read_and_no_other() -> None:
    read = re.findall(r'reader\.(?:setting|section|listed)\(\s*"([a-z_]+)"', text_of("src/recoverops/app/load.py"))
    assert set(schema_of(FileKind.CONFIG)["properties"]) == set(read)


def test_a_rule_in_the_schema_has_the_keys_of_the_class_and_no_others() -> None:
    rule = schema_of(FileKind.RULES)["$defs"]["Rule"]
    assert set(rule["properties"]) == set(fields_of(Rule))
    assert rule["additionalProperties"] is False
    assert set(rule["required"]) == {"name", "when", "runbook"}


def test_plugins_settings_are_left_open() -> None:
    assert schema_of(FileKind.CONFIG)["$defs"]["PluginEntry"]["properties"]["settings"]["additionalProperties"] is True


@pytest.mark.parametrize("kind", list(FileKind))
def test_every_default_duration_could_stand_in_the_file(kind: FileKind) -> None:
    spans = [one for one in _nodes(schema_of(kind)) if "500ms" in one.get("examples", ()) and one.get("default")]
    for one in spans:
        parse_duration(one["default"])
    assert spans
    assert '"PT' not in json.dumps(schema_of(kind))


def _nodes(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [node for one in schema for node in _nodes(one)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(node for one in schema.values() for node in _nodes(one))]
