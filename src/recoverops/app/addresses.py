"""Keys of `services[].address` against what plugins read: under a mistyped key nobody looks after the service.

A key that nobody reads is wrong, unless a plugin is there that does not say which it reads; then `check` warns. It
warns too of a key of a bundled plugin that is not loaded: the plugin may have been taken out for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.model import Record

BUNDLED = {
    "aws": "aws",
    "aws-logs": "aws",
    "disk": "linux",
    "http": "http",
    "log": "linux",
    "metrics": "prometheus",
    "nginx": "linux",
    "release": "linux",
    "supervisor": "linux",
    "systemd": "linux",
    "workers": "linux",
}
"""Key -> the plugin that comes with RecoverOps and reads it. It stands here because only named plugins are imported."""


class _Unread(Record, frozen=True, kw_only=True):
    place: str
    service: str
    key: str


def address_problems(settings: Settings, loaded: Loaded) -> Iterator[str]:
    if all(keys is not None for keys in loaded.addresses.values()):
        yield from (_told(one, loaded) for one in _unread(settings, loaded) if one.key not in BUNDLED)


def address_doubts(settings: Settings, loaded: Loaded) -> Iterator[str]:
    silent = sorted(plugin for plugin, keys in loaded.addresses.items() if keys is None)
    for one in _unread(settings, loaded):
        if one.key in BUNDLED:
            yield (
                f'{one.place}: service "{one.service}" has the address "{one.key}", which only the plugin '
                f"{BUNDLED[one.key]} reads; add it to plugins:"
            )
        elif silent:
            yield f"{_told(one, loaded)}; {', '.join(silent)} may read it, but does not say which addresses it reads"


def _unread(settings: Settings, loaded: Loaded) -> Iterator[_Unread]:
    read = _read(loaded)
    for position, service in enumerate(settings.inventory.services.values()):
        for key in service.address:
            if key not in read:
                place = str(settings.configuration.place(f"services[{position}].address.{key}"))
                yield _Unread(place=place, service=service.name, key=key)


def _read(loaded: Loaded) -> frozenset[str]:
    return frozenset(key for keys in loaded.addresses.values() for key in keys or ())


def _told(one: _Unread, loaded: Loaded) -> str:
    read = sorted(_read(loaded))
    nearest = get_close_matches(one.key, sorted({*read, *BUNDLED}), n=1)
    meant = f' (did you mean "{nearest[0]}"?)' if nearest else ""
    return (
        f'{one.place}: service "{one.service}" has the address "{one.key}", which no loaded plugin reads{meant}; '
        f"read are: {', '.join(read) or 'none'}"
    )
