"""The lab's policy: how the demo's RecoverOps differs from one out of the box, and the files that say so.

Out of the box RecoverOps asks a person before every action, and nobody sits there to answer a demo. Each deviation is
printed beside its default; a test holds the defaults named here against the real ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recoverops.lab.layout import DEPENDS_ON, ON_SMALL_DISK, SERVICES, Layout
from recoverops.model import IncidentKind, Record

NAME = "lab"


class Deviation(Record, frozen=True, kw_only=True):
    """One setting of the demo that is not the default."""

    setting: str
    default: str
    here: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One rule, and the runbook that it runs."""

    rule: str
    runbook: str
    confidence: float = 0.6
    """The least at which it acts."""
    arguments: Mapping[str, str] = field(default_factory=dict)


REMEDIES: Mapping[IncidentKind, Remedy] = {
    IncidentKind.SERVICE_DOWN: Remedy(rule="restart-crashed-service", runbook="restart-service"),
    IncidentKind.SERVICE_HUNG: Remedy(rule="end-hung-process", runbook="end-process"),
    IncidentKind.HIGH_CPU: Remedy(rule="restart-busy-service", runbook="restart-service"),
    IncidentKind.MEMORY_LEAK: Remedy(rule="restart-growing-service", runbook="restart-service"),
    IncidentKind.DISK_FULL: Remedy(rule="quarantine-on-full-disk", runbook="quarantine-files"),
    IncidentKind.BAD_DEPLOYMENT: Remedy(rule="switch-back-release", runbook="switch-release"),
    IncidentKind.PERMISSION_DENIED: Remedy(rule="switch-back-unreadable-release", runbook="switch-release"),
    IncidentKind.CONNECTION_POOL_EXHAUSTED: Remedy(rule="restart-for-connections", runbook="restart-service"),
    # a slow service's own health page often answers at once, and speaks against it
    IncidentKind.SLOW_RESPONSES: Remedy(rule="restart-slow-service", runbook="restart-service", confidence=0.5),
    IncidentKind.PORT_IN_USE: Remedy(rule="free-taken-port", runbook="free-port"),
}
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


def possible(causes: Collection[IncidentKind], *, has_small_disk: bool) -> tuple[IncidentKind, ...]:
    """Those that RecoverOps can have a rule for: without a disk of its own, no file may be moved off it."""
    return tuple(one for one in REMEDIES if one in causes and (has_small_disk or one is not IncidentKind.DISK_FULL))


def deviations(causes: Collection[IncidentKind], *, has_small_disk: bool) -> tuple[Deviation, ...]:
    """All of them, for a RecoverOps that has rules for these causes."""
    causes = possible(causes, has_small_disk=has_small_disk)
    names = [REMEDIES[cause].rule for cause in causes]
    return (
        *_GENERAL,
        *([_DUMPS] if has_small_disk else []),
        *(
            deviation
            for name in names
            for deviation in (
                Deviation(setting=f"rules.{name}.mode", default="ask", here="act", why="may act by itself"),
                Deviation(setting=f"rules.{name}.hold", default="2s", here="1s", why="only if it lasts for a second"),
            )
        ),
    )


def settings(layout: Layout, *, supervisor_url: str, has_small_disk: bool) -> dict[str, Any]:
    """The configuration file. What it leaves out has its default."""
    linux: dict[str, Any] = {
        "supervisor": {"url": supervisor_url, "every": "500ms"},
        "free_port": {"folders": [str(layout.scratch)]},
    }
    if has_small_disk:
        dumps = {"service": ON_SMALL_DISK, "folder": str(layout.dumps()), "pattern": "*.sql", "older_than": "1h"}
        linux["free_disk"] = [{**dumps, "quarantine": str(layout.quarantine)}]
    return {
        "data_dir": str(layout.data),
        "api": {"port": layout.api_port},
        "services": [_service(layout, service, has_small_disk=has_small_disk) for service in SERVICES],
        "plugins": [
            {"name": "linux", "settings": linux},
            {"name": "http", "settings": {"probe": {"every": "500ms", "timeout": "1s"}}},
            {"name": "prometheus"},
            {"name": "console"},
        ],
        "decision": {"mode": "act", "ask_when_critical": False, "cooldown": "5s", "max_actions_per_hour": 40},
        "incidents": {"clear_after": "5s"},
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
    return {
        "name": service,
        "address": address,
        "depends_on": list(DEPENDS_ON[service]),
        "match": {"service": service},
    }


def rules(causes: Collection[IncidentKind]) -> dict[str, Any]:
    """The remediation rules: one a cause."""
    return {
        "version": 1,
        "rules": [
            {
                "name": remedy.rule,
                "when": f'kind == "{cause}" && confidence >= {remedy.confidence:g}',
                "runbook": remedy.runbook,
                "mode": "act",
                "hold": "1s",
            }
            for cause in causes
            for remedy in (REMEDIES[cause],)
        ],
    }


def runbooks(causes: Collection[IncidentKind]) -> dict[str, dict[str, Any]]:
    """By name: those that the rules of these causes run. Each is one action of the same name, and its verification."""
    used = {remedy.runbook: remedy for remedy in (REMEDIES[cause] for cause in causes)}
    return {
        name: {"name": name, "action": name, "verify": dict(VERIFY)}
        | ({"arguments": dict(remedy.arguments)} if remedy.arguments else {})
        for name, remedy in used.items()
    }


def write_policy(
    layout: Layout, *, supervisor_url: str, causes: Collection[IncidentKind], has_small_disk: bool
) -> None:
    """Write the configuration, the rules and the runbooks into the demo's directory."""
    causes = possible(causes, has_small_disk=has_small_disk)
    _write(layout.config, settings(layout, supervisor_url=supervisor_url, has_small_disk=has_small_disk))
    _write(layout.rules, rules(causes))
    layout.runbooks.mkdir()
    for name, runbook in runbooks(causes).items():
        _write(layout.runbooks / f"{name}.yaml", runbook)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    YAML(typ="safe").dump(dict(content), file)
