"""Which sources and actions there are under given settings. Imported when the plugin is built, not before.

A source or action exists only if the settings allow it and some service has the address that it understands.
"""

from __future__ import annotations

from collections.abc import Iterator

from recoverops.model import MisconfiguredError
from recoverops.plugins.linux.action_settings import ScriptSettings, SpareFilesSettings
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
from recoverops.plugins.linux.releases import Releases
from recoverops.plugins.linux.restart import RestartService
from recoverops.plugins.linux.rpc import SupervisorClient
from recoverops.plugins.linux.settings import LinuxSettings, SupervisorSettings
from recoverops.plugins.linux.source import SupervisorSource
from recoverops.plugins.linux.sources.disk import DiskSource
from recoverops.plugins.linux.sources.host import HostSource
from recoverops.plugins.linux.sources.logs import LogSource
from recoverops.plugins.linux.sources.process import ProcessSource
from recoverops.plugins.linux.sources.release import ReleaseSource
from recoverops.plugins.linux.spare_files import SpareFiles
from recoverops.plugins.linux.supervised import Supervised
from recoverops.ports import Action, Parameter, PluginContext, PluginParts, Source


def assembled(settings: LinuxSettings, context: PluginContext) -> PluginParts:
    """Raises `MisconfiguredError` for a service that is named but not in the inventory."""
    _check_services(settings, context)
    releases = None if settings.release is None else Releases(settings.release.folder)
    parts = _Parts(settings, context, releases)
    return PluginParts(sources=tuple(parts.sources()), actions=tuple(parts.actions()))


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

    def actions(self) -> Iterator[Action]:
        if self._settings.supervisor is not None and self._client is not None and self._supervised is not None:
            yield from self._supervisor_actions(self._settings.supervisor, self._client, self._supervised)
        yield from self._file_actions()
        yield from self._program_actions()

    def _supervisor_actions(
        self, supervisor: SupervisorSettings, client: SupervisorClient, supervised: Supervised
    ) -> Iterator[Action]:
        settings, services, clock = self._settings, self._context.services, self._context.clock
        yield RestartService(
            client, services, clock=clock, timeout=supervisor.restart_timeout, probe_timeout=supervisor.timeout
        )
        yield StartService(supervised, services, clock=clock, timeout=settings.timeout)
        yield StopService(supervised, services, clock=clock, timeout=settings.timeout)
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
