"""File and environment to checked settings. Everything that is wrong is raised at once, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from recoverops.api import ApiSettings
from recoverops.app.settings import DEFAULT_PLUGINS, PluginEntry, Settings
from recoverops.app.shipped import shipped_configs
from recoverops.config import Configuration, Located, load_documents, problem, process_environment
from recoverops.decision import DecisionSettings, Rule, RuleBook, RuleCondition
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import MisconfiguredError
from recoverops.notifications import NotificationSettings
from recoverops.remediation import Runbook
from recoverops.sources import IntakeSettings
from recoverops.storage import StorageSettings
from recoverops.topology import Inventory, ServiceSettings

DATA_DIR = "recoverops-data"

__all__ = ["load_data_dir", "load_settings", "process_environment"]


def load_data_dir(path: Path | None, environment: Mapping[str, str]) -> Path:
    """Only where the data are: the emergency stop must work with a configuration that is wrong everywhere else.

    Raises MisconfiguredError when not even that can be read.
    """
    reader = Configuration.load(path, environment)
    return _data_dir(reader, reader.setting("data_dir", str, default=DATA_DIR).value)


def _data_dir(reader: Configuration, given: str) -> Path:
    return ((reader.path.parent if reader.path else Path()) / given).resolve()


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Raises one MisconfiguredError with every problem of the configuration, the rules and the runbooks."""
    reader = Configuration.load(path, environment)
    data_dir = reader.setting("data_dir", str, default=DATA_DIR)
    rules_path = reader.setting("rules", str, default="")
    runbooks_path = reader.setting("runbooks", str, default="")
    services = reader.listed("services", ServiceSettings)
    plugins = reader.listed("plugins", PluginEntry)
    api = reader.section("api", ApiSettings)
    storage = reader.section("storage", StorageSettings)
    intake = reader.section("intake", IntakeSettings)
    detection = reader.section("detection", DetectionSettings)
    incidents = reader.section("incidents", IncidentSettings)
    decision = reader.section("decision", DecisionSettings)
    notifications = reader.section("notifications", NotificationSettings)
    problems = list(_problems_of(reader))
    base = reader.path.parent if reader.path else Path()
    rules = _read(base, rules_path.value if not rules_path.problems else "", "remediation-rules.yaml", problems)
    before = len(problems)
    books = _read_runbooks(base, runbooks_path.value if not runbooks_path.problems else "", problems)
    problems.extend(_rule_problems(rules, books, knows_all=len(problems) == before))
    inventory = _inventory(reader, services.value if not services.problems else (), problems)
    if problems:
        raise MisconfiguredError(*dict.fromkeys(problems))
    return Settings(
        path=reader.path,
        data_dir=_data_dir(reader, data_dir.value),
        environment=environment,
        warnings=reader.warnings,
        plugins=plugins.value or DEFAULT_PLUGINS,
        configuration=reader,
        api=api.value,
        storage=storage.value,
        inventory=inventory,
        intake=intake.value,
        detection=detection.value,
        incidents=incidents.value,
        decision=decision.value,
        notifications=notifications.value,
        rules=RuleBook(located.value for located in rules),
        runbooks={located.value.name: located.value for located in books},
        runbook_actions={located.value.name: str(located.at("action")) for located in books},
    )


def _problems_of(reader: Configuration) -> tuple[str, ...]:
    try:
        reader.finish()
    except MisconfiguredError as error:
        return error.problems
    return ()


def _read(base: Path, given: str, shipped: str, problems: list[str]) -> tuple[Located[Rule], ...]:
    try:
        return load_documents(base / given if given else shipped_configs() / shipped, Rule, items="rules")
    except MisconfiguredError as error:
        problems.extend(error.problems)
        return ()


def _read_runbooks(base: Path, given: str, problems: list[str]) -> tuple[Located[Runbook], ...]:
    try:
        return load_documents(base / given if given else shipped_configs() / "runbooks", Runbook)
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
    yield from _twice(rules, "rule", [(located, located.value.name) for located in rules])
    yield from _twice(books, "runbook", [(located, located.value.name) for located in books])
    for located in rules:
        rule = located.value
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


def _twice(
    _: object, what: str, named: list[tuple[Located[Rule], str]] | list[tuple[Located[Runbook], str]]
) -> Iterable[str]:
    seen: set[str] = set()
    for located, name in named:
        if name in seen:
            yield problem(located.place, f'{what} "{name}" exists twice', "give each its own name")
        seen.add(name)


def _inventory(reader: Configuration, services: tuple[ServiceSettings, ...], problems: list[str]) -> Inventory:
    first: dict[str, int] = {}
    for position, service in enumerate(services):
        if service.name in first:
            before = reader.place(f"services[{first[service.name]}].name")
            what = f'service "{service.name}" is listed already at {before}'
            problems.append(
                problem(reader.place(f"services[{position}].name"), what, "keep one entry for each service")
            )
        first.setdefault(service.name, position)
    return Inventory(()) if problems else Inventory.of(services)
