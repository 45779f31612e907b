"""The action `free-port`: end the stray process that holds the service's port, then have the service started.

The port is the one in the service's `http` address. Who holds it is read from the kernel, never from a log. It is
refused for every process of a service of the inventory, for RecoverOps, its parents and its supervisord, for pid 1,
and for system accounts (root among them) unless the process works in a folder that the settings name. Where the address
or the supervisord is another host's, or another container's, it is refused altogether.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from recoverops.model import (
    EffectClass,
    Execution,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
)
from recoverops.plugins.linux.actions.end_process import KILLS
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, planned, probed, succeeded
from recoverops.plugins.linux.endings import end
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.locality import is_local
from recoverops.plugins.linux.process import ADDRESS, process_name
from recoverops.plugins.linux.procfs import Processes, Stat, command_line, owner, scan
from recoverops.plugins.linux.restart import touched_with
from recoverops.plugins.linux.sockets import holders, inodes_of, listeners, sockets
from recoverops.plugins.linux.supervised import LOOKS, STARTS, Supervised
from recoverops.ports import Clock, Parameter, Permission
from recoverops.redact import redact

HTTP = "http"
_WHOLE = 4096
"""A command line is read no further; so nothing of it is cut."""
_NUMBER = re.compile(r"[0-9a-fA-F]{8,}|[0-9]+")
"""Also what stands for a run: a digest, the parts of a UUID."""
_FIRST_PERSON = 1000
"""User ids below are accounts of the system, on every common distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that listens on the port, and what decides whether it may be ended."""

    stat: Stat
    user: int
    folder: str
    """Its working directory; empty when it is not to be seen."""
    command: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Whom the action never ends: pid -> whose it is."""

    pids: Mapping[int, str]
    folders: tuple[str, ...]
    """Where processes of system accounts may be ended."""

    def refusal(self, holder: Holder) -> str | None:
        """Why this holder stays; None when it may be ended. Pure."""
        whose = self.pids.get(holder.stat.pid)
        if whose is not None:
            return f"{holder.told} is {whose}"
        if holder.user < _FIRST_PERSON and not any(_lies_in(holder.folder, folder) for folder in self.folders):
            return (
                f"{holder.told} belongs to a system account (user id {holder.user}) and works in "
                f"{holder.folder or 'an unknown folder'}, which `free_port.folders` does not name"
            )
        return None


class FreePort:
    """Implements `ports.Action`."""

    name = "free-port"
    summary = "Ends the stray process that holds the service's port, then has the service started."
    effect = EffectClass.RESTORATIVE
    parameters: tuple[Parameter, ...] = ()
    permissions = (
        LOOKS,
        STARTS,
        KILLS,
        Permission(system="capability", right="CAP_SYS_PTRACE, or the same user", why="to see who holds the port"),
    )

    def __init__(
        self,
        supervised: Supervised,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        grace: timedelta,
        timeout: timedelta,
        folders: tuple[str, ...],
    ) -> None:
        self._supervised = supervised
        self._services = services
        self._clock = clock
        self._grace_s = grace.total_seconds()
        self._folders = folders
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        host, port = self._place(service)
        process = self._supervised.look_at(service)
        found = self._holders(host, port)
        if not found:
            raise PermanentError(f"nothing to free: nobody on this host listens on port {port} of {service.name}")
        self._check(found)
        return planned(
            self,
            service,
            arguments,
            summary=f"free port {port} of {service.name}: end {', '.join(one.told for one in found)}, then start "
            f"{service.name} (now {process.statement})",
            before={
                "program": process.name,
                **process.snapshot,
                "port": str(port),
                "ends": ends_of(found),
                "holders": json.dumps([list(one.stat.identity) for one in found]),
                "holder": "; ".join(one.told for one in found),
            },
            aim=("program", "port", "ends"),
            touches=touched_with(service, self._services),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, service))

    def _probe(self, plan: Plan, service: Service) -> ProbeResult:
        host, port = self._place(service)
        process, held = self._supervised.look_at(service), self._holders(host, port)
        planned_ones, tree = _planned(plan), {stat.pid for stat in self._supervised.tree_of(process)}
        if any(one.stat.identity in planned_ones for one in held):
            return probed(ProbeAnswer.NOT_DONE, f"port {port} is still held by {_told(held)}")
        strangers = [one for one in held if one.stat.pid not in tree]
        if strangers:
            return probed(ProbeAnswer.UNKNOWN, f"port {port} is held by another one now: {_told(strangers)}")
        if not process.is_alive:
            return probed(ProbeAnswer.NOT_DONE, f"port {port} is free, but {process.name} is {process.statement}")
        return probed(ProbeAnswer.DONE, f"port {port} is no stranger's; {process.name} is {process.statement}")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._free(plan, service, attempt))

    def _free(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        (host, port), name = self._place(service), process_name(service)
        tree = {stat.pid for stat in self._supervised.tree_of(self._supervised.look(name))}
        held = [one for one in self._holders(host, port) if one.stat.pid not in tree]
        unplanned = [one for one in held if one.stat.identity not in _planned(plan)]
        if unplanned:
            raise PermanentError(f"port {port} is held by another one than planned: {_told(unplanned)}; plan anew")
        told = f"not repeated: port {port} is held by no stranger"
        attempt.kept = evidence(service)
        if held:
            told = self._end(service, held, port, attempt)
        now = self._supervised.start(name, attempt)
        return succeeded(f"{told}; {name} is {now.statement}", attempt.kept | now.snapshot)

    def _end(self, service: Service, held: Sequence[Holder], port: int, attempt: Attempt) -> str:
        self._check(held)
        stats = [one.stat for one in held]
        attempt.kept = {**evidence(service, stats), "holder": redact(_told(held))}
        attempt.begun(f"{_told(held)} was told to end, but ")
        ended = end(stats, grace_s=min(self._grace_s, attempt.left_s()), clock=self._clock)
        attempt.kept["ended"] = ended.statement
        return f"freed port {port}: {ended.statement} ({_told(held)})"

    def _place(self, service: Service) -> tuple[str, int]:
        """Host and port, both of this host; raises `PermanentError` when nobody here can be in the service's way."""
        host, port = place_of(service)
        if not is_local(host):
            raise PermanentError(
                f'the port is not freed: "{host}" in the http address of {service.name} is no address of this host, so '
                f"whoever listens on port {port} here is not in its way; run RecoverOps there"
            )
        self._supervised.check_is_here()
        return host, port

    def _holders(self, host: str, port: int) -> tuple[Holder, ...]:
        """Raises `UnreachableError` when somebody listens and we may not see who."""
        listening = listeners(port, host, sockets())
        if not listening:
            return ()
        found = holders(one.inode for one in listening)
        if not found.inodes:
            raise UnreachableError(
                f"somebody listens on port {port}, but RecoverOps may not see who; let it run as the same user, or "
                f"with "
                "CAP_SYS_PTRACE"
            )
        picture = scan()
        known = [_holder(picture.by_pid[pid]) for pid in sorted(found.inodes) if pid in picture.by_pid]
        return tuple(known)

    def _check(self, found: Sequence[Holder]) -> None:
        protected = self._protected()
        for holder in found:
            refusal = protected.refusal(holder)
            if refusal is not None:
                raise PermanentError(f"the port is not freed: {refusal}")

    def _protected(self) -> Protected:
        picture = scan()
        pids = {stat.pid: "RecoverOps itself" for stat in picture.tree(os.getpid())}
        for service in self._services.values():
            for pid in self._pids_of(service, picture):
                pids[pid] = f"part of the service {service.name}"
        pids[self._supervised.daemon_pid()] = "supervisord itself"
        for pid in picture.ancestors(os.getpid()):
            pids[pid] = "RecoverOps itself" if pid == os.getpid() else "a parent of RecoverOps"
        pids[1] = "the first process of the system"
        return Protected(pids=pids, folders=self._folders)

    def _pids_of(self, service: Service, picture: Processes) -> set[int]:
        """Its tree under supervisord; without one, whoever listens where its `http` address points."""
        if ADDRESS in service.address:
            try:
                process = self._supervised.look_at(service)
            except (PermanentError, MisconfiguredError):
                return set()
            return {stat.pid for stat in picture.tree(process.pid)} if process.pid else set()
        try:
            host, port = place_of(service)
        except MisconfiguredError:
            return set()
        mine = {one.inode for one in listeners(port, host, sockets())}
        return {pid for pid in picture.by_pid if mine & inodes_of(pid)} if mine else set()


def place_of(service: Service) -> tuple[str, int]:
    """Host and port of the service's `http` address; raises `MisconfiguredError` when it has none."""
    address = service.address.get(HTTP)
    if address is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{HTTP}"; give it e.g. `http: http://127.0.0.1:8080/health`'
        )
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError) as error:
        raise MisconfiguredError(f'service "{service.name}": http address {address!r} names no port') from error
    return parts.hostname or "", port


def _holder(stat: Stat) -> Holder:
    user = owner(stat.pid)
    try:
        folder = os.readlink(f"/proc/{stat.pid}/cwd")
    except OSError:
        folder = ""
    told = f"pid {stat.pid} ({command_line(stat.pid, limit=80)}, user id {user})"
    command = command_line(stat.pid, limit=_WHOLE)
    return Holder(stat=stat, user=0 if user is None else user, folder=folder, command=command, told=told)


def ends_of(found: Sequence[Holder]) -> str:
    """Whom the plan ends, by command, user and folder. Without pids: a stray that comes back whenever it ends, or has
    more workers by now, would never be what was approved; another program is not. Nor with the other numbers of the
    command: some programs count in it what they have served."""
    commands = sorted({f"{_NUMBER.sub('#', one.command)} of user id {one.user} in {one.folder}" for one in found})
    return redact("; ".join(commands))


def _planned(plan: Plan) -> set[tuple[int, int]]:
    return {(int(pid), int(start)) for pid, start in json.loads(plan.before.get("holders", "[]"))}


def _lies_in(path: str, folder: str) -> bool:
    return bool(path) and os.path.commonpath([path, folder]) == folder.rstrip("/")


def _told(found: Sequence[Holder]) -> str:
    return ", ".join(one.told for one in found)
