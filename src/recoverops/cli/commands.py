"""The commands. Each parses, calls one operation, and prints."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from recoverops.app.load import Needs
from recoverops.cli.aws_sandbox import aws_sandbox, documents
from recoverops.cli.demo import demo
from recoverops.cli.detect import detect
from recoverops.cli.emergency import resume, stop
from recoverops.cli.events import events
from recoverops.cli.exits import Exit, told_errors
from recoverops.cli.init import init
from recoverops.cli.maintenance import maintenance_commands
from recoverops.cli.options import ConfigOption, JsonOption, local_actor, print_json, print_line, settings_of
from recoverops.cli.permissions import permissions
from recoverops.cli.schema import schema
from recoverops.cli.text import Commands
from recoverops.cli.train import train
from recoverops.cli.undo import undo
from recoverops.model import IncidentState, to_plain

if TYPE_CHECKING:
    from recoverops.app.checkup import Finding

application = Commands(
    name="recoverops",
    help="Closes the loop on incidents: observe, detect, decide under gates, act, verify, and prove it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _example(*lines: str) -> str:
    return "Example: " + "; ".join(lines)


@application.command(epilog=_example("recoverops up --config recoverops.yaml"))
def up(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Run the engine until SIGTERM or Ctrl-C."""
    from recoverops.app.collector import without_collector

    with without_collector():
        from recoverops.app.engine import RecoverOps
        from recoverops.app.release import release
        from recoverops.app.serve import serve

    with told_errors(is_engine=True):
        _log_to_stderr()
        engine = RecoverOps(settings_of(config, Needs.ALL))

        def announce(address: str) -> None:
            for one in engine.loaded.disabled:
                print(f"{one.name}: {one.statement}", file=sys.stderr)
            if as_json:
                print_json({"ready": True, "address": address, "data_dir": str(engine.settings.data_dir)})
            else:
                mode = engine.settings.decision.mode
                print(f"RecoverOps {release()} is ready on {address}, mode {mode}, data in {engine.settings.data_dir}")
            sys.stdout.flush()

        serve(engine, on_ready=announce)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_FieldFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("recoverops").addHandler(handler)
    logging.getLogger("recoverops").setLevel(logging.INFO)
    logging.getLogger("recoverops.storage.writer_pool").setLevel(logging.WARNING)  # SQLAlchemy's own chatter


_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _FieldFormatter(logging.Formatter):
    """Constant event name, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        from recoverops.redact import redact

        fields = " ".join(f"{key}={value!s}" for key, value in record.__dict__.items() if key not in _PLAIN)
        return redact(f"{super().format(record)} {fields}".rstrip())


@application.command(epilog=_example("recoverops check --config recoverops.yaml"))
def check(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the other sides too. It is what check does without it, as well.")
    ] = False,
) -> None:
    """Say whether the configuration is right and what it names can be reached. Changes nothing."""
    from recoverops.app.checkup import check_up

    with told_errors():
        findings = check_up(settings_of(config, Needs.ALL))
    if as_json:
        print_json({"fine": all(one.is_fine for one in findings), "findings": [to_plain(one) for one in findings]})
    else:
        for one in findings:
            print(_line(one))
    raise typer.Exit(Exit.OK if all(one.is_fine for one in findings) else Exit.FAILED)


def _line(finding: Finding) -> str:
    if finding.is_warning:
        return f"warn {finding.statement}"
    return f"{'ok ' if finding.is_fine else 'NOT'}  {finding.what}: {finding.statement}"


@application.command(epilog=_example("recoverops incidents --state open --state waiting"))
def incidents(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    state: Annotated[list[IncidentState] | None, typer.Option(help="Only these states; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 50,
    before: Annotated[str | None, typer.Option(help="The incident that the page before ended with.")] = None,
) -> None:
    """List incidents, newest first."""
    from recoverops.app.offline import opened_store
    from recoverops.operations import list_incidents

    with told_errors(), opened_store(settings_of(config)) as store:
        page = list_incidents(store, states=tuple(state) if state else None, limit=limit, before=before)
    if as_json:
        print_json(to_plain(page))
    else:
        from recoverops.cli import show

        console = show.console()
        console.print(show.incidents_table(page.incidents, width=console.width))
        if page.next is not None:
            print(f"more: --before {page.next}")


@application.command(epilog=_example("recoverops why inc-20261120-101530-a3f9c1", "recoverops why a3f9c1"))
def why(
    incident: Annotated[str, typer.Argument(help="The incident's id, or an unambiguous end of it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell everything about one incident: evidence, every gate's verdict, what was done - and why not."""
    from recoverops.app.offline import opened_store
    from recoverops.operations import tell_incident

    with told_errors(), opened_store(settings_of(config)) as store:
        told = tell_incident(store, incident)
    if as_json:
        print_json(told.plain())
    else:
        from recoverops.cli import show

        show.console().print(show.story(told))


@application.command(epilog=_example("recoverops approvals"))
def approvals(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the plans that wait for a person."""
    from recoverops.app.offline import opened_store
    from recoverops.operations import list_approvals

    with told_errors(), opened_store(settings_of(config)) as store:
        found = list_approvals(store)
    if as_json:
        print_json({"approvals": [to_plain(one) for one in found]})
        return
    for one in found:
        print_line(f"{one.id}  {one.plan.summary}  ({one.incident_id}, until {one.expires_at:%Y-%m-%d %H:%M:%S} UTC)")
    if not found:
        print("nothing waits for an answer")


ApprovalArgument = Annotated[str, typer.Argument(help="The approval's id, or an unambiguous end of it.")]
NoteOption = Annotated[str, typer.Option(help="Why; stands in the timeline and the audit log.")]


@application.command(epilog=_example("recoverops approve apr-20261120-101530-77aa01 --note 'seen it, go on'"))
def approve(
    approval: ApprovalArgument, config: ConfigOption = None, note: NoteOption = "", as_json: JsonOption = False
) -> None:
    """Say yes to exactly this plan. Works while no engine runs: the answer waits."""
    _answer(approval, config, note, as_json, is_yes=True)


@application.command(epilog=_example("recoverops deny apr-20261120-101530-77aa01 --note 'planned maintenance'"))
def deny(
    approval: ApprovalArgument, config: ConfigOption = None, note: NoteOption = "", as_json: JsonOption = False
) -> None:
    """Say no; the incident goes to a person."""
    _answer(approval, config, note, as_json, is_yes=False)


def _answer(approval: str, config: ConfigOption, note: str, as_json: bool, *, is_yes: bool) -> None:
    from recoverops.app.emergency import shared_stop
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.operations import answer, read_stop, while_stopped

    with told_errors():
        settings = settings_of(config)
        with opened_store(settings) as store:
            settled = answer(store, SystemClock(), approval, approve=is_yes, by=local_actor(), note=note)
            held = while_stopped(settled, read_stop(shared_stop(settings, store)))
    if as_json:
        print_json({**to_plain(settled), "held_by_stop": held})
        return
    print_line(f"{settled.id} {settled.state}: {settled.plan.summary}")
    if held:
        print(f"But {held}")


application.command(epilog=_example("recoverops stop --reason 'database migration'"))(stop)
application.command(epilog=_example("recoverops resume"))(resume)


@application.command(epilog=_example("recoverops run restart-service checkout --reason 'stuck since noon'"))
def run(
    runbook: Annotated[str, typer.Argument(help="The runbook, by name.")],
    service: Annotated[str, typer.Argument(help="The service of the inventory that it is aimed at.")],
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why; stands in the timeline and the audit log.")] = "no reason given",
    as_json: JsonOption = False,
) -> None:
    """Ask for a runbook on a service. The gates decide as ever; a running engine takes it up within a second."""
    from recoverops.app.emergency import EngineHere, engine_of
    from recoverops.app.offline import opened_store
    from recoverops.clock import SystemClock
    from recoverops.model import RunRequest
    from recoverops.operations import request_run

    with told_errors():
        settings = settings_of(config, Needs.ALL)
        with opened_store(settings) as store:
            incident = request_run(
                store,
                SystemClock(),
                RunRequest(runbook=runbook, by=local_actor(), reason=reason),
                service=service,
                inventory=settings.inventory,
                runbooks=settings.runbooks,
                channels_of=settings.channels_of,
            )
        begins_by = incident.opened_at + settings.decision.act_within
        engine = engine_of(settings)
    if as_json:
        print_json({"incident": incident.id, "begins_by": begins_by.isoformat(), "engine": engine})
        return
    print_line(f"{incident.id}: {incident.title}")
    print(f"Follow it with: recoverops why {incident.id}")
    if engine is EngineHere.NONE:
        print(f"No engine runs on {settings.data_dir} now.")
    print(
        f"What has not begun by {begins_by:%H:%M:%S} UTC (decision.act_within), and waits for no answer, is not begun."
    )


@application.command(epilog=_example("recoverops plugins"))
def plugins(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what is installed, what is loaded, and what is disabled and why."""
    from recoverops.app.installed import installed_plugins
    from recoverops.clock import SystemClock

    with told_errors():
        found = installed_plugins(settings_of(config), SystemClock())
    if as_json:
        print_json({"plugins": [to_plain(one) for one in found]})
        return
    for one in found:
        print(f"{one.name}  {one.package} {one.version}  {one.state}: {one.statement}")
        if one.sha256:
            print(f"    sha256 {one.sha256}")


application.add_typer(maintenance_commands)
application.command(epilog=_example("recoverops undo run-inc-20261120-101530-a3f9c1-1-2"))(undo)
application.command(
    epilog=_example("recoverops detect cpu.csv --output scores.csv", "recoverops detect cpu.csv --plot cpu.png")
)(detect)
application.command(
    epilog=_example("recoverops train metrics --from web-1.csv --name default", "recoverops train --evaluate")
)(train)
application.command(epilog=_example("recoverops events --resource service:checkout --last 24h"))(events)
application.command(epilog=_example("recoverops init", "recoverops init --directory /etc/recoverops"))(init)
application.command(epilog=_example("recoverops schema config"))(schema)
application.command(epilog=_example("recoverops permissions aws"))(permissions)

audit_commands = Commands(help="The audit log.", no_args_is_help=True)
application.add_typer(audit_commands, name="audit")


@audit_commands.command(epilog=_example("recoverops audit verify"))
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Walk the hash chain and compare it with the head that is kept outside the database."""
    from recoverops.app.offline import opened_store, verify_audit

    with told_errors():
        settings = settings_of(config)
        with opened_store(settings) as store:
            report = verify_audit(settings, store)
    if as_json:
        print_json(to_plain(report))
    else:
        print(report.statement or f"{report.entries} entries, the chain is whole, head {report.head[:16]}")
    raise typer.Exit(Exit.OK if report.broken_at is None else Exit.FAILED)


application.command(epilog=_example("recoverops demo", "recoverops demo --quick --only crash --only hang"))(demo)
application.command(
    "aws-sandbox", epilog=_example("recoverops aws-sandbox --for 30m", "recoverops aws-sandbox --directory ./sandbox")
)(aws_sandbox)
application.command(epilog=_example("recoverops documents", "recoverops documents RecoverOps-RestartService"))(
    documents
)


@application.command(epilog=_example("recoverops version"))
def version(as_json: JsonOption = False) -> None:
    """Say which release this is."""
    from recoverops.app.release import release

    if as_json:
        print_json({"version": release()})
    else:
        print(release())
