"""Alerts from Prometheus Alertmanager, delivered to `POST /intake/alertmanager`."""

from __future__ import annotations

from recoverops.plugins.prometheus.settings import PrometheusSettings
from recoverops.ports import Plugin, PluginContext, PluginParts

__all__ = ["PrometheusSettings", "plugin"]


def _build(settings: PrometheusSettings, _context: PluginContext) -> PluginParts:
    from recoverops.plugins.prometheus.alertmanager import AlertmanagerSource

    return PluginParts(push_sources=(AlertmanagerSource(max_alerts=settings.max_alerts),))


plugin = Plugin(
    name="prometheus",
    settings=PrometheusSettings,
    build=_build,
    summary="Takes alerts from Alertmanager's webhook.",
)
