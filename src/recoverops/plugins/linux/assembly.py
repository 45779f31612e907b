"""Which sources and actions there are under given settings. Imported when the plugin is built, not before.

A source or action exists only if the settings allow it and some service has the address that it understands.
"""

from __future__ import annotations

from collections.abc import Iterator

from recoverops.model import MisconfiguredError
from recoverops.plugins.linux.action_settings import ScriptSettings, SpareFilesSettings
from recoverops.plugins.linux.actions.by_address import ByAddress
from recoverops.plugins.linux.actions.end_process import EndProcess
from recoverops.plugins.linux.actions.free_disk import FreeDisk
from recoverops.plugins.linux.actions.free_port import FreePort
from recoverops.plugins.linux.actions.quarantine import QuarantineFiles
from recoverops.plugins.linux.actions.rotate_logs import RotateLogs, Rotation
from recoverops.plugins.linux.actions.run_script import RunScript, Script
from recoverops.plugins.linux.actions.run_state import StartService, StopService
from recoverops.plugins.linux.actions.scale_workers import ScaleWorkers
from recoverops.plugins.linux.actions.shift_load import Nginx, ShiftLoad
from recoverops.plugins.linux.actions.switch_release import SwitchRelease
from recoverops.plugins.linux.actions.unit_state import RestartUnit, StartUnit, StopUnit
from recoverops.plugins.linux.known_processes import KnownProcesses
from recoverops.plugins.linux.known_units import KnownUnits
from recoverops.plugins.linux.process import ADDRESS as SUPERVISOR
from recoverops.plugins.linux.releases import Releases
from recoverops.plugins.linux.restart import RestartService
from recoverops.plugins.linux.rpc import SupervisorClient
from recoverops.plugins.linux.settings import LinuxSettings, SupervisorSettings, SystemdSettings
from recoverops.plugins.linux.source import SupervisorSource
from recoverops.plugins.linux.sources.disk import DiskSource
from recoverops.plugins.linux.sources.host import HostSource
from recoverops.plugins.linux.sources.logs import LogSource
from recoverops.plugins.linux.sources.process import ProcessSource
from recoverops.plugins.linux.sources.release import ReleaseSource
from recoverops.plugins.linux.sources.units import UnitSource
from recoverops.plugins.linux.spare_files import SpareFiles
from recoverops.plugins.linux.supervised import Supervised
from recoverops.plugins.linux.systemctl import Systemctl, permissions
from recoverops.plugins.linux.units import ADDRESS as SYSTEMD
from recoverops.ports import Action, LiveCheck, Parameter, PluginContext, PluginParts, Source


def assembled(settings: LinuxSettings, context: PluginContext) -> PluginParts:
    """Raises `MisconfiguredError` for a service that is not in the inventory, or that two programs are said to run."""
    _check_services(settings, context)
    if settings.supervisor is not None and settings.systemd is not None:
        _check_addresses(context)
    releases = None if settings.release is None else Releases(settings.release.folder)
    parts = _Parts(settings, context, releases)
    return PluginParts(sources=tuple(parts.sources()), actions=tuple(parts.actions()), checks=tuple(parts.checks()))


class _Parts:
    def __init__(self, settings: LinuxSettings, context: PluginContext, releases: Releases | None) -> None:
        self._settings = settings
        self._context = context
        self._releases = releases
        self._addresses = {key for service in context.services.values() for key in service.address}
        self._client = None if settings.supervisor is None else _client(settings.supervisor, context)
        self._supervised = (
            None
            if settings.supervisor is None or self._client is None
            else Supervised(self._client, timeout=settings.supervisor.timeout)
        )

    def sources(self) -> Iterator[Source]:
        settings, services, clock = self._settings, self._context.services, self._context.clock
        if settings.supervisor is not None and self._client is not None:
            every, timeout = settings.supervisor.every, settings.supervisor.timeout
            yield SupervisorSource(self._client, services, clock=clock, every=every, timeout=timeout)
        if settings.systemd is not None and SYSTEMD in self._addresses:
            yield UnitSource(self._systemctl(settings.systemd), services, clock=clock, every=settings.systemd.every)
        if settings.process is not None and self._supervised is not None:
            yield ProcessSource(
                self._supervised,
                services,
                clock=clock,
                every=settings.process.every,
                growth_window=settings.process.growth_window,
            )
        if settings.disk is not None and "disk" in self._addresses:
            yield DiskSource(services, clock=clock, every=settings.disk.every)
        if settings.log_files is not None and "log" in self._addresses:
            logs = settings.log_files
            yield LogSource(services, clock=clock, every=logs.every, bytes_a_poll=logs.bytes_a_poll)
        if settings.release is not None and self._releases is not None and "release" in self._addresses:
            yield ReleaseSource(services, self._releases, clock=clock, every=settings.release.every)
        if settings.host is not None:
            yield HostSource(disk=settings.host.disk, clock=clock, every=settings.host.every)

    def checks(self) -> Iterator[LiveCheck]:
        if self._supervised is not None:
            yield KnownProcesses(self._supervised, self._context.services)
        if self._settings.systemd is not None and SYSTEMD in self._addresses:
            yield KnownUnits(self._systemctl(self._settings.systemd), self._context.services)

    def actions(self) -> Iterator[Action]:
        yield from self._run_state_actions()
        if self._supervised is not None:
            yield from self._supervisor_actions(self._supervised)
        yield from self._file_actions()
        yield from self._program_actions()

    def _run_state_actions(self) -> Iterator[Action]:
        """Restart, start and stop; where both supervisor and systemd are in use, the service's address chooses."""
        under_supervisor = tuple(self._actions_on_programs())
        under_systemd = tuple(self._actions_on_units())
        if under_supervisor and under_systemd:
            for program, unit in zip(under_supervisor, under_systemd, strict=True):
                yield ByAddress({SUPERVISOR: program, SYSTEMD: unit})
            return
        yield from under_supervisor or under_systemd

    def _actions_on_programs(self) -> Iterator[Action]:
        settings, services, clock = self._settings, self._context.services, self._context.clock
        if settings.supervisor is None or self._client is None or self._supervised is None:
            return
        own = settings.supervisor
        yield RestartService(
            self._client, services, clock=clock, timeout=own.restart_timeout, probe_timeout=own.timeout
        )
        yield StartService(self._supervised, services, clock=clock, timeout=settings.timeout)
        yield StopService(self._supervised, services, clock=clock, timeout=settings.timeout)

    def _actions_on_units(self) -> Iterator[Action]:
        services, clock, own = self._context.services, self._context.clock, self._settings.systemd
        if own is None or SYSTEMD not in self._addresses:
            return
        systemctl, names = (
            self._systemctl(own),
            sorted({one.address[SYSTEMD] for one in services.values() if SYSTEMD in one.address}),
        )
        wanted: tuple[tuple[type[RestartUnit | StartUnit | StopUnit], tuple[str, ...], str], ...] = (
            (RestartUnit, ("restart", "reset-failed"), "to stop it if it runs, and start it"),
            (StartUnit, ("start", "reset-failed"), "to start it"),
            (StopUnit, ("stop",), "to end its processes in the way that it declares"),
        )
        for kind, verbs, why in wanted:
            rights = permissions(names, verbs, program=own.systemctl, sudo=own.sudo, why=why)
            yield kind(systemctl, services, clock=clock, timeout=own.restart_timeout, permissions=rights)

    def _systemctl(self, settings: SystemdSettings) -> Systemctl:
        return Systemctl(settings.systemctl, sudo=settings.sudo, clock=self._context.clock, timeout=settings.timeout)

    def _supervisor_actions(self, supervised: Supervised) -> Iterator[Action]:
        settings, services, clock = self._settings, self._context.services, self._context.clock
        grace = settings.end_process.grace
        yield EndProcess(supervised, services, clock=clock, grace=grace, timeout=settings.timeout)
        yield FreePort(
            supervised,
            services,
            clock=clock,
            grace=grace,
            timeout=settings.timeout,
            folders=settings.free_port.folders,
        )
        if self._releases is not None and "release" in self._addresses:
            yield SwitchRelease(supervised, self._releases, services, clock=clock, timeout=settings.timeout)
        if "workers" in self._addresses:
            fewest, most = settings.workers.fewest, settings.workers.most
            yield ScaleWorkers(supervised, clock=clock, timeout=settings.timeout, fewest=fewest, most=most)

    def _file_actions(self) -> Iterator[Action]:
        settings, clock = self._settings, self._context.clock
        rules = [_spare_files(one) for one in settings.free_disk]
        if any(rule.quarantine is None for rule in rules):
            yield FreeDisk(rules, clock=clock, timeout=settings.timeout)
        if any(rule.quarantine is not None for rule in rules):
            yield QuarantineFiles(rules, clock=clock, timeout=settings.timeout)
        if "log" in self._addresses:
            rotations = [Rotation(service=one.service, reopen_signal=one.signal) for one in settings.rotate_logs]
            yield RotateLogs(self._supervised, rotations, clock=clock, timeout=settings.timeout)

    def _program_actions(self) -> Iterator[Action]:
        settings, clock = self._settings, self._context.clock
        if settings.scripts is not None:
            scripts = [_script(one, self._context) for one in settings.scripts.declared]
            yield RunScript(scripts, journal=settings.scripts.journal, clock=clock)
        if settings.nginx is not None and "nginx" in self._addresses:
            one = settings.nginx
            nginx = Nginx(file=one.file, binary=one.binary, config=one.config, prefix=one.prefix)
            yield ShiftLoad(nginx, clock=clock, timeout=settings.timeout)


def _client(settings: SupervisorSettings, context: PluginContext) -> SupervisorClient:
    credentials = None
    if settings.username is not None and settings.password is not None:
        credentials = (settings.username, context.secret(settings.password))
    return SupervisorClient(settings.url, clock=context.clock, credentials=credentials)


def _spare_files(settings: SpareFilesSettings) -> SpareFiles:
    return SpareFiles(
        service=settings.service,
        folder=settings.folder,
        pattern=settings.pattern,
        older_than=settings.older_than,
        quarantine=settings.quarantine,
        are_logs=settings.are_logs,
    )


def _script(settings: ScriptSettings, context: PluginContext) -> Script:
    return Script(
        name=settings.name,
        services=settings.services,
        command=settings.command,
        parameters={
            name: Parameter(name=name, pattern=one.pattern, meaning=one.meaning)
            for name, one in settings.parameters.items()
        },
        timeout=settings.timeout,
        folder=settings.folder or "/",
        environment=settings.environment,
        secrets={name: context.secret(reference) for name, reference in settings.secrets.items()},
    )


def _check_services(settings: LinuxSettings, context: PluginContext) -> None:
    named = [("free_disk", one.service) for one in settings.free_disk]
    named += [("rotate_logs", one.service) for one in settings.rotate_logs]
    if settings.scripts is not None:
        named += [("scripts", service) for one in settings.scripts.declared for service in one.services]
    unknown = [f'{where}: there is no service "{name}"' for where, name in named if name not in context.services]
    if unknown:
        known = ", ".join(sorted(context.services)) or "none"
        raise MisconfiguredError(*(f"{one}; the inventory has: {known}" for one in dict.fromkeys(unknown)))


def _check_addresses(context: PluginContext) -> None:
    """One program keeps a service running; two would measure the same series, and fight over it."""
    doubly = [one.name for one in context.services.values() if {SUPERVISOR, SYSTEMD} <= one.address.keys()]
    if doubly:
        told = f'has both addresses "{SUPERVISOR}" and "{SYSTEMD}"; give it the one that keeps it running'
        raise MisconfiguredError(*(f'service "{name}" {told}' for name in doubly))
