"""The lab's policy: how the demo's RecoverOps differs from one out of the box, and the files that say so.

Out of the box RecoverOps asks a person before every action, and nobody sits there to answer a demo. Each deviation is
printed beside its default; a test holds the defaults named here against the real ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recoverops.lab import front
from recoverops.lab.judging import LEARN_FOR, LIMITED, JudgeBy, detection
from recoverops.lab.layout import BACKENDS, NGINX, ON_SMALL_DISK, Layout
from recoverops.model import IncidentKind, Record, format_duration

NAME = "lab"


class Deviation(Record, frozen=True, kw_only=True):
    """One setting of the demo that is not the default."""

    setting: str
    default: str
    here: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One rule. It has the name of the shipped rule for the same kinds of incidents."""

    rule: str
    causes: tuple[IncidentKind, ...]
    runbook: str
    least: float
    """The confidence at which it acts."""
    shipped_hold: str
    shipped_least: float | None = None
    """Where it differs from `least`."""
    group: str = ""
    """For members of this group only; empty: for every service."""


HOLD = "1s"
SHIFT_LOAD, RETURN_LOAD = "shift-load", "return-load"
"""Runbooks: the one takes a backend out of nginx's upstream, the other puts it back, when a person asks for it."""

OUT_OF_UPSTREAM = Remedy(
    rule="take-backend-out",
    causes=(IncidentKind.MEMORY_LEAK,),
    runbook=SHIFT_LOAD,
    least=0.6,
    shipped_hold="",
    group=front.UPSTREAM,
)
"""Not shipped: it takes an nginx and two backends. Stands before the rule that would restart the service."""

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        rule="restart-crashed-service",
        causes=(IncidentKind.SERVICE_DOWN,),
        runbook="restart-service",
        least=0.6,
        shipped_hold="2s",
    ),
    Remedy(
        rule="end-hung-process",
        causes=(IncidentKind.SERVICE_HUNG,),
        runbook="end-process",
        least=0.7,
        shipped_hold="5s",
    ),
    Remedy(
        rule="free-taken-port",
        causes=(IncidentKind.PORT_IN_USE,),
        runbook="free-port",
        least=0.7,
        shipped_hold="2s",
    ),
    Remedy(
        rule="switch-back-release",
        causes=(IncidentKind.BAD_DEPLOYMENT, IncidentKind.PERMISSION_DENIED),
        runbook="switch-release",
        least=0.7,
        shipped_hold="5s",
    ),
    Remedy(
        rule="make-room-on-full-disk",
        causes=(IncidentKind.DISK_FULL,),
        runbook="quarantine-files",
        least=0.0,
        shipped_hold="5s",
    ),
    Remedy(
        rule="restart-exhausted-service",
        causes=(IncidentKind.HIGH_CPU, IncidentKind.MEMORY_LEAK, IncidentKind.CONNECTION_POOL_EXHAUSTED),
        runbook="restart-service",
        least=0.6,
        shipped_hold="10s",
    ),
    Remedy(
        rule="restart-slow-service",
        causes=(IncidentKind.SLOW_RESPONSES,),
        runbook="restart-service",
        least=0.5,
        shipped_hold="30s",
        shipped_least=0.7,
    ),
)
"""What is done about each kind of incident. A kind that stands here is one that a demo may be asked for."""

VERIFY: Mapping[str, str] = {"hold": "3s", "timeout": "30s"}

_GENERAL: tuple[Deviation, ...] = (
    Deviation(
        setting="decision.mode",
        default="ask",
        here="act",
        why="nobody is there to approve; the demo shows what a rule that may act does",
    ),
    Deviation(
        setting="decision.ask_when_critical",
        default="true",
        here="false",
        why="a service that is down is critical, and would be asked about",
    ),
    Deviation(
        setting="decision.cooldown",
        default="5m",
        here="5s",
        why="the faults follow each other within minutes, some of them on the same service",
    ),
    Deviation(setting="decision.max_actions_per_hour", default="10", here="40", why="the same"),
    Deviation(setting="incidents.clear_after", default="30s", here="5s", why="the next fault waits for it"),
    Deviation(setting="incidents.flaps", default="5", here="100", why="one service is broken again and again"),
    Deviation(
        setting="plugins.linux.supervisor.every",
        default="1s",
        here="500ms",
        why="two looks a second, so that it is brief",
    ),
    Deviation(setting="plugins.http.probe.every", default="1s", here="500ms", why="the same"),
    Deviation(setting="plugins.http.probe.timeout", default="2s", here="1s", why="the same"),
    Deviation(
        setting="plugins.linux.free_port.folders",
        default="none",
        here="the folder `scratch` of the demo",
        why="where the demo runs as root, so does the process that takes a port",
    ),
    Deviation(setting="runbooks.verify.hold", default="5s", here=VERIFY["hold"], why="the same"),
    Deviation(setting="runbooks.verify.timeout", default="1m", here=VERIFY["timeout"], why="the same"),
)


_DUMPS = Deviation(
    setting="plugins.linux.free_disk",
    default="none",
    here="dumps of the database that are older than 1h go to quarantine",
    why="no file is ever touched that is not declared",
)
_NGINX = Deviation(
    setting="plugins.linux.nginx",
    default="none",
    here="the shop's own, with its upstream of two gateways",
    why="load is shifted only in the file that is named",
)
_BY_BASELINES: tuple[Deviation, ...] = (
    Deviation(
        setting="detection.thresholds",
        default="limits on CPU, memory, latency and errors, too",
        here=f"on {', '.join(one['metric'] for one in LIMITED)}",
        why="the rest is judged by its own past alone",
    ),
    Deviation(
        setting="detection.baselines.learn_for",
        default="15m",
        here=format_duration(LEARN_FOR),
        why="what is usual is learned before the first fault",
    ),
)


def remedies(causes: Collection[IncidentKind], *, has_small_disk: bool, has_nginx: bool = False) -> tuple[Remedy, ...]:
    """The rules for these causes, in their order.

    Without a small disk there is nothing that may be moved off it, and without nginx nobody to shift load to; then
    there is no rule to.
    """
    wanted = set(causes) - (set() if has_small_disk else {IncidentKind.DISK_FULL})
    known = (OUT_OF_UPSTREAM, *REMEDIES) if has_nginx else REMEDIES
    return tuple(one for one in known if wanted & set(one.causes))


def deviations(
    causes: Collection[IncidentKind],
    *,
    has_small_disk: bool,
    has_nginx: bool = False,
    judge_by: JudgeBy = JudgeBy.LIMITS,
) -> tuple[Deviation, ...]:
    """All of them, for a RecoverOps that has rules for these causes."""
    chosen = remedies(causes, has_small_disk=has_small_disk, has_nginx=has_nginx)
    of_rules = (deviation for one in chosen for deviation in _deviations_of(one))
    of_judging = _BY_BASELINES if judge_by is JudgeBy.BASELINES else ()
    of_machine = (*([_DUMPS] if has_small_disk else []), *([_NGINX] if has_nginx else []))
    return (*_GENERAL, *of_judging, *of_machine, *of_rules)


def _deviations_of(remedy: Remedy) -> tuple[Deviation, ...]:
    name = f"rules.{remedy.rule}"
    if remedy.group:
        here = f"act: {remedy.runbook} after {HOLD}, when {_when(remedy)}"
        why = "of two backends one can be spared, and stays as it is for people to look at"
        return (Deviation(setting=name, default="no such rule", here=here, why=why),)
    mode = Deviation(setting=f"{name}.mode", default="ask", here="act", why="may act by itself")
    hold = Deviation(setting=f"{name}.hold", default=remedy.shipped_hold, here=HOLD, why="so that it is brief")
    if remedy.shipped_least is None:
        return (mode, hold)
    least = Deviation(
        setting=f"{name}.when",
        default=f"confidence >= {remedy.shipped_least:g}",
        here=f"confidence >= {remedy.least:g}",
        why="the service's own health page answers at once, and speaks against it",
    )
    return (mode, hold, least)


def settings(
    layout: Layout, *, supervisor_url: str, has_small_disk: bool, judge_by: JudgeBy = JudgeBy.LIMITS
) -> dict[str, Any]:
    """The configuration file. What it leaves out has its default."""
    linux: dict[str, Any] = {
        "supervisor": {"url": supervisor_url, "every": "500ms"},
        "free_port": {"folders": [str(layout.scratch)]},
    }
    if layout.has_nginx:
        binary, *_ = front.command(layout)
        files = {"file": layout.upstream, "config": layout.nginx_config, "prefix": layout.nginx}
        linux["nginx"] = {"binary": binary, **{name: str(path) for name, path in files.items()}}
    if has_small_disk:
        dumps = {"service": ON_SMALL_DISK, "folder": str(layout.dumps()), "pattern": "*.sql", "older_than": "1h"}
        linux["free_disk"] = [{**dumps, "quarantine": str(layout.quarantine)}]
    return {
        "data_dir": str(layout.data),
        "api": {"port": layout.api_port},
        "services": [
            *(_service(layout, service, has_small_disk=has_small_disk) for service in layout.services),
            *([_nginx(layout)] if layout.has_nginx else []),
        ],
        "plugins": [
            {"name": "linux", "settings": linux},
            {"name": "http", "settings": {"probe": {"every": "500ms", "timeout": "1s"}}},
            {"name": "prometheus"},
            {"name": "console"},
        ],
        "decision": {"mode": "act", "ask_when_critical": False, "cooldown": "5s", "max_actions_per_hour": 40},
        "incidents": {"clear_after": "5s", "flaps": 100},
        **({"detection": judged} if (judged := detection(judge_by)) else {}),
        "rules": layout.rules.name,
        "runbooks": layout.runbooks.name,
    }


def _service(layout: Layout, service: str, *, has_small_disk: bool) -> dict[str, Any]:
    address = {
        "supervisor": service,
        "http": f"{layout.url(service)}/health",
        "metrics": f"{layout.url(service)}/metrics",
        "log": str(layout.log_of(service)),
        "release": str(layout.release(service)),
    }
    if service == ON_SMALL_DISK and has_small_disk:
        address["disk"] = str(layout.data_of(service))
    grouped = {}
    if service in BACKENDS and layout.has_nginx:
        address["nginx"] = layout.backend(service)
        grouped = {"group": front.UPSTREAM}
    return {
        "name": service,
        "address": address,
        "depends_on": list(layout.needs_of(service)),
        "match": {"service": service},
        **grouped,
    }


def _nginx(layout: Layout) -> dict[str, Any]:
    return {
        "name": NGINX,
        "address": {"supervisor": NGINX, "http": f"{layout.url(NGINX)}/health"},
        "depends_on": list(layout.needs_of(NGINX)),
        "match": {"service": NGINX},
    }


def rules(chosen: Iterable[Remedy]) -> dict[str, Any]:
    """The remediation rules."""
    return {
        "version": 1,
        "rules": [
            {"name": one.rule, "when": _when(one), "runbook": one.runbook, "mode": "act", "hold": HOLD}
            for one in chosen
        ],
    }


def _when(remedy: Remedy) -> str:
    kinds = " || ".join(f'kind == "{cause}"' for cause in remedy.causes)
    of_group = f' && resource.group == "{remedy.group}"' if remedy.group else ""
    return f"({kinds}){of_group} && confidence >= {remedy.least:.1f}"


def runbooks(chosen: Iterable[Remedy]) -> dict[str, dict[str, Any]]:
    """By name: those that the rules run. Each is one action of the same name, and its verification.

    With the one that takes a backend out comes the one that puts it back; no rule runs that.
    """
    found = {one.runbook: {"name": one.runbook, "action": one.runbook, "verify": dict(VERIFY)} for one in chosen}
    if SHIFT_LOAD in found:
        back = {"name": RETURN_LOAD, "action": SHIFT_LOAD, "arguments": {"direction": "back"}, "verify": dict(VERIFY)}
        found[RETURN_LOAD] = back
    return found


def write_policy(
    layout: Layout,
    *,
    supervisor_url: str,
    causes: Collection[IncidentKind],
    has_small_disk: bool,
    judge_by: JudgeBy = JudgeBy.LIMITS,
) -> None:
    """Write the configuration, the rules and the runbooks into the demo's directory."""
    chosen = remedies(causes, has_small_disk=has_small_disk, has_nginx=layout.has_nginx)
    content = settings(layout, supervisor_url=supervisor_url, has_small_disk=has_small_disk, judge_by=judge_by)
    _write(layout.config, content)
    _write(layout.rules, rules(chosen))
    layout.runbooks.mkdir()
    for name, runbook in runbooks(chosen).items():
        _write(layout.runbooks / f"{name}.yaml", runbook)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    YAML(typ="safe").dump(dict(content), file)
