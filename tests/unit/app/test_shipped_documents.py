"""The SSM documents that are shipped: whole, bounded in what they take, and told in the documentation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.docs.reading import DOCS
from typer.testing import CliRunner

from recoverops.app.shipped import ShippedDocument, shipped_documents
from recoverops.cli.commands import application

DOCUMENTS = shipped_documents()


def content_of(one: ShippedDocument) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(one.content)
    return found


@pytest.mark.parametrize("one", DOCUMENTS, ids=lambda one: one.name)
def test_a_document_is_of_a_known_schema_and_every_parameter_says_what_it_takes(one: ShippedDocument) -> None:
    content = content_of(one)
    assert content["schemaVersion"] == {"Command": "2.2", "Automation": "0.3"}[one.kind]
    assert content["description"] == one.summary
    assert content["mainSteps"]
    for name, about in content["parameters"].items():
        assert about["description"], name
        pattern = about["allowedPattern"]
        assert pattern.startswith("^"), name
        assert pattern.endswith("$"), name
        for evil in ("", "-x", "a'; rm -rf /", "$(id)", "a b", "a\nb", "../..", "`id`"):
            assert not re.search(pattern, evil), f"{name} takes {evil!r}"
        if "default" in about:
            assert re.search(pattern, about["default"]), name


@pytest.mark.parametrize("one", DOCUMENTS, ids=lambda one: one.name)
def test_a_document_refers_to_nothing_that_is_not_there(one: ShippedDocument) -> None:
    content = content_of(one)
    steps = [step["name"] for step in content["mainSteps"]]
    known = set(content["parameters"]) | {
        f"{step['name']}.{output['Name']}" for step in content["mainSteps"] for output in step.get("outputs", ())
    }
    assert set(re.findall(r"\{\{ (\S+) \}\}", one.content)) <= known
    for way in re.findall(r"(?:nextStep|NextStep|Default): (\w+)|onFailure: step:(\w+)", one.content):
        assert (way[0] or way[1]) in steps


def test_every_document_is_told_with_its_file() -> None:
    page = (DOCS / "aws.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(recoverops-[a-z0-9-]+)\.yaml` \|", page, flags=re.MULTILINE))
    words = {one.removeprefix("recoverops-") for one in told}
    assert {f"RecoverOps-{''.join(word.capitalize() for word in one.split('-'))}" for one in words} == {
        one.name for one in DOCUMENTS
    }


def test_a_document_is_printed_as_it_is_and_one_that_is_not_there_is_told() -> None:
    runner = CliRunner()
    printed = runner.invoke(application, ["documents", "RecoverOps-RestartService"])
    assert printed.output == next(one.content for one in DOCUMENTS if one.name == "RecoverOps-RestartService")
    listed = runner.invoke(application, ["documents"]).output
    assert [line.split()[0] for line in listed.splitlines()] == [one.name for one in DOCUMENTS]
    absent = runner.invoke(application, ["documents", "RecoverOps-Nothing"])
    assert absent.exit_code == 5
    assert 'no document "RecoverOps-Nothing" is shipped; there are: RecoverOps-' in absent.output
