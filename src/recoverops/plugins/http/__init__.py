"""HTTP in both directions: probes of services, closer observation of one, and signed notifications to a webhook."""

from __future__ import annotations

from recoverops.plugins.http.settings import HttpSettings, ProbeSettings, WebhookSettings
from recoverops.ports import Notifier, Plugin, PluginContext, PluginParts

__all__ = ["HttpSettings", "ProbeSettings", "WebhookSettings", "plugin"]


def _build(settings: HttpSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.http.probe import HttpProbe
    from recoverops.plugins.http.rates import Rates

    rates = Rates(settings.probe.every)
    probe = HttpProbe(context.services, settings=settings.probe, clock=context.clock, rates=rates)
    notifiers = () if settings.webhook is None else (_webhook(settings.webhook, context),)
    if settings.observation is None:
        return PluginParts(sources=(probe,), notifiers=notifiers)
    from recoverops.plugins.http.observing import observing

    source, action = observing(settings.observation, context, probe=probe, rates=rates, timeout=settings.probe.timeout)
    return PluginParts(sources=(probe, source), actions=(action,), notifiers=notifiers)


def _webhook(settings: WebhookSettings, context: PluginContext) -> Notifier:
    from recoverops.egress import target_of
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
    addresses=("http",),
    summary="Probes services over HTTP, observes one closer for a while, and posts signed notifications to a webhook.",
)
