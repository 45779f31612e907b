"""Which files the settings allow to go, and which of them a plan names. Used by `free-disk` and `quarantine-files`.

A plan names each file with inode, size and time; the action touches exactly those that are still the same. Names that
look like a secret, other people's files that could not be put back, and files with a second name are left out.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoverops.model import MisconfiguredError, PermanentError, Plan, Service
from recoverops.plugins.linux.folders import Found, OpenFiles, look, matching, opened
from recoverops.plugins.linux.leases import Openness
from recoverops.redact import redact

ADDRESS = "disk"
_NAMED = 3
"""Of the files of a plan, in its sentence; all of them are in the plan."""
MOST_FILES = 500
"""In one plan: it is stored, and a person may have to read it. The largest go first; the next run takes the rest."""

_UNCLEAR = (
    "perhaps open (the kernel grants no lease, and not every process can be looked into: let RecoverOps own the files, "
    "or have CAP_LEASE or CAP_SYS_PTRACE)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpareFiles:
    """One declaration of the settings: files of a service that may go."""

    service: str
    folder: str
    pattern: str
    older_than: timedelta
    quarantine: str | None = None
    are_logs: bool = False
    """Files that somebody has open are emptied instead of left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One file of a plan."""

    rule: int
    """The position of its declaration among those of the service."""
    found: Found
    is_open: bool

    @property
    def plain(self) -> list[object]:
        f = self.found
        return [
            self.rule, f.name, f.inode, f.device, f.size, f.allocated, f.modified_ns, f.mode, f.user, f.group,
            self.is_open
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What may go, and why the other files that match have to stay."""

    chosen: tuple[Chosen, ...]
    passed_over: Mapping[str, int]

    @property
    def told(self) -> str:
        """`3 are too new, 1 is open`"""
        if not self.passed_over:
            return "no file matches"
        return ", ".join(f"{n} {'is' if n == 1 else 'are'} {why}" for why, n in sorted(self.passed_over.items()))


def declared(action: str, service: Service, rules: Sequence[SpareFiles]) -> tuple[SpareFiles, ...]:
    """Those of this service; raises `MisconfiguredError` when there are none."""
    if ADDRESS not in service.address:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; give it a path on the file system that it fills'
        )
    mine = tuple(rule for rule in rules if rule.service == service.name)
    if not mine:
        raise MisconfiguredError(
            f'{action} has nothing declared for service "{service.name}"; add an entry with folder, pattern and '
            "older_than "
            "to the setting `free_disk`"
        )
    return mine


def choose(rules: Sequence[SpareFiles], *, now: datetime) -> Choice:
    """The files that may go, largest first. Raises `UnreachableError` when a declared folder is not there."""
    in_use = OpenFiles()
    chosen: dict[tuple[str, str], Chosen] = {}
    passed_over: Counter[str] = Counter()
    for position, rule in enumerate(rules):
        newest = int((now - rule.older_than).timestamp() * 1e9)
        with opened(rule.folder) as folder:
            for found in matching(folder, rule.pattern):
                openness = Openness.CLOSED if found.modified_ns > newest else in_use.of(folder, found)
                reason = _why_not(found, rule, newest, openness)
                if reason:
                    passed_over[reason] += 1
                else:
                    one = Chosen(rule=position, found=found, is_open=openness is not Openness.CLOSED)
                    chosen.setdefault((rule.folder, found.name), one)
    ordered = sorted(chosen.values(), key=lambda one: (-one.found.allocated, one.rule, one.found.name))
    return Choice(chosen=tuple(ordered[:MOST_FILES]), passed_over=dict(passed_over))


def _why_not(found: Found, rule: SpareFiles, newest: int, openness: Openness) -> str:
    """Why the file has to stay, in the plural; empty when it may go."""
    if found.modified_ns > newest:
        return "too new"
    if redact(found.name) != found.name or not found.name.isprintable():
        return "of a name that cannot be recorded"
    if openness is not Openness.CLOSED:
        if rule.are_logs and rule.quarantine is None:
            return "" if found.size > 0 else "open and empty already"
        return "open" if openness is Openness.OPEN else _UNCLEAR
    if rule.quarantine is not None and os.geteuid() not in {0, found.user}:
        return "of another user and could not be put back"
    return ""


def allowed_by(rules: Sequence[SpareFiles]) -> str:
    """What may go, in the order that `Chosen.rule` counts. A yes is for files that these declarations allow, and for
    those of them that were listed."""
    return "; ".join(
        f"{one.folder}/{one.pattern} older than {one.older_than.total_seconds():g} s"
        + (f" to {one.quarantine}" if one.quarantine else "")
        + (", logs" if one.are_logs else "")
        for one in rules
    )


def written(chosen: Sequence[Chosen]) -> str:
    return json.dumps([one.plain for one in chosen], separators=(",", ":"))


def read_back(plan: Plan) -> tuple[Chosen, ...]:
    """The files that the plan names. Raises `PermanentError` when it names none."""
    try:
        rows = json.loads(plan.before["files"])
        return tuple(
            Chosen(
                rule=int(row[0]),
                found=Found(
                    name=str(row[1]), inode=row[2], device=row[3], size=row[4], allocated=row[5], modified_ns=row[6],
                    mode=row[7], user=row[8], group=row[9],
                ),
                is_open=bool(row[10]),
            )
            for row in rows
        )  # fmt: skip
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise PermanentError("the plan does not say which files it is about; plan anew") from error


class Folders:
    """The declared folders, opened once each for one call."""

    def __init__(self, rules: Sequence[SpareFiles]) -> None:
        self._rules = rules
        self._stack = ExitStack()
        self._handles: dict[int, int] = {}

    def __enter__(self) -> Folders:
        for position, rule in enumerate(self._rules):
            try:
                self._handles[position] = self._stack.enter_context(opened(rule.folder))
            except BaseException:
                self._stack.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, chosen: Chosen) -> int:
        """Raises `PermanentError` when the declaration is not there any more."""
        try:
            return self._handles[chosen.rule]
        except KeyError:
            raise PermanentError(f"{chosen.found.name}: its declaration was removed from `free_disk`") from None

    def is_unchanged(self, chosen: Chosen) -> bool:
        """Still there, the same file, and not written to since the plan; an open log may only have grown."""
        now = look(self.of(chosen), chosen.found.name)
        if now is None or now.key != chosen.found.key:
            return False
        if chosen.is_open:
            return now.size >= chosen.found.size
        return (now.size, now.modified_ns) == (chosen.found.size, chosen.found.modified_ns)


def summary_of(chosen: Sequence[Chosen], rules: Sequence[SpareFiles]) -> str:
    """`12 files (3145728 bytes) in /srv/shop/cache: a.log, b.log, c.log and 9 more`; the largest are named."""
    folders = sorted({rules[one.rule].folder for one in chosen})
    named = ", ".join(one.found.name for one in chosen[:_NAMED])
    more = f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else ""
    size = sum(one.found.allocated for one in chosen)
    return f"{len(chosen)} files ({size} bytes) in {', '.join(folders)}: {named}{more}"
