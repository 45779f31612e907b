"""Notifications on the terminal of whoever runs RecoverOps."""

from __future__ import annotations

from recoverops.plugins.console.settings import ConsoleSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["ConsoleSettings", "plugin"]


def _build(_settings: ConsoleSettings, _context: PluginContext) -> PluginParts:
    from recoverops.plugins.console.notifier import ConsoleNotifier

    return PluginParts(notifiers=(ConsoleNotifier(),))


plugin = Plugin(
    name="console",
    settings=ConsoleSettings,
    build=_build,
    addresses=(),
    summary="Writes each notification as one line to standard error.",
)
