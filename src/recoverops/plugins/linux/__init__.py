"""Services on a Linux host: what supervisord says of them, and their restart."""

from __future__ import annotations

from recoverops.plugins.linux.settings import LinuxSettings, SupervisorSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["LinuxSettings", "SupervisorSettings", "plugin"]


def _build(settings: LinuxSettings, context: PluginContext) -> PluginParts:
    if settings.supervisor is None:
        return PluginParts()
    return _supervisor_parts(settings.supervisor, context)


def _supervisor_parts(settings: SupervisorSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.linux.restart import RestartService
    from recoverops.plugins.linux.rpc import SupervisorClient
    from recoverops.plugins.linux.source import SupervisorSource

    credentials = None
    if settings.username is not None and settings.password is not None:
        credentials = (settings.username, context.secret(settings.password))
    client = SupervisorClient(settings.url, clock=context.clock, credentials=credentials)
    source = SupervisorSource(
        client, context.services, clock=context.clock, every=settings.every, timeout=settings.timeout
    )
    restart = RestartService(
        client, context.services, clock=context.clock, timeout=settings.restart_timeout, probe_timeout=settings.timeout
    )
    return PluginParts(sources=(source,), actions=(restart,))


plugin = Plugin(
    name="linux",
    settings=LinuxSettings,
    build=_build,
    summary="Reads service states from supervisord and restarts services with it.",
)
