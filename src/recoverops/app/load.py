"""File and environment to checked settings. Everything that is wrong is raised at once, each with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from recoverops.api import ApiSettings
from recoverops.app.books import NO_BOOKS, Books, read_books
from recoverops.app.patterns import pattern_problems
from recoverops.app.profiles import Profile, apply
from recoverops.app.settings import DEFAULT_PLUGINS, PluginEntry, Settings
from recoverops.app.shipped import shipped_configs
from recoverops.config import Configuration, Section, problem, process_environment, resolve_secret
from recoverops.decision import DecisionSettings
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import MisconfiguredError
from recoverops.notifications import NotificationSettings
from recoverops.sources import IntakeSettings
from recoverops.storage import StorageSettings
from recoverops.storage.history import HistorySettings
from recoverops.topology import Inventory, ServiceSettings

T = TypeVar("T")

DATA_DIR = "recoverops-data"

__all__ = ["DataDir", "Needs", "load_data_dir", "load_settings", "process_environment"]


class Needs(Enum):
    """What has to be right for a command to do its work; nothing else that is wrong may lock people out."""

    ALL = "all"
    """to run on it: the configuration, the rules and the runbooks"""
    SETTINGS = "settings"
    """to look, answer and close: the configuration; the rules and runbooks are not read and stay empty"""
    STORE = "store"
    """to stop and to resume: where the data and the store are; what else is wrong counts as not said, with a warning"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDir:
    path: Path
    is_configured: bool
    """A file or a variable was read; otherwise it is only the default, wherever somebody happens to be."""


def load_data_dir(path: Path | None, environment: Mapping[str, str]) -> DataDir:
    """Only where the data are: the emergency stop must work with a configuration that is wrong everywhere else.

    Raises MisconfiguredError when not even that can be read.
    """
    reader = Configuration.load(path, environment)
    said = reader.setting("data_dir", str | None, default=None).value  # type: ignore[arg-type]
    is_configured = said is not None or reader.path is not None
    return DataDir(path=_data_dir(reader, DATA_DIR if said is None else said), is_configured=is_configured)


def _data_dir(reader: Configuration, given: str) -> Path:
    return ((reader.path.parent if reader.path else Path()) / given).resolve()


def load_settings(path: Path | None, environment: Mapping[str, str], needs: Needs = Needs.ALL) -> Settings:
    """Raises one MisconfiguredError with every problem of what is needed."""
    reader = Configuration.load(path, environment)
    profile = reader.setting("profile", Profile | None, default=None)  # type: ignore[arg-type]
    filled = apply(profile.value, reader) if not profile.problems and profile.value is not None else None
    data_dir = reader.setting("data_dir", str, default=DATA_DIR)
    rules_path = reader.setting("rules", str, default="")
    runbooks_path = reader.setting("runbooks", str, default="")
    services = reader.listed("services", ServiceSettings)
    plugins = reader.listed("plugins", PluginEntry)
    api = reader.section("api", ApiSettings)
    storage = reader.section("storage", StorageSettings)
    history = reader.section("history", HistorySettings)
    intake = reader.section("intake", IntakeSettings)
    detection = reader.section("detection", DetectionSettings)
    incidents = reader.section("incidents", IncidentSettings)
    decision = reader.section("decision", DecisionSettings)
    notifications = reader.section("notifications", NotificationSettings)
    problems, address_problems = list(_problems_of(reader)), list[str]()
    stored = _with_url(reader, storage, environment, address_problems)
    problems += address_problems
    base = reader.path.parent if reader.path else Path()
    rules_at = _path(base, rules_path, "remediation-rules.yaml")
    runbooks_at = _path(base, runbooks_path, "runbooks")
    books = _read_books(rules_at, runbooks_at, problems) if needs is Needs.ALL else NO_BOOKS
    if not services.problems and not decision.problems:
        problems.extend(pattern_problems(reader, decision.value, services.value))
    inventory = _inventory(reader, services.value if not services.problems else (), problems)
    needed = (*data_dir.problems, *storage.problems, *address_problems) if needs is Needs.STORE else problems
    if needed or books is None:
        raise MisconfiguredError(*dict.fromkeys(needed))
    return Settings(
        path=reader.path,
        data_dir=_data_dir(reader, data_dir.value),
        environment=environment,
        warnings=(*reader.warnings, *dict.fromkeys(problems)),
        profile=_or(profile, None),
        from_profile=filled.taken if filled else (),
        over_profile=filled.overruled if filled else (),
        plugins=_or(plugins, ()) or DEFAULT_PLUGINS,
        configuration=reader,
        api=_or(api, ApiSettings()),
        storage=stored,
        history=_or(history, HistorySettings()),
        inventory=inventory,
        intake=_or(intake, IntakeSettings()),
        detection=_or(detection, DetectionSettings()),
        incidents=_or(incidents, IncidentSettings()),
        decision=_or(decision, DecisionSettings()),
        notifications=_or(notifications, NotificationSettings()),
        rules_path=rules_at,
        runbooks_path=runbooks_at,
        rules=books.rules,
        runbooks=books.runbooks,
        runbook_actions=books.runbook_actions,
        rule_places=books.rule_places,
    )


def _or(section: Section[T], default: T) -> T:
    """What it says; the default when it is wrong and need not be right."""
    return default if section.problems else section.value


def _path(base: Path, given: Section[str], shipped: str) -> Path:
    """Where the rules or the runbooks are: as the file says, else the shipped ones."""
    named = given.value if not given.problems else ""
    return base / named if named else shipped_configs() / shipped


def _problems_of(reader: Configuration) -> tuple[str, ...]:
    try:
        reader.finish()
    except MisconfiguredError as error:
        return error.problems
    return ()


def _read_books(rules: Path, runbooks: Path, problems: list[str]) -> Books | None:
    try:
        return read_books(rules, runbooks)
    except MisconfiguredError as error:
        problems.extend(error.problems)
        return None


def _with_url(
    reader: Configuration, storage: Section[StorageSettings], environment: Mapping[str, str], problems: list[str]
) -> StorageSettings:
    """The address of the database, which is a secret, may stand somewhere else as every secret may."""
    settings = StorageSettings() if storage.problems else storage.value
    url = settings.url.get_secret_value().strip()
    if not url.startswith(("env:", "file:")):
        return settings
    try:
        return settings.model_copy(update={"url": SecretStr(resolve_secret(url, environment))})
    except MisconfiguredError as error:
        problems.extend(f"{reader.place('storage.url')}: storage.url: {one}" for one in error.problems)
        return settings


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
    problems.extend(
        problem(
            reader.place(f"services[{position}].depends_on"),
            f'service "{service.name}" depends on "{needed}", which is not in the list',
            "add that service, or leave it out",
        )
        for position, service in enumerate(services)
        for needed in service.depends_on
        if needed not in first
    )
    return Inventory(()) if problems else Inventory.of(services)
