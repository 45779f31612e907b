"""Options that several commands share, and who is asking."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from recoverops.app import Settings, load_settings, process_environment

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

DEFAULT_FILE = Path("recoverops.yaml")


def settings_of(config: Path | None) -> Settings:
    environment = process_environment()
    if config is None and "RECOVEROPS_CONFIG" not in environment and DEFAULT_FILE.exists():
        config = DEFAULT_FILE
    settings = load_settings(config, environment)
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return settings


def local_actor() -> str:
    """The operating system's user: whoever can read the data directory may use the local commands."""
    return f"local:{getpass.getuser()}"


def print_json(content: Any) -> None:
    print(json.dumps(msgspec.to_builtins(content), indent=2, ensure_ascii=False))
