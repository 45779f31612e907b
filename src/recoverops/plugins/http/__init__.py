"""HTTP in both directions: probes of services, and signed notifications to a webhook."""

from __future__ import annotations

from recoverops.plugins.http.settings import HttpSettings, ProbeSettings, WebhookSettings
from recoverops.ports import Notifier, Plugin, PluginContext, PluginParts

__all__ = ["HttpSettings", "ProbeSettings", "WebhookSettings", "plugin"]


def _build(settings: HttpSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.http.probe import HttpProbe

    probe = HttpProbe(context.services, settings=settings.probe, clock=context.clock)
    notifiers = () if settings.webhook is None else (_webhook(settings.webhook, context),)
    return PluginParts(sources=(probe,), notifiers=notifiers)


def _webhook(settings: WebhookSettings, context: PluginContext) -> Notifier:
    from recoverops.plugins.http.egress import target_of
    from recoverops.plugins.http.webhook import WebhookNotifier, signing_key

    is_literal = settings.url.startswith(("http://", "https://"))
    url = settings.url if is_literal else context.secret(settings.url)
    return WebhookNotifier(
        target_of(url, where="the webhook's url"),
        key=signing_key(context.secret(settings.secret)),
        timeout=settings.timeout,
        clock=context.clock,
    )


plugin = Plugin(
    name="http",
    settings=HttpSettings,
    build=_build,
    summary="Probes services over HTTP and posts signed notifications to a webhook.",
)
