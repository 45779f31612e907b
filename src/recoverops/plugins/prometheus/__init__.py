"""Prometheus in all directions: its alerts, its queries, and services that speak its text format.

Alerts come through Alertmanager (`POST /intake/alertmanager`) or straight from Prometheus and amtool
(`POST /api/v2/alerts`); the source `prometheus` asks a server, the source `scrape` asks the services themselves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from recoverops.plugins.prometheus.settings import PrometheusSettings, QuerySettings, ScrapeSettings, ServerSettings
from recoverops.ports import Plugin, PluginContext, PluginParts, Source

if TYPE_CHECKING:
    from recoverops.plugins.prometheus.history import PrometheusHistory
    from recoverops.plugins.prometheus.server import PrometheusServer

__all__ = ["PrometheusSettings", "QuerySettings", "ScrapeSettings", "ServerSettings", "plugin"]


def _build(settings: PrometheusSettings, context: PluginContext) -> PluginParts:
    from recoverops.plugins.prometheus.alertmanager import AlertmanagerSource
    from recoverops.plugins.prometheus.api_alerts import AlertmanagerApiSource

    webhook = AlertmanagerSource(
        max_alerts=settings.max_alerts, clock=context.clock, truncated=partial(_count_truncated, context)
    )
    api = AlertmanagerApiSource(
        max_alerts=settings.max_alerts, same_alert_within=settings.same_alert_within, clock=context.clock
    )
    return PluginParts(
        sources=(*_scrape(settings.scrape, context), *_server(settings.server, context)),
        push_sources=(webhook, api),
        readers=(_reader(settings.server, context),),
    )


def _count_truncated(context: PluginContext) -> None:
    from recoverops.plugins.prometheus.alertmanager import NAME, TRUNCATED

    if context.telemetry is not None:
        context.telemetry.count(TRUNCATED, source=NAME)


def _scrape(settings: ScrapeSettings, context: PluginContext) -> tuple[Source, ...]:
    from recoverops.plugins.prometheus.scrape import ADDRESS, Scrape

    if not any(ADDRESS in service.address for service in context.services.values()):
        return ()
    return (Scrape(context.services, settings=settings, clock=context.clock),)


def _server(settings: ServerSettings | None, context: PluginContext) -> tuple[Source, ...]:
    from recoverops.plugins.prometheus.promql import PromqlSource

    if settings is None or not settings.queries:
        return ()
    return (PromqlSource(_connected(settings, context), context.services, settings=settings, clock=context.clock),)


def _reader(settings: ServerSettings | None, context: PluginContext) -> PrometheusHistory:
    """Also without a server in the configuration: a command may name one."""
    from recoverops.plugins.prometheus.history import PrometheusHistory

    def connect(url: str) -> PrometheusServer:
        return _connected(ServerSettings(url=url), context)

    if settings is None:
        return PrometheusHistory(None, (), connect)
    return PrometheusHistory(_connected(settings, context), settings.queries, connect)


def _connected(settings: ServerSettings, context: PluginContext) -> PrometheusServer:
    from recoverops.egress import Fetcher, target_of
    from recoverops.plugins.prometheus.server import PrometheusServer

    bearer = "" if settings.bearer is None else context.secret(settings.bearer)
    fetcher = Fetcher(timeout_s=settings.timeout.total_seconds(), max_bytes=settings.max_bytes, clock=context.clock)
    target = target_of(settings.url, where="the server's url", bearer=bearer)
    return PrometheusServer(target, fetcher, timeout=settings.timeout)


plugin = Plugin(
    name="prometheus",
    settings=PrometheusSettings,
    build=_build,
    addresses=("metrics",),
    summary="Takes alerts from Alertmanager, Prometheus and amtool, asks PromQL queries, and scrapes metrics pages.",
)
