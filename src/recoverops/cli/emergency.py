"""`recoverops stop` and `recoverops resume`. Both say where, and read no more of the configuration than they need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from recoverops.app.load import Needs
from recoverops.cli.exits import told_errors
from recoverops.cli.options import ConfigOption, JsonOption, data_dir_of, local_actor, print_json, settings_of
from recoverops.model import to_plain

if TYPE_CHECKING:
    from recoverops.app.emergency import StopPlace
    from recoverops.operations import Stopped

_MOST_TOLD = 10
"""Incidents that are named one by one."""


def stop(
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why; everybody will see it.")] = "no reason given",
    as_json: JsonOption = False,
) -> None:
    """Emergency stop: nothing acts until `recoverops resume`. Needs no engine, database or correct configuration."""
    from contextlib import ExitStack

    from recoverops.app.emergency import is_shared, stop_place
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import Telling, engage_stop

    with told_errors(), ExitStack() as opened:
        place, reaches_others = stop_place(data_dir_of(config)), False

        def telling() -> Telling:
            nonlocal reaches_others
            settings = settings_of(config, Needs.STORE)
            reaches_others = is_shared(settings)
            return Telling(store=opened.enter_context(opened_store(settings)), channels=settings.stop_channels)

        stopped = engage_stop(place.switch, telling, SystemClock(), reason=reason, by=local_actor())
    if as_json:
        where = {"data_dir": str(place.data_dir), "engine": place.engine}
        told = {"audited": stopped.audited, "why_not_audited": stopped.why_not}
        print_json({**to_plain(stopped.state), **told, **where})
        return
    print(_told_stop(stopped, place, reaches_others=reaches_others and stopped.audited))
    if not stopped.audited:
        here = f"only an engine with the data directory {place.data_dir} has heard of it"
        print(f"warning: {here}, because the audit log could not be written ({stopped.why_not})", file=sys.stderr)


def _told_stop(stopped: Stopped, place: StopPlace, *, reaches_others: bool) -> str:
    state = stopped.state
    what = f"stopped by {state.by}: {state.reason}" if state.by else f"stopped: {state.reason}"
    if place.has_no_engine and not reaches_others:
        return (
            f"no engine runs on {place.data_dir}; one that is started there will find it {what}.\n"
            "An engine that runs elsewhere goes on: name its configuration with -c FILE, or cd to its directory."
        )
    return f"{what}. Nothing acts until `recoverops resume`. Data directory: {place.data_dir}"


def resume(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Clear the emergency stop. Needs the database: what may act again is written down first."""
    from recoverops.app.emergency import is_shared, shared_stop
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import clear_stop, left_by_stop

    with told_errors():
        settings = settings_of(config, Needs.STORE)
        with opened_store(settings) as store:
            switch = shared_stop(settings, store)
            cleared = clear_stop(switch, store, SystemClock(), by=local_actor(), channels=settings.stop_channels)
            left = left_by_stop(store) if cleared.stopped else ()
    if as_json:
        where = {"data_dir": str(settings.data_dir)}
        print_json({"cleared": to_plain(cleared), "left_with_a_person": [one.id for one in left], **where})
        return
    print(f"{'resumed' if cleared.stopped else 'there was no emergency stop'} ({settings.data_dir})")
    if is_shared(settings):
        print("A stop that was written on another host still holds for an engine there, until it is resumed there.")
    if left:
        ids = ", ".join(one.id for one in left[:_MOST_TOLD]) + (", ..." if len(left) > _MOST_TOLD else "")
        print(f"left with a person because of a stop, and stays there ({len(left)}): {ids}")
