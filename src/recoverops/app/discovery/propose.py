"""Facts -> services of the inventory, and what could not be decided. Pure: it sees only what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from recoverops.app.discovery.facts import Facts, Port, Program, Supervised, Supervisord
from recoverops.app.discovery.monitoring import runs_as
from recoverops.app.discovery.supervisors import is_supervisord
from recoverops.model import Record

OWN_PORT = 8765
_SHARED_NAMES = {"python", "python3", "java", "node", "ruby", "php", "php-fpm", "dotnet", "perl", "deno", "bun", "sh"}
_NOT_SERVICES = re.compile(
    r"(systemd-|user@|getty@|serial-getty@|dbus|cron|ssh|polkit|rsyslog|udisks|accounts-daemon|snapd|chrony|ntp|"
    r"unattended-upgrades|supervisor|prometheus|alertmanager|recoverops)"
)


class Proposed(Record, frozen=True, kw_only=True):
    """One entry of `services:`."""

    name: str
    address: dict[str, str]
    group: str = ""
    """Empty: a group of its own."""


class Proposal(Record, frozen=True, kw_only=True):
    services: tuple[Proposed, ...] = ()
    supervisor: str = ""
    """URL of the supervisord that runs them; empty when there is none to use."""
    port: int = OWN_PORT
    """Free here."""
    prometheus: str = ""
    alertmanager: str = ""
    undecided: tuple[str, ...] = ()
    """A line each for the person who reads the file."""


def propose(facts: Facts) -> Proposal:
    used = next((one for one in facts.supervisors if one.programs and not one.trouble), None)
    taken: dict[str, Proposed] = {}
    claimed: set[int] = set()
    for program in used.programs if used else ():
        _add_supervised(program, facts.ports, taken, claimed)
    left = [port for port in facts.ports if port.port not in claimed and not _is_ours(port.program)]
    for port in left:
        if port.health:
            _add_port(port, taken)
    return Proposal(
        services=tuple(taken.values()),
        supervisor=used.url if used else "",
        port=_free_port(facts.ports),
        prometheus=next(iter(facts.prometheus), ""),
        alertmanager=next(iter(facts.alertmanager), ""),
        undecided=tuple(_undecided(facts, used, left)),
    )


def _add_supervised(program: Supervised, ports: Iterable[Port], taken: dict[str, Proposed], claimed: set[int]) -> None:
    own = [port for port in ports if _belongs_to(port, program)]
    claimed.update(port.port for port in own)
    address = {"supervisor": program.full_name}
    health = next((port.health for port in own if port.health), "")
    if health:
        address["http"] = health
    group = _name(program.group) if program.group != program.name else ""
    wanted = _name(program.name)
    name = wanted if wanted not in taken else _name(f"{program.group}-{program.name}")
    _put(taken, Proposed(name=name, address=address, group=group))


def _belongs_to(port: Port, program: Supervised) -> bool:
    found = port.program
    return found is not None and program.pid > 0 and program.pid in (found.pid, *found.ancestors)


def _add_port(port: Port, taken: dict[str, Proposed]) -> None:
    assert port.program is not None, "only a known process is asked for its health"
    unit = "" if _NOT_SERVICES.match(port.program.unit) else port.program.unit
    base = unit.removesuffix(".service") or port.program.name
    name = _name(
        f"{base}-{port.port}" if base in _SHARED_NAMES or re.sub(r"[\d.]+$", "", base) in _SHARED_NAMES else base
    )
    address = {"http": port.health}
    if unit:
        address["systemd"] = unit
    _put(taken, Proposed(name=name if name not in taken else f"{name}-{port.port}", address=address))


def _put(taken: dict[str, Proposed], service: Proposed) -> None:
    if service.name not in taken:
        taken[service.name] = service


def _name(text: str) -> str:
    """As the inventory wants names: letters, digits, dot, dash, underscore, 100 of them."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")
    return clean[:90] or "service"


def _is_ours(program: Program | None) -> bool:
    """RecoverOps itself and the monitoring are no services to act on."""
    if program is None:
        return False
    words = [Path(word).name for word in program.command[:3]]
    return runs_as(program) != "" or "recoverops" in words or is_supervisord(program)


def _free_port(ports: Iterable[Port]) -> int:
    used = {port.port for port in ports}
    return next(port for port in range(OWN_PORT, OWN_PORT + 1000) if port not in used)


def _undecided(facts: Facts, used: Supervisord | None, left: Iterable[Port]) -> Iterable[str]:
    for one in facts.supervisors:
        if one.trouble:
            yield f"supervisord at {one.url} {one.trouble}; see plugins: linux: supervisor: in docs/configuration.md"
        elif one is not used:
            yield f"a second supervisord is at {one.url}; one is read from, so choose"
    for port in left:
        if not port.health:
            who = f"{port.program.name} (pid {port.program.pid})" if port.program else "a process of another user"
            why = "was not asked over HTTP" if port.program is None else "has no health page that answers"
            yield f"{port.host}:{port.port} is listened on by {who} and {why}; give it an http address"
    for url in (*facts.prometheus[1:], *facts.alertmanager[1:]):
        yield f"another one answers at {url}"
    units = [unit for unit in facts.units if not _NOT_SERVICES.match(unit)]
    named = {port.program.unit for port in facts.ports if port.program and port.health}
    if [unit for unit in units if unit not in named]:
        yield f"systemd runs these units, too: {', '.join(unit for unit in units if unit not in named)}"
    if facts.systemd:
        yield f"systemd was not looked at: {facts.systemd}"
    for file in facts.nginx:
        yield f"nginx runs with {file}"
    if not facts.supervisors and not named - {""}:
        yield "no supervisord was found and no port belongs to a systemd unit; without one nothing can be restarted"
    if not facts.prometheus:
        yield "no Prometheus answered on this machine"
