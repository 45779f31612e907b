"""Releases of a service: the symlink that names the current one, the folder that holds them, and what came before.

A symlink does not remember where it pointed before, and a directory's own time moves when the release writes into it.
So every switch that is seen or made is written into a small file beside the link, `.<link>.history.json`; the source
writes what it sees, the action what it does. Only where the file says nothing, the newest other directory that was not
changed since the link was made counts as the previous release: a later one may be the next one, or half unpacked. A
release that we left because it was bad is no candidate until somebody else switches to it again.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recoverops.model import MisconfiguredError, PermanentError, Service, UnreachableError, digest

ADDRESS = "release"
_KEPT = 20
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Current:
    """Where a link points now."""

    link: Path
    target: str
    """As it is written in the link."""
    name: str
    """The directory's own name: the release."""
    since: datetime
    """When the link was made; a switch makes a new one."""
    moved_s: int
    """The second since 1970 in which it was put there, by the ctime: copied links bring an older mtime along."""


@dataclass(frozen=True, slots=True)
class Switch:
    release: str
    at: str
    by: str
    """`seen`: somebody else's; `switched` and `undone`: ours."""


def link_of(service: Service) -> Path:
    """Raises `MisconfiguredError` when the service has no such address."""
    address = service.address.get(ADDRESS)
    if address is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; give it the path of the link to its current release'
        )
    if not address.startswith("/"):
        raise MisconfiguredError(
            f'service "{service.name}": release address {address!r} does not begin with /, e.g. /srv/shop/current'
        )
    return Path(address)


def current_of(link: Path) -> Current:
    """Raises `UnreachableError` when there is no such link, `PermanentError` when it is something else."""
    try:
        target = os.readlink(link)
        status = os.lstat(link)
    except FileNotFoundError as error:
        raise UnreachableError(f"{link} does not exist") from error
    except OSError as error:
        raise PermanentError(f"{link} is no symbolic link to a release ({error.strerror})") from error
    since = datetime.fromtimestamp(status.st_mtime, UTC)
    moved_s = status.st_ctime_ns // 10**9
    return Current(link=link, target=target, name=Path(target).name, since=since, moved_s=moved_s)


class Releases:
    """The releases beside each link. One lock: the source and the action write the same small files."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def folder_of(self, link: Path) -> Path:
        """Where the releases have to lie; a relative setting counts from the link's directory."""
        return link.parent / self._folder

    def directory(self, link: Path, name: str) -> Path:
        """A release's directory. Raises `PermanentError` for anything that does not lie right in the folder."""
        folder = self.folder_of(link)
        path = folder / name
        if not name or name in {".", ".."} or "/" in name or path.is_symlink() or not path.is_dir():
            raise PermanentError(f"{path} is no directory right in {folder}, so it is no release to switch to")
        return path

    def checked(self, current: Current) -> Current:
        """The same; raises `PermanentError` when the link leads out of the folder of releases."""
        folder = self.folder_of(current.link)
        resolved = current.link.parent / current.target
        if Path(os.path.normpath(resolved)).parent != Path(os.path.normpath(folder)) and (
            os.path.realpath(resolved.parent) != os.path.realpath(folder)
        ):
            raise PermanentError(
                f"{current.link} points to {current.target}, which does not lie in {folder}; "
                "correct the link, or the setting `release.folder`"
            )
        return current

    def previous(self, current: Current) -> str | None:
        """The release before the current one; None when there is none."""
        abandoned, order = replay(self._read(current.link))
        for name in reversed(order):
            if name != current.name and name not in abandoned and self._is_release(current.link, name):
                return name
        if order and order != [current.name]:
            return None
        return self._newest_other(current, abandoned)

    def note(self, link: Path, release: str, *, by: str, at: datetime) -> None:
        """Remembers a switch, once; a file that cannot be written is no reason to fail."""
        with self._lock:
            known = self._read(link)
            if known and known[-1].release == release and by == "seen":
                return
            self._write(link, (*known, Switch(release, at.isoformat(), by))[-_KEPT:])

    def before(self, current: Current) -> str | None:
        """For people: the release that the link named last, other than the current one."""
        order = [switch.release for switch in self._read(current.link) if switch.release != current.name]
        return order[-1] if order else None

    def point(self, link: Path, target: str, *, key: str) -> None:
        """Makes the link point to the target, in one step that nobody sees half of. Raises `PermanentError`."""
        temporary = link.with_name(f".{link.name}.{digest(key)[:12]}")
        try:
            with suppress(FileNotFoundError):
                temporary.unlink()
            temporary.symlink_to(target)
            temporary.replace(link)
        except OSError as error:
            raise PermanentError(f"{link} cannot be pointed to {target}: {error.strerror}") from error

    def _is_release(self, link: Path, name: str) -> bool:
        try:
            self.directory(link, name)
        except PermanentError:
            return False
        return True

    def _newest_other(self, current: Current, abandoned: set[str]) -> str | None:
        """The newest other directory that was complete when the link was made; tools hide unfinished ones by a dot."""
        folder = self.folder_of(current.link)
        try:
            made_ns = os.lstat(current.link).st_mtime_ns
            with os.scandir(folder) as entries:
                others = [
                    (entry.stat(follow_symlinks=False), entry.name)
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and entry.name not in {current.name, *abandoned}
                ]
        except OSError as error:
            raise UnreachableError(f"the releases in {folder} cannot be listed: {error.strerror}") from error
        earlier = [
            (status.st_mtime_ns, name)
            for status, name in others
            if _changed_ns(status) <= made_ns and not name.startswith(".")
        ]
        return max(earlier)[1] if earlier else None

    def _file(self, link: Path) -> Path:
        return link.with_name(f".{link.name}.history.json")

    def _read(self, link: Path) -> tuple[Switch, ...]:
        try:
            descriptor = os.open(self._file(link), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                plain: Any = json.loads(file.read(_LARGEST))
            return tuple(Switch(str(one["release"]), str(one["at"]), str(one["by"])) for one in plain["switches"])
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def _write(self, link: Path, switches: tuple[Switch, ...]) -> None:
        plain = {"v": 1, "switches": [{"release": one.release, "at": one.at, "by": one.by} for one in switches]}
        file = self._file(link)
        temporary = file.with_name(f"{file.name}.new")
        with suppress(OSError):
            with suppress(FileNotFoundError):
                temporary.unlink()
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump(plain, out)
            temporary.replace(file)


def _changed_ns(status: os.stat_result) -> int:
    """The later of the two times: unpacking sets the mtime to that of the build, but nobody can set the ctime."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def replay(switches: tuple[Switch, ...]) -> tuple[set[str], list[str]]:
    """The releases that were left because they were bad, and all that were current, oldest first. Pure.

    Going back to a release that was current before, by whomever, says that the one left was bad. Undoing our own
    switch, or trying once more one that was left, says nothing of the kind.
    """
    abandoned: set[str] = set()
    order: list[str] = []
    for switch in switches:
        is_back = switch.release in order[:-1] and switch.release not in {order[-1], *abandoned}
        if order and switch.by != "undone" and (is_back or switch.by == "switched"):
            abandoned.add(order[-1])
        abandoned.discard(switch.release)
        order.append(switch.release)
    return abandoned, order
