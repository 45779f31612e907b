"""A RecoverOps plugin from outside: the action `call-endpoint`."""

from __future__ import annotations

from recoverops.ports import Plugin, PluginContext, PluginParts
from recoverops_http_action.settings import HttpActionSettings

__all__ = ["HttpActionSettings", "plugin"]


def _build(settings: HttpActionSettings, context: PluginContext) -> PluginParts:
    from recoverops_http_action.action import CallEndpoint

    secret = context.secret(settings.secret) if settings.secret else ""
    return PluginParts(actions=(CallEndpoint(timeout=settings.timeout, secret=secret),))


plugin = Plugin(
    name="http-action",
    settings=HttpActionSettings,
    build=_build,
    addresses=("endpoint",),
    summary="Asks a service to repair itself over HTTP, once.",
)
