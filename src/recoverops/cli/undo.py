"""`recoverops undo`: a person takes back what a run changed."""

from __future__ import annotations

from typing import Annotated

import typer

from recoverops.cli.exits import told_errors
from recoverops.cli.options import ConfigOption, JsonOption, local_actor, print_json, print_line, settings_of


def undo(
    named: Annotated[
        str,
        typer.Argument(
            metavar="RUN|INCIDENT",
            help="The run, by its id; or an incident, whose last reversible run is meant: its id, or an unambiguous "
            "end of it.",
        ),
    ],
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why; stands in the timeline and the audit log.")] = "no reason given",
    as_json: JsonOption = False,
) -> None:
    """Take back what a run changed, also of a resolved incident. A running engine does it within a second."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import request_undo

    with told_errors():
        settings = settings_of(config)
        with opened_store(settings) as store:
            incident = request_undo(
                store,
                SystemClock(),
                named,
                by=local_actor(),
                reason=reason,
                act_within=settings.decision.act_within,
            )
    if as_json:
        print_json({"incident": incident.id})
    else:
        print_line(f"{incident.id}: {incident.title}")
        print(f"Follow it with: recoverops why {incident.id}")
