"""Rules and runbooks: read, and checked against each other. At start by `app.load`, at a reload by `app.reload`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recoverops.app.shipped import shipped_configs
from recoverops.config import Located, Place, load_documents, problem
from recoverops.decision import REQUESTED, Rule, RuleBook, RuleCondition
from recoverops.model import MisconfiguredError
from recoverops.remediation import Runbook


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlace:
    """Where two parts of a rule stand, for checks that have to wait for the plugins."""

    when: str
    runbook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    rules: RuleBook
    runbooks: Mapping[str, Runbook]
    runbook_actions: Mapping[str, str]
    """Runbook name -> the place of its `action`, for the check that has to wait for the plugins."""
    rule_places: Mapping[str, RulePlace]


NO_BOOKS = Books(rules=RuleBook(()), runbooks={}, runbook_actions={}, rule_places={})
"""For commands that decide nothing."""


def read_books(rules: Path, runbooks: Path) -> Books:
    """Each path is a file or a directory of them. Raises one MisconfiguredError with every problem of both."""
    problems: list[str] = []
    read = _read_rules(rules, problems)
    before = len(problems)
    books = _read_runbooks(runbooks, problems)
    problems.extend(_rule_problems(read, books, knows_all=len(problems) == before))
    if problems:
        raise MisconfiguredError(*dict.fromkeys(problems))
    return Books(
        rules=RuleBook(located.value for located in read),
        runbooks={located.value.name: located.value for located in books},
        runbook_actions={located.value.name: str(located.at("action")) for located in books},
        rule_places={
            located.value.name: RulePlace(when=str(located.at("when")), runbook=str(located.at("runbook")))
            for located in read
        },
    )


def _read_rules(path: Path, problems: list[str]) -> tuple[Located[Rule], ...]:
    try:
        return load_documents(path, Rule, items="rules")
    except MisconfiguredError as error:
        problems.extend(error.problems)
        return ()


def _read_runbooks(path: Path, problems: list[str]) -> tuple[Located[Runbook], ...]:
    """The shipped runbooks, and those of the directory; one with the name of a shipped one takes its place."""
    shipped = shipped_configs() / "runbooks"
    try:
        given = load_documents(path, Runbook) if path != shipped else ()
        own = {located.value.name for located in given}
        return (*given, *(one for one in load_documents(shipped, Runbook) if one.value.name not in own))
    except MisconfiguredError as error:
        problems.extend(error.problems)
        return ()


def _rule_problems(
    rules: Iterable[Located[Rule]], books: Iterable[Located[Runbook]], *, knows_all: bool
) -> Iterable[str]:
    """What one file cannot know by itself: conditions that do not compile, names that mean nothing, or two things.

    `knows_all`: every runbook could be read, so a name that is not among them does not exist.
    """
    known = {located.value.name for located in books}
    yield from _twice("rule", [(located.place, located.value.name) for located in rules])
    yield from _twice("runbook", [(located.place, located.value.name) for located in books])
    for located in rules:
        rule = located.value
        if rule.name == REQUESTED:
            yield problem(
                located.at("name"),
                f'a rule cannot be named "{REQUESTED}": decisions carry that word when a person asked for a run',
                "give it another name",
            )
        if knows_all and rule.runbook not in known:
            yield problem(
                located.at("runbook"),
                f'rule "{rule.name}" names the runbook "{rule.runbook}", which does not exist',
                f"use one of {', '.join(sorted(known)) or 'none'}, or add its file to the directory of runbooks",
            )
        try:
            RuleCondition.compile(rule.when)
        except MisconfiguredError as error:
            yield problem(located.at("when"), f'rule "{rule.name}": {error}', "see docs/rules.md for what may be asked")


def _twice(what: str, named: Iterable[tuple[Place, str]]) -> Iterable[str]:
    seen: set[str] = set()
    for place, name in named:
        if name in seen:
            yield problem(place, f'{what} "{name}" exists twice', "give each its own name")
        seen.add(name)
