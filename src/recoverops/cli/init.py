"""`recoverops init`: the first configuration, from what runs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recoverops.app.load import process_environment
from recoverops.cli.exits import Exit, told_errors
from recoverops.cli.options import JsonOption, print_json
from recoverops.clock import SystemClock
from recoverops.model import to_plain

if TYPE_CHECKING:
    from recoverops.app.discovery.begin import Beginning
    from recoverops.app.discovery.prometheus import PastDay

MOST_TARGETS = 10


def init(
    directory: Annotated[Path, typer.Option(help="Where recoverops.yaml is written.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    test_alert: Annotated[
        bool,
        typer.Option("--test-alert", help="Write nothing; send a test alert to the engine that runs with that file."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at this machine, reading only, and write a configuration that observes."""
    from recoverops.app.discovery.begin import begin
    from recoverops.app.discovery.look import look

    with told_errors():
        if test_alert:
            _test(directory, as_json)
            return
        found = begin(look(), directory, process_environment(), SystemClock(), force=force)
    if as_json:
        print_json(to_plain(found))
    else:
        print("\n".join(_lines(found)))


def _test(directory: Path, as_json: bool) -> None:
    from recoverops.app.discovery.begin import try_intake

    delivery = try_intake(directory, process_environment(), SystemClock())
    if as_json:
        print_json(to_plain(delivery))
    else:
        print(f"{delivery.url} stored {delivery.stored} alert ({delivery.duplicates} it knew already)")
    raise typer.Exit(Exit.OK if delivery.stored else Exit.FAILED)


def _lines(found: Beginning) -> list[str]:
    services = found.proposal.services
    lines = [f"wrote {found.file}, mode observe, {len(services)} services"]
    lines.extend(
        f"  {one.name}: {', '.join(f'{key} {value}' for key, value in one.address.items())}" for one in services
    )
    lines.extend(f"  ? {line}" for line in found.proposal.undecided)
    lines += ["", *_past(found), ""]
    lines += ["Alertmanager's configuration needs:", "", found.receiver, ""]
    lines += ["Next:", *(f"  {command}" for command in found.next)]
    return lines


def _past(found: Beginning) -> list[str]:
    past = found.past_day
    if past is None:
        return [found.why_no_past_day]
    head = (
        f"In the last 24 h Prometheus at {found.proposal.prometheus} saw targets down for {past.hold_s:g} s or longer "
        f"(measured every {past.step_s:g} s): would have opened {past.incidents} incidents, and asked about "
        f"{past.actions} of them in mode ask"
    )
    return [head, *_targets(past)]


def _targets(past: PastDay) -> list[str]:
    told = [
        f"  {one.job} {one.instance}: down {one.episodes} times, {one.long} of them for longer than the hold, "
        f"at most {one.longest_s:g} s{f', service {one.service}' if one.service else ''}"
        for one in past.targets[:MOST_TARGETS]
    ]
    more = len(past.targets) - MOST_TARGETS
    return [*told, f"  and {more} more targets"] if more > 0 else told
