"""`recoverops schema`: what an editor needs to check and complete our files."""

from __future__ import annotations

from typing import Annotated

import typer

from recoverops.app.schemas import FileKind, schema_of
from recoverops.cli.options import JsonOption, print_json


def schema(
    kind: Annotated[FileKind, typer.Argument(help="Which file: config, rules or runbook.")],
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of a configuration, a rules file or a runbook. It is JSON with and without --json."""
    print_json(schema_of(kind))
