"""`recoverops events`: what was changed, and by whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recoverops.cli import show
from recoverops.cli.exits import told_errors
from recoverops.cli.options import ConfigOption, JsonOption, parsed_duration, print_json, settings_of
from recoverops.model import EventKind, Resource, to_plain
from recoverops.operations import EventPage


def events(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    kind: Annotated[list[EventKind] | None, typer.Option(help="Only these kinds; may be repeated.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only of this, e.g. service:checkout.")] = None,
    last: Annotated[
        timedelta | None, typer.Option(parser=parsed_duration, metavar="DURATION", help="Only so far back, e.g. 24h.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="The number that the page before ended with.")] = None,
) -> None:
    """List deployments, changes and security events that streams brought, newest first."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import list_events

    with told_errors(), opened_store(settings_of(config)) as store:
        page = list_events(
            store,
            kinds=kind or None,
            resource=Resource.parse(resource) if resource else None,
            since=SystemClock().now() - last if last is not None else None,
            limit=limit,
            before=before,
        )
    if as_json:
        print_json(to_plain(page))
    else:
        show.console().print(_table(page))


def _table(page: EventPage) -> RenderableType:
    if not page.events:
        return Text("no events")
    table = Table(box=None, pad_edge=False)
    for column in ("at (UTC)", "kind", "of", "by", "what"):
        table.add_column(column)
    for stored in page.events:
        one = stored.event
        about = ", ".join(map(str, one.resources)) or "-"
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, Text(one.kind), Text(about), Text(one.actor or "-"), Text(one.summary))
    if page.next is not None:
        table.caption = f"more: --before {page.next}"
    return table
