"""Puts `raise-observation` and the source that ends it together. Imported when the plugin is built, not before."""

from __future__ import annotations

from datetime import timedelta

from recoverops.egress import Fetcher, target_of
from recoverops.model import MisconfiguredError, PermanentError, UnreachableError
from recoverops.plugins.http.log_level import LogLevel
from recoverops.plugins.http.observations import Observations
from recoverops.plugins.http.observed import ObservationSource
from recoverops.plugins.http.probe import ADDRESS, HttpProbe
from recoverops.plugins.http.raise_observation import RaiseObservation
from recoverops.plugins.http.rates import Rates
from recoverops.plugins.http.settings import LogLevelSettings, ObservationSettings
from recoverops.ports import Permission, PluginContext

_LARGEST_PAGE = 64 * 1024
_LOOKS = timedelta(seconds=1)
"""How often the end of an observation is looked for."""
_CALLS = 6
"""Requests of one action at most: two looks at the level, one at the service, one change, and room for a slow one."""


def observing(
    settings: ObservationSettings, context: PluginContext, *, probe: HttpProbe, rates: Rates, timeout: timedelta
) -> tuple[ObservationSource, RaiseObservation]:
    """Raises `MisconfiguredError` for an unknown service, a refused address, and a journal that cannot be used."""
    unknown = [one.service for one in settings.log_levels if one.service not in context.services]
    if unknown:
        raise MisconfiguredError(*(f'log_levels: there is no service "{name}" in the inventory' for name in unknown))
    levels = {one.service: _level(one, context, timeout) for one in settings.log_levels}
    try:
        observations = Observations(
            settings.journal, rates=rates, levels=levels, every=settings.every, clock=context.clock
        )
    except UnreachableError as error:
        raise MisconfiguredError(f"observation: {error}; make the folder, and let RecoverOps write to it") from error
    except PermanentError as error:
        raise MisconfiguredError(f"observation: {error}") from error
    action = RaiseObservation(
        observations,
        probe,
        every=settings.every,
        lasts=settings.lasts,
        timeout=timeout * _CALLS,
        permissions=tuple(_permissions(settings)),
        clock=context.clock,
    )
    probed = tuple(service for service in context.services.values() if ADDRESS in service.address)
    return ObservationSource(observations, probed, every=_LOOKS, clock=context.clock), action


def _level(settings: LogLevelSettings, context: PluginContext, timeout: timedelta) -> LogLevel:
    bearer = "" if settings.bearer is None else context.secret(settings.bearer)
    target = target_of(settings.url, where=f'the log level page of "{settings.service}"', bearer=bearer)
    fetcher = Fetcher(timeout_s=timeout.total_seconds(), max_bytes=_LARGEST_PAGE, clock=context.clock)
    return LogLevel(settings, target, fetcher=fetcher)


def _permissions(settings: ObservationSettings) -> list[Permission]:
    journal = Permission(system="file", right=f"write {settings.journal}", why="to restore after a crash as well")
    pages = [
        Permission(system="http", right=f"{one.method} to the log level page of {one.service}", why="to set its level")
        for one in settings.log_levels
    ]
    return [journal, *pages]
