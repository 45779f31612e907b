"""Lists what pip installed as plugins, and what became of each: for `recoverops plugins`."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from recoverops.app.plugin_points import digest_of, found_points, package_of
from recoverops.app.plugins import load_plugins
from recoverops.app.settings import Settings
from recoverops.model import ComponentStatus, Record
from recoverops.ports import Clock


class InstalledPlugin(Record, frozen=True, kw_only=True):
    """One entry point that pip installed, and what became of it."""

    name: str
    package: str
    version: str
    sha256: str | None
    """None: pip keeps no list of its files, as for an editable install."""
    state: str
    """up | disabled | not_named"""
    statement: str


def installed_plugins(settings: Settings, clock: Clock) -> tuple[InstalledPlugin, ...]:
    """Everything in the entry-point group; nothing that the configuration does not name is imported."""
    loaded = {one.name: one for one in load_plugins(settings, clock).statuses}
    found = [(name, point) for name, points in sorted(found_points().items()) for point in points]
    shown = [_installed(name, point, loaded.get(f"plugin {name}")) for name, point in found]
    missing = set(loaded) - {f"plugin {name}" for name, _ in found}
    shown.extend(
        InstalledPlugin(
            name=name.removeprefix("plugin "),
            package="-",
            version="-",
            sha256=None,
            state=loaded[name].state,
            statement=loaded[name].statement,
        )
        for name in sorted(missing)
    )
    return tuple(shown)


def _installed(name: str, point: EntryPoint, status: ComponentStatus | None) -> InstalledPlugin:
    return InstalledPlugin(
        name=name,
        package=package_of(point),
        version=point.dist.version if point.dist else "unknown",
        sha256=digest_of(point.dist) if point.dist else None,
        state=status.state if status else "not_named",
        statement=status.statement if status else "installed, but the configuration does not name it",
    )
