"""`recoverops events`: what was changed, and by whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from recoverops.cli.exits import told_errors
from recoverops.cli.options import ConfigOption, JsonOption, parsed_duration, parsed_resource, print_json, settings_of
from recoverops.model import LARGEST_NUMBER, EventKind, Resource, to_plain


def events(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    kind: Annotated[list[EventKind] | None, typer.Option(help="Only these kinds; may be repeated.")] = None,
    resource: Annotated[
        Resource | None,
        typer.Option(parser=parsed_resource, metavar="KIND:NAME", help="Only of this, e.g. service:checkout."),
    ] = None,
    last: Annotated[
        timedelta | None, typer.Option(parser=parsed_duration, metavar="DURATION", help="Only so far back, e.g. 24h.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 50,
    before: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_NUMBER, help="The number that the page before ended with.")
    ] = None,
) -> None:
    """List deployments, changes and security events that streams brought, newest first."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import list_events

    with told_errors(), opened_store(settings_of(config)) as store:
        page = list_events(
            store,
            kinds=kind or None,
            resource=resource,
            since=SystemClock().now() - last if last is not None else None,
            limit=limit,
            before=before,
        )
    if as_json:
        print_json(to_plain(page))
    else:
        from recoverops.cli import show

        show.console().print(show.events_table(page))
