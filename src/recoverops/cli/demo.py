"""`recoverops demo`: the fault lab's door. Everything else of it is `recoverops.lab`'s."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from recoverops.cli.exits import told_errors
from recoverops.cli.options import JsonOption, parsed_duration
from recoverops.lab.judging import JudgeBy


def demo(
    as_json: JsonOption = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the shop, its traffic and RecoverOps running.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Five seconds of healthy traffic before the first fault, not a minute.")
    ] = False,
    healthy: Annotated[
        timedelta | None,
        typer.Option(
            parser=parsed_duration,
            metavar="DURATION",
            help="Healthy traffic before the first fault, e.g. 10m. Default 60s, by baselines 90s.",
        ),
    ] = None,
    judge_by: Annotated[
        JudgeBy,
        typer.Option(help="Judge CPU, memory, latency and errors by their limits, or by their own past alone."),
    ] = JudgeBy.LIMITS,
    only: Annotated[list[str] | None, typer.Option(help="Only this fault; may be repeated.")] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only end and remove what a kept or killed demo left behind.")
    ] = False,
) -> None:
    """Break a small real shop in many ways and watch it being healed. Needs nothing, leaves nothing behind."""
    from recoverops.lab import main_clean, main_demo

    with told_errors():
        if clean:
            raise typer.Exit(main_clean())
        code = main_demo(
            as_json=as_json, keep=keep, quick=quick, only=tuple(only or ()), judge_by=judge_by, healthy=healthy
        )
    raise typer.Exit(code)
