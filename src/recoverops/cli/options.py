"""Options that several commands share, and who is asking."""

from __future__ import annotations

import json
import os
import pwd
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from recoverops.app.load import DataDir, Needs, load_data_dir, load_settings, process_environment
from recoverops.app.settings import Settings
from recoverops.cli.text import cleaned
from recoverops.model import PermanentError, Resource, parse_duration, printable

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file. Default: RECOVEROPS_CONFIG, else recoverops.yaml here if there is one.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text for people.")]

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")
DEFAULT_FILE = Path("recoverops.yaml")


def _file(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    if config is None and "RECOVEROPS_CONFIG" not in environment and DEFAULT_FILE.exists():
        return DEFAULT_FILE
    return config


def parsed_duration(text: str) -> timedelta:
    """For the `parser` of an option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def parsed_resource(text: str) -> Resource:
    """For the `parser` of an option."""
    try:
        return Resource.parse(cleaned(text))
    except PermanentError as error:
        raise typer.BadParameter(str(error)) from error


def data_dir_of(config: Path | None) -> DataDir:
    environment = process_environment()
    return load_data_dir(_file(config, environment), environment)


def settings_of(config: Path | None, needs: Needs = Needs.SETTINGS) -> Settings:
    environment = process_environment()
    settings = load_settings(_file(config, environment), environment, needs)
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return settings


def local_actor() -> str:
    """The operating system's user: whoever can read the data directory may use the local commands.

    As the kernel has it. LOGNAME and USER are what a person says: one who asked could approve under another name.
    """
    return f"local:{user_of(os.geteuid())}"


def user_of(uid: int) -> str:
    """A user without a name, as in many containers, has a number."""
    try:
        return cleaned(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"uid-{uid}"


def print_json(content: Any) -> None:
    """One JSON object. JSON itself escapes only some of what steers a terminal."""
    text = json.dumps(msgspec.to_builtins(content), indent=2, ensure_ascii=False)
    print(_UNPRINTABLE.sub(lambda one: one[0] if one[0].isprintable() else json.dumps(one[0])[1:-1], text))


def print_line(text: str) -> None:
    """For people. What stands in it may be others' words: it cannot steer the terminal or fake a second line."""
    print(printable(text))
