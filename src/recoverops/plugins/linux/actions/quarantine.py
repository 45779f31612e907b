"""The action `quarantine-files`: move declared files of a service to another file system, and back if it did not help.

Where they go is a folder named after the plan, so an interrupted call finds its own work. A file is copied, made
durable and only then removed at its old place; undo does the same the other way round, and never over a file that has
appeared at the old place since. Files that somebody has open stay: a lease is held while a file is copied, so that
nobody can open it unseen. One file that stays, or the end of the time, does not undo what was moved: that is the
result, and which files stayed is kept, because what becomes of them is no business of the undo.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import Enum

from recoverops.model import (
    EffectClass,
    Execution,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
    digest,
)
from recoverops.plugins.linux.actions.free_disk import REMOVES, SEES_OPEN_FILES
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, failed, planned, probed, succeeded
from recoverops.plugins.linux.evidence import disk_of, evidence
from recoverops.plugins.linux.folders import Found, OpenFiles, free_bytes, look, opened
from recoverops.plugins.linux.leases import leased
from recoverops.plugins.linux.spare_files import (
    Chosen,
    Folders,
    SpareFiles,
    allowed_by,
    choose,
    declared,
    read_back,
    summary_of,
    written,
)
from recoverops.ports import Clock, Parameter, Permission

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 4 * 2**20
_STAYED = "stayed"
"""Key in `Execution.after`: the positions in the plan of the files that were not moved."""


class Place(Enum):
    """Where a file of the plan is."""

    HOME = "at its place"
    AWAY = "in quarantine"
    BOTH = "in both places"
    CHANGED = "written to by their owner and left alone"
    LOST = "gone or replaced"


class QuarantineFiles:
    """Implements `ports.ReversibleAction`. Takes the declarations with a quarantine."""

    name = "quarantine-files"
    summary = "Moves old files from the declared folders of the service to a quarantine on another file system."
    effect = EffectClass.REVERSIBLE
    parameters: tuple[Parameter, ...] = ()
    permissions = (
        REMOVES,
        SEES_OPEN_FILES,
        Permission(system="file", right="write the declared quarantine", why="to keep the files there"),
    )

    def __init__(self, rules: Sequence[SpareFiles], *, clock: Clock, timeout: timedelta) -> None:
        self._rules = tuple(rule for rule in rules if rule.quarantine is not None)
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        rules = declared(self.name, service, self._rules)
        for rule in rules:
            _check_apart(rule)
        choice = choose(rules, now=self._clock.now())
        chosen = _that_fit(choice.chosen, rules)
        if not chosen:
            full = f"{len(choice.chosen)} do not fit into quarantine; " if choice.chosen else ""
            raise PermanentError(f"nothing to move for {service.name}: {full}{choice.told}")
        return planned(
            self,
            service,
            arguments,
            summary=f"move to quarantine, for {service.name}: {summary_of(chosen, rules)}",
            before={"files": written(chosen), "allowed": allowed_by(rules), "disk": disk_of(service)},
            aim=("allowed",),
            listed=("files",),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, {}, service, wanted=Place.AWAY))

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, left, service, wanted=Place.HOME))

    def _probe(self, plan: Plan, left: Mapping[str, str], service: Service, *, wanted: Place) -> ProbeResult:
        with _Move(plan, declared(self.name, service, self._rules), stayed=_stayed(left)) as move:
            places = move.places()
        told = ", ".join(f"{places.count(place)} {place.value}" for place in Place if place in places)
        ours = set(places) - {Place.CHANGED}
        if Place.LOST in ours or not ours:
            return probed(ProbeAnswer.UNKNOWN, f"files: {told}")
        if ours == {wanted}:
            return probed(ProbeAnswer.DONE, f"files: {told}")
        is_begun = wanted in ours or Place.BOTH in ours
        return probed(ProbeAnswer.HALF_DONE if is_begun else ProbeAnswer.NOT_DONE, f"files: {told}")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._move(plan, service, attempt))

    def _move(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        with _Move(plan, declared(self.name, service, self._rules), creating=True) as move:
            places = move.places()
            if set(places) - {Place.CHANGED} == {Place.AWAY}:
                return succeeded(f"not repeated: {len(places)} files are in quarantine", move.left())
            attempt.kept = {**evidence(service), **move.left()}
            before = move.free()
            done = _Moved(places.count(Place.AWAY))
            try:
                self._move_each(move, places, attempt, done)
            except (PermanentError, UnreachableError, OSError) as error:
                if not done.count:
                    raise
                done.ended_by = str(error)
            freed, stayed = move.free() - before, move.not_away()
        if not done.count:
            raise PermanentError("all files have changed or come into use since the plan; plan anew")
        attempt.kept |= {"freed_bytes": str(freed), "files": str(done.count)}
        if stayed:
            attempt.kept[_STAYED] = " ".join(map(str, stayed))
        figures = f"{done.count} of {len(places)} files are in quarantine{done.told}"
        return succeeded(f"{figures}; the file system has {freed} bytes more", attempt.kept)

    def _move_each(self, move: _Move, places: Sequence[Place], attempt: Attempt, done: _Moved) -> None:
        in_use = OpenFiles()
        for one, place in zip(move.chosen, places, strict=True):
            attempt.left_s()
            if place not in {Place.HOME, Place.BOTH}:
                continue
            move.drop_copy(one)
            if not move.is_in_use(one, in_use) and move.away(one):
                done.count += 1
            else:
                done.in_use += 1

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(
            lambda attempt: self._back(plan, left, service, attempt)
        )

    def _back(self, plan: Plan, left: Mapping[str, str], service: Service, attempt: Attempt) -> Execution:
        with _Move(plan, declared(self.name, service, self._rules), stayed=_stayed(left)) as move:
            places = move.places()
            lost = [one.found.name for one, place in zip(move.chosen, places, strict=True) if place is Place.LOST]
            if lost:
                shown = ", ".join(lost[:5])
                return failed(f"not undone: {len(lost)} files were changed since ({shown}); nothing was touched")
            if set(places) <= {Place.HOME, Place.CHANGED}:
                return succeeded("nothing to undo: all files are at their place", {})
            attempt.kept = evidence(service)
            returned = 0
            for one, place in zip(move.chosen, places, strict=True):
                attempt.left_s()
                if place in {Place.AWAY, Place.BOTH}:
                    attempt.begun(f"{returned} files are back, but ")
                    move.back(one)
                    returned += 1
            return succeeded(f"{returned} files are back at their place", attempt.kept | {"files": str(returned)})


class _Move:
    """The files of one plan, and both ends of their way, for one call."""

    def __init__(
        self, plan: Plan, rules: Sequence[SpareFiles], *, creating: bool = False, stayed: Collection[int] = ()
    ) -> None:
        """`stayed`: positions in the plan of files that were never moved; they are left out."""
        self.chosen = tuple(one for position, one in enumerate(read_back(plan)) if position not in stayed)
        self._is_creating = creating
        self._rules = rules
        self._name = f"recoverops-{digest(str(plan.target), plan.before['files'])[:16]}"
        self._folders = Folders(rules)
        self._away: dict[int, int] = {}

    def __enter__(self) -> _Move:
        self._folders.__enter__()
        try:
            for position, rule in enumerate(self._rules):
                self._open_quarantine(position, rule)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _open_quarantine(self, position: int, rule: SpareFiles) -> None:
        """Its folder for this plan, which only its owner can enter; made when something will be moved."""
        assert rule.quarantine is not None
        with opened(rule.quarantine) as parent:
            try:
                if self._is_creating:
                    with suppress(FileExistsError):
                        os.mkdir(self._name, 0o700, dir_fd=parent)
                self._away[position] = os.open(
                    self._name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent
                )
            except FileNotFoundError:
                return
            except OSError as error:
                raise PermanentError(f"{rule.quarantine}/{self._name} cannot be used: {error.strerror}") from error

    def __exit__(self, *_: object) -> None:
        for position, folder in self._away.items():
            os.close(folder)
            with suppress(OSError):  # an empty one is not left behind
                os.rmdir(f"{self._rules[position].quarantine}/{self._name}")
        self._folders.__exit__()

    def left(self) -> dict[str, str]:
        folders = sorted({f"{self._rules[one.rule].quarantine}/{self._name}" for one in self.chosen})
        return {"quarantine": ", ".join(folders)}

    def free(self) -> int:
        return free_bytes(self._folders.of(self.chosen[0]))

    def is_in_use(self, one: Chosen, in_use: OpenFiles) -> bool:
        return in_use.has(self._folders.of(one), one.found)

    def places(self) -> list[Place]:
        return [self._place(one) for one in self.chosen]

    def not_away(self) -> list[int]:
        """Positions of the files of which nothing is in quarantine, or a copy that was cut off."""
        return [position for position, one in enumerate(self.chosen) if not self._is_away(one)]

    def _is_away(self, one: Chosen) -> bool:
        stored = self._stored(one)
        return self._is_whole(one, stored) or (stored is not None and self._is_free(one))

    def _place(self, one: Chosen) -> Place:
        home, away = look(self._folders.of(one), one.found.name), self._stored(one)
        if home is not None and _is_same(home, one.found):
            return Place.BOTH if away is not None else Place.HOME
        if self._is_whole(one, away):
            return Place.AWAY if self._is_free(one) else Place.LOST
        # it is removed at its place only after a whole copy, so what is there never left
        return Place.LOST if self._is_free(one) else Place.CHANGED

    @staticmethod
    def _is_whole(one: Chosen, stored: Found | None) -> bool:
        """Not so for none at all, and for one that was cut off while it was copied."""
        return stored is not None and _is_same(stored, one.found)

    def _is_free(self, one: Chosen) -> bool:
        """Nothing of any kind has taken the file's name."""
        try:
            os.stat(one.found.name, dir_fd=self._folders.of(one), follow_symlinks=False)
        except FileNotFoundError:
            return True
        return False

    def _stored(self, one: Chosen) -> Found | None:
        folder = self._away.get(one.rule)
        return None if folder is None else look(folder, _stored_name(one))

    def drop_copy(self, one: Chosen) -> None:
        """What an attempt before this one left in quarantine of a file that is at its place."""
        with suppress(FileNotFoundError):
            os.unlink(_stored_name(one), dir_fd=self._away[one.rule])

    def away(self, one: Chosen) -> bool:
        """False when it came into use, or was removed, while it was copied: then it stays as its owner left it."""
        home, away = self._folders.of(one), self._away[one.rule]
        stored = _stored_name(one)
        if self._is_free(one):
            return False
        with _reading(home, one.found.name) as file, leased(file) as lease:
            _copy(file, away, stored, one.found)
            if lease.is_wanted or not self._folders.is_unchanged(one):
                os.unlink(stored, dir_fd=away)
                return False
            if not self._is_whole(one, self._stored(one)):
                os.unlink(stored, dir_fd=away)
                raise PermanentError(
                    f"{self._rules[one.rule].quarantine} does not keep the size, time and mode of {one.found.name}, "
                    "which would not be known again; it stays where it is. Name a quarantine on another file system"
                )
            os.unlink(one.found.name, dir_fd=home)
        return True

    def back(self, one: Chosen) -> None:
        home, away = self._folders.of(one), self._away[one.rule]
        stored, waiting = _stored_name(one), f".{_stored_name(one)}.back"
        if self._is_free(one):
            with suppress(FileNotFoundError):
                os.unlink(waiting, dir_fd=home)
            with _reading(away, stored) as file:
                _copy(file, home, waiting, one.found)
            try:  # a link, other than a rename, never replaces what has appeared at the old place
                os.link(waiting, one.found.name, src_dir_fd=home, dst_dir_fd=home, follow_symlinks=False)
            except OSError as error:
                raise PermanentError(f"{one.found.name} cannot be put back: {error.strerror}") from error
            finally:
                os.unlink(waiting, dir_fd=home)
        os.unlink(stored, dir_fd=away)


class _Moved:
    """How far one execution has come."""

    def __init__(self, count: int) -> None:
        """`count`: what an attempt before this one had moved."""
        self.count = count
        self.in_use = 0
        self.ended_by = ""
        """Why it ended before the last file."""

    @property
    def told(self) -> str:
        in_use = f"; {self.in_use} came into use or changed since the plan, and stay" if self.in_use else ""
        return in_use + (f"; the rest stays: {self.ended_by}" if self.ended_by else "")


def _stayed(left: Mapping[str, str]) -> frozenset[int]:
    return frozenset(int(position) for position in left.get(_STAYED, "").split())


def _stored_name(one: Chosen) -> str:
    return f"{one.rule}-{one.found.inode}-{one.found.modified_ns}"


def _is_same(now: Found, then: Found) -> bool:
    """The same content as far as size and time tell; a copy has another inode."""
    return (now.size, now.modified_ns, now.mode) == (then.size, then.modified_ns, then.mode)


@contextmanager
def _reading(folder: int, name: str) -> Iterator[int]:
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        raise PermanentError(f"{name} cannot be read: {error.strerror}; it stays where it is") from error
    try:
        yield file
    finally:
        os.close(file)


def _copy(reading: int, target: int, new_name: str, found: Found) -> None:
    """A durable copy with mode, owner and time; none is left when it fails."""
    try:
        writing = os.open(new_name, _NEW, 0o600, dir_fd=target)
        try:
            _pour(reading, writing)
            if os.geteuid() == 0:
                os.fchown(writing, found.user, found.group)
            os.fchmod(writing, found.mode)
            os.utime(writing, ns=(found.modified_ns, found.modified_ns))
            os.fsync(writing)
        finally:
            os.close(writing)
    except OSError as error:
        with suppress(OSError):
            os.unlink(new_name, dir_fd=target)
        raise PermanentError(f"{found.name} cannot be copied: {error.strerror}; it stays where it is") from error


def _pour(reading: int, writing: int) -> None:
    while piece := os.read(reading, _PIECE):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(writing, rest) :]


def _check_apart(rule: SpareFiles) -> None:
    """Raises `MisconfiguredError` when the quarantine lies on the file system that is to be freed."""
    assert rule.quarantine is not None
    with opened(rule.folder) as folder, opened(rule.quarantine) as quarantine:
        if os.fstat(folder).st_dev == os.fstat(quarantine).st_dev:
            raise MisconfiguredError(
                f"quarantine {rule.quarantine} lies on the same file system as {rule.folder}, so moving files there "
                f"frees "
                "nothing; name a folder on another one, or leave `quarantine` out to have them removed"
            )


def _that_fit(chosen: Sequence[Chosen], rules: Sequence[SpareFiles]) -> tuple[Chosen, ...]:
    """As many as the quarantines have room for, with a tenth to spare."""
    room: dict[str, int] = {}
    fitting: list[Chosen] = []
    for one in chosen:
        quarantine = rules[one.rule].quarantine or ""
        if quarantine not in room:
            with opened(quarantine) as folder:
                room[quarantine] = free_bytes(folder) * 9 // 10
        if one.found.size <= room[quarantine]:
            room[quarantine] -= one.found.size
            fitting.append(one)
    return tuple(fitting)
