"""Notifications in a Slack channel."""

from __future__ import annotations

from recoverops.plugins.slack.settings import SlackSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["SlackSettings", "plugin"]


def _build(settings: SlackSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.slack.notifier import SlackNotifier

    notifier = SlackNotifier(lambda: context.secret(settings.url), timeout=settings.timeout, clock=context.clock)
    return PluginParts(notifiers=(notifier,))


plugin = Plugin(
    name="slack",
    settings=SlackSettings,
    build=_build,
    addresses=(),
    summary="Posts notifications to Slack through an incoming webhook.",
)
