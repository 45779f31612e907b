"""The plugins that pip installed, by their entry points: found, checked against what was asked for, imported.

The only private thing about a bundled vendor is that its version need not be pinned: it is RecoverOps' own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any

from recoverops.app.settings import PluginEntry
from recoverops.ports import PLUGIN_API, Plugin
from recoverops.redact import redact

GROUP = "recoverops.plugins"
OWN_PACKAGE = "recoverops"


class UnfitError(Exception):
    """This plugin cannot be used; the message says why."""


def found_points() -> Mapping[str, tuple[EntryPoint, ...]]:
    points: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        points[point.name] = (*points.get(point.name, ()), point)
    return points


def the_one(entry: PluginEntry, points: tuple[EntryPoint, ...]) -> EntryPoint:
    if not points:
        raise UnfitError(
            f'no installed package offers a plugin "{entry.name}"; install it; `recoverops plugins` lists the names'
        )
    if len(points) > 1:
        packages = ", ".join(sorted(package_of(point) for point in points))
        raise UnfitError(f'several packages offer a plugin "{entry.name}" ({packages}); uninstall all but one')
    return points[0]


def package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def check_origin(entry: PluginEntry, point: EntryPoint) -> None:
    package = package_of(point)
    version = point.dist.version if point.dist else "unknown"
    if package != OWN_PACKAGE and entry.version is None:
        raise UnfitError(f'it comes from the package {package}, so its version has to be named: version: "{version}"')
    if entry.version is not None and entry.version != version:
        raise UnfitError(f"version {entry.version} was asked for, installed is {package} {version}")
    if entry.sha256 is None:
        return
    found = digest_of(point.dist) if point.dist else None
    if found is None:
        raise UnfitError(
            f"sha256 is named, but pip keeps no list of the files of {package} {version}, as for an editable install; "
            "install it as a package, or leave sha256 out"
        )
    if entry.sha256 != found:
        raise UnfitError(f"the files of {package} {version} have the digest {found}, not the one named")


def digest_of(distribution: Distribution) -> str | None:
    """SHA-256 over names and contents of the package's Python files, in the order of their names; None without any."""
    files = [file for file in sorted(distribution.files or (), key=str) if file.suffix == ".py"]
    if not files:
        return None
    hasher = hashlib.sha256()
    for file in files:
        hasher.update(str(file).encode() + b"\0")
        hasher.update(hashlib.sha256(file.read_binary()).digest())
    return hasher.hexdigest()


def import_plugin(point: EntryPoint) -> Plugin[Any]:
    try:
        plugin = point.load()
    except Exception as error:
        raise UnfitError(f"it could not be imported: {type(error).__name__}: {redact(str(error))}") from error
    if not isinstance(plugin, Plugin):
        raise UnfitError(f"{point.value} is a {type(plugin).__name__}, expected a recoverops.ports.Plugin")
    if plugin.api != PLUGIN_API:
        raise UnfitError(f"it is made for version {plugin.api} of the plugin contract, this release has {PLUGIN_API}")
    return plugin
