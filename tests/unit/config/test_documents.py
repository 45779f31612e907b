"""Rules and runbooks: checked like the configuration, each item with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.config import load_documents, problem
from recoverops.model import MisconfiguredError

from .settings import Strict


class Rule(Strict):
    name: str
    when: str = "true"


class Step(Strict):
    action: str


class Runbook(Strict):
    name: str
    steps: tuple[Step, ...] = ()


def problems_of(path: Path, cls: type[Strict], items: str | None = None) -> tuple[str, ...]:
    with pytest.raises(MisconfiguredError) as refused:
        load_documents(path, cls, items=items)
    return refused.value.problems


def test_every_rule_knows_its_line_and_the_lines_of_its_parts(tmp_path: Path) -> None:
    file = tmp_path / "remediation-rules.yaml"
    file.write_text("version: 1\nrules:\n- name: a\n\n- name: b\n  when: >\n    x > 1\n")
    first, second = load_documents(file, Rule, items="rules")
    assert (first.value, str(first.place)) == (Rule(name="a"), f"{file}:3")
    assert (second.value, str(second.place)) == (Rule(name="b", when="x > 1\n"), f"{file}:5")
    assert str(second.at("when")) == f"{file}:6"
    assert str(first.at("when")) == f"{file}:3"


def test_a_later_check_speaks_in_the_same_form(tmp_path: Path) -> None:
    file = tmp_path / "remediation-rules.yaml"
    file.write_text("version: 1\nrules:\n- name: a\n  when: cpu >\n")
    (rule,) = load_documents(file, Rule, items="rules")
    assert problem(rule.at("when"), 'rule "a": the condition "cpu >" ends too early', "write e.g. cpu > 0.9") == (
        f'{file}:4: rule "a": the condition "cpu >" ends too early; write e.g. cpu > 0.9'
    )


def test_a_directory_holds_one_runbook_a_file(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("name: second\nsteps:\n- action: x\n")
    (tmp_path / "a.yml").write_text("# the first\nname: first\n")
    (tmp_path / ".hidden.yaml").write_text("name: [")
    (tmp_path / "notes.txt").write_text("name: [")
    found = load_documents(tmp_path, Runbook)
    assert [(item.value.name, str(item.place)) for item in found] == [
        ("first", f"{tmp_path}/a.yml:2"),
        ("second", f"{tmp_path}/b.yaml:1"),
    ]
    assert str(found[1].at("steps", 0, "action")) == f"{tmp_path}/b.yaml:3"


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("nme: a\n")
    (tmp_path / "b.yaml").write_text("name: b\nsteps:\n- action: 5\n")
    (tmp_path / "c.yaml").write_text("name: [\n")
    assert problems_of(tmp_path, Runbook) == (
        f"{tmp_path}/a.yaml:1: name is missing, expected a text; add a line name: with a value of yours",
        f'{tmp_path}/a.yaml:1: unknown key "nme" at the top level; did you mean "name"? Known keys: name, steps',
        f'{tmp_path}/b.yaml:3: steps[0].action is 5, expected a text; write e.g. action: "5"',
        f'{tmp_path}/c.yaml:1: a quote or bracket is opened and never closed, in "name: ["; close it',
    )


WRONG_FILES: dict[str, tuple[str, str]] = {
    "no version": ("rules: []", ":1: version is missing, expected 1; add e.g. version: 1"),
    "a later version": ("version: 2\nrules: []", ":1: version is 2, expected 1; write e.g. version: 1"),
    "rules without a list": (
        "version: 1\nrules:\n  name: a\n",
        ':2: rules is a mapping, expected a list; begin each entry with "- " on a line of its own',
    ),
    "a list alone": (
        "- name: a",
        ":1 is a list, expected a mapping of keys to values; known keys: version, rules",
    ),
    "a wrong rule": (
        "version: 1\nrules:\n- name: 5\n",
        ':3: rules[0].name is 5, expected a text; write e.g. name: "5"',
    ),
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_a_wrong_file_of_rules_is_told_with_its_line(what: str, tmp_path: Path) -> None:
    text, sentence = WRONG_FILES[what]
    file = tmp_path / "remediation-rules.yaml"
    file.write_text(text)
    assert problems_of(file, Rule, "rules") == (f"{file}{sentence}",)


def test_an_empty_directory_has_no_runbooks_and_a_missing_one_is_a_problem(tmp_path: Path) -> None:
    assert load_documents(tmp_path, Runbook) == ()
    missing = tmp_path / "runbooks"
    assert problems_of(missing, Runbook) == (f"{missing}: there is no such file; create it or correct the path",)
