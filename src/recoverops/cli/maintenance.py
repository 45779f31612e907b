"""The commands of maintenance: keep RecoverOps off a resource for a while, and close an incident by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from recoverops.cli.exits import WrongUsageError, told_errors
from recoverops.cli.options import (
    ConfigOption,
    JsonOption,
    local_actor,
    parsed_duration,
    print_json,
    print_line,
    settings_of,
)
from recoverops.cli.text import Commands
from recoverops.model import Silence, to_plain

maintenance_commands = Commands()


@maintenance_commands.command(
    epilog="Example: recoverops silence 'service:checkout*' --for 2h --reason 'database migration'"
)
def silence(
    pattern: Annotated[str, typer.Argument(help="With * and ?, over kind:name, e.g. service:checkout*.")],
    duration: Annotated[
        timedelta,
        typer.Option(
            "--for", parser=parsed_duration, metavar="DURATION", help="For how long, e.g. 30m or 2h; at most 30d."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; everybody who meets it will see it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do not act on these resources for a while. Incidents are opened and told all the same."""
    from recoverops import operations
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock

    with told_errors():
        wrong = operations.why_no_silence(duration=duration, reason=reason)
        if wrong:
            raise WrongUsageError(wrong)
        settings = settings_of(config)
        with opened_store(settings) as store:
            begun = operations.silence(
                store,
                SystemClock(),
                settings.inventory,
                pattern=pattern,
                duration=duration,
                by=local_actor(),
                reason=reason,
            )
    covers = operations.covered_now(settings.inventory, begun)
    if as_json:
        print_json({**to_plain(begun), "covers": covers})
        return
    print_line(f"{begun.id}: nothing acts on {begun.pattern} until {begun.ends_at:%Y-%m-%d %H:%M:%S} UTC")
    none = "no service of the inventory; was it meant so? If not: recoverops unsilence " + begun.id
    print_line(f"It covers {', '.join(covers) or none}")


@maintenance_commands.command(epilog="Example: recoverops silences; recoverops silences --all")
def silences(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    ended_too: Annotated[bool, typer.Option("--all", help="The ended ones too, newest first.")] = False,
) -> None:
    """List what is silenced, by whom, why and until when."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import list_silences

    clock = SystemClock()
    with told_errors(), opened_store(settings_of(config)) as store:
        found = list_silences(store, clock, ended_too=ended_too)
    if as_json:
        print_json({"silences": [to_plain(one) for one in found]})
        return
    for one in found:
        print_line(_line(one, is_active=one.is_active(clock.now())))
    if not found:
        print("nothing is silenced")


def _line(silence: Silence, *, is_active: bool) -> str:
    end = f"{'until' if is_active else 'ended at'} {silence.over_at:%Y-%m-%d %H:%M:%S} UTC"
    who = f", by {silence.ended_by}" if silence.ended_by else ""
    return f"{silence.id}  {silence.pattern}  {end}{who}  ({silence.by}: {silence.reason})"


@maintenance_commands.command(epilog="Example: recoverops unsilence sil-20261120-101530-9c04d2")
def unsilence(
    silence: Annotated[str, typer.Argument(help="The silence's id, as `recoverops silences` shows it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a silence before its time; what it held is decided at once."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import end_silence

    with told_errors(), opened_store(settings_of(config)) as store:
        ended = end_silence(store, SystemClock(), silence, by=local_actor())
    if as_json:
        print_json(to_plain(ended))
    else:
        print_line(f"{ended.id} of {ended.pattern} ended")


@maintenance_commands.command(
    epilog="Example: recoverops close inc-20261120-101530-a3f9c1 --note 'planned, done by hand'"
)
def close(
    incident: Annotated[str, typer.Argument(help="The incident's id, or an unambiguous end of it.")],
    config: ConfigOption = None,
    note: Annotated[str, typer.Option(help="Why; stands in the timeline and the audit log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Close an incident by hand. Not while an action is being done or verified."""
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import close_incident

    with told_errors():
        settings = settings_of(config)
        with opened_store(settings) as store:
            closed = close_incident(
                store, SystemClock(), incident, by=local_actor(), note=note, channels_of=settings.channels_of
            )
    if as_json:
        print_json(to_plain(closed))
    else:
        print_line(f"{closed.id} closed: {closed.title}")
