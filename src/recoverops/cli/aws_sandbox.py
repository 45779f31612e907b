"""`recoverops aws-sandbox` and `recoverops documents`: a double of AWS to try, and what to put into an account."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from recoverops.cli.exits import WrongUsageError, told_errors
from recoverops.cli.options import JsonOption, parsed_duration, print_json
from recoverops.model import NotFoundError

_LONGEST = timedelta(hours=24)


def aws_sandbox(
    as_json: JsonOption = False,
    lasting: Annotated[
        timedelta,
        typer.Option("--for", parser=parsed_duration, metavar="DURATION", help="When it ends by itself, up to 24h."),
    ] = timedelta(hours=1),
    directory: Annotated[
        Path | None, typer.Option(help="Write the example configuration with its keys here; nothing is overwritten.")
    ] = None,
) -> None:
    """Run a double of AWS on loopback: one instance, real scripts. Needs the extra `sandbox`, leaves nothing behind."""
    from recoverops.lab import main_sandbox

    with told_errors():
        if not timedelta(0) < lasting <= _LONGEST:
            raise WrongUsageError(f"--for is {lasting}, expected more than 0s and at most 24h")
        code = main_sandbox(lasting=lasting, as_json=as_json, directory=directory)
    raise typer.Exit(code)


def documents(
    name: Annotated[str | None, typer.Argument(help="Print this one, e.g. RecoverOps-RestartService.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the shipped documents of AWS Systems Manager, or print one, to put it into an account."""
    from recoverops.app.shipped import shipped_documents

    with told_errors():
        found = [one for one in shipped_documents() if name in {None, one.name}]
        if not found:
            known = ", ".join(one.name for one in shipped_documents())
            raise NotFoundError(f'no document "{name}" is shipped; there are: {known}')
    if as_json:
        print_json({"documents": found})
    elif name is not None:
        print(found[0].content, end="")
    else:
        for one in found:
            print(f"{one.name:38} {one.kind:11} {one.summary}")
