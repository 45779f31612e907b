"""Services on a Linux host: how they fare, and what can be done for them. `assembly` puts the parts together."""

from __future__ import annotations

from recoverops.plugins.linux.settings import LinuxSettings, SupervisorSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["LinuxSettings", "SupervisorSettings", "plugin"]


def _build(settings: LinuxSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.linux.assembly import assembled

    return assembled(settings, context)


plugin = Plugin(
    name="linux",
    settings=LinuxSettings,
    build=_build,
    addresses=("disk", "log", "nginx", "release", "supervisor", "systemd", "workers"),
    summary="Measures services on this host, and restarts, ends, frees, switches and scales them.",
)
