"""The action `shift-load`: take a backend out of its nginx upstream, or put it back.

Its `server` line gets or loses the word `down`. nginx is asked whether it accepts its configuration before and after
the change; a change that it does not accept, or cannot be told of, is taken back. Undo restores the file byte for byte,
only if it still is what we left. The last backend that is up is never taken out.

Between the change and the reload a mark lies beside the file: with it nobody knows whether nginx has loaded what the
file says, so the file alone never counts as done. A call that finds its change made and marked never takes it back:
nginx may run with it already.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

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
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, failed, planned, probed, succeeded, unknown
from recoverops.plugins.linux.commands import Finished, run
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.upstream import ADDRESS, shifted
from recoverops.ports import Clock, Parameter, Permission

_LARGEST = 64 * 1024
DIRECTION = "direction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nginx:
    """One nginx on this host."""

    file: str
    """The file with the `upstream` blocks."""
    binary: str
    config: str | None = None
    prefix: str | None = None

    def command(self, *what: str) -> tuple[str, ...]:
        place = ("-c", self.config) if self.config else ()
        root = ("-p", self.prefix) if self.prefix else ()
        return (self.binary, *root, *place, *what)


class ShiftLoad:
    """Implements `ports.ReversibleAction`."""

    name = "shift-load"
    summary = "Takes the service's backend out of its nginx upstream, or puts it back."
    effect = EffectClass.REVERSIBLE
    parameters = (
        Parameter(
            name=DIRECTION,
            pattern="away|back",
            meaning="`away` takes the backend out, `back` puts it in again; away when it is not given",
            required=False,
        ),
    )

    def __init__(self, nginx: Nginx, *, clock: Clock, timeout: timedelta) -> None:
        self._nginx = nginx
        self._clock = clock
        self.timeout = timeout
        self.permissions = (
            Permission(system="file", right=f"write {nginx.file} and its folder", why="to mark the backend"),
            Permission(system="program", right=f"run {nginx.binary} -t", why="to check the configuration first"),
            Permission(system="program", right=f"run {nginx.binary} -s reload", why="to make nginx load it"),
        )

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        backend = backend_of(service)
        is_away = arguments.get(DIRECTION, "away") == "away"
        text = self._read()
        new = shifted(text, backend, away=is_away, file=self._nginx.file)
        what = _what(is_away).format(backend=backend, service=service.name)
        return planned(
            self,
            service,
            arguments,
            summary=f"{what} its upstream in {self._nginx.file}",
            before={
                "file": self._nginx.file,
                "backend": backend,
                "content": text,
                "digest": digest(text),
                "goal": digest(new),
            },
            aim=("file", "backend"),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._stands(plan, wanted="goal", other="digest"))

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._stands(plan, wanted="digest", other="goal"))

    def _stands(self, plan: Plan, *, wanted: str, other: str) -> ProbeResult:
        now = digest(self._read())
        if now == plan.before[wanted]:
            if self._is_marked(now):
                told = f"{self._nginx.file} was changed, and it is not known whether nginx has loaded it"
                return probed(ProbeAnswer.HALF_DONE, told)
            return probed(ProbeAnswer.DONE, f"{self._nginx.file} is as wanted")
        if now == plan.before[other]:
            return probed(ProbeAnswer.NOT_DONE, f"{self._nginx.file} has not been changed")
        return probed(ProbeAnswer.UNKNOWN, f"{self._nginx.file} was changed by somebody else")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        return Attempt(self._clock, timeout_s=plan.timeout_s).run(lambda attempt: self._shift(plan, service, attempt))

    def _shift(self, plan: Plan, service: Service, attempt: Attempt) -> Execution:
        backend = backend_of(service)
        is_away = plan.arguments.get(DIRECTION, "away") == "away"
        new = shifted(plan.before["content"], backend, away=is_away, file=self._nginx.file)
        if digest(new) != plan.before["goal"]:
            raise PermanentError("the plan was made for another backend, or by another release; plan anew")
        return self._replace(service, plan.before["content"], new, attempt, what=f"{backend} is {_went(is_away)}")

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._restore(plan, left, service, attempt))

    def _restore(self, plan: Plan, left: Mapping[str, str], service: Service, attempt: Attempt) -> Execution:
        """A file that somebody put back after our change may not be what nginx runs: then it is loaded."""
        backend = backend_of(service)
        was_changed = left.get("digest") == plan.before["goal"] or self._is_marked(plan.before["digest"])
        if self._read() == plan.before["content"] and not was_changed:
            return succeeded(f"nothing to undo: {self._nginx.file} is as before", {})
        is_away = plan.arguments.get(DIRECTION, "away") == "away"
        changed = shifted(plan.before["content"], backend, away=is_away, file=self._nginx.file)
        return self._replace(service, changed, plan.before["content"], attempt, what=f"{backend} is as before")

    def _replace(self, service: Service, old: str, new: str, attempt: Attempt, *, what: str) -> Execution:
        """Compare and set, then load. Found as wanted, it is loaded once more: nobody knows whether it was."""
        now, file = self._read(), self._nginx.file
        attempt.kept = {**evidence(service), "file": file, "digest": digest(now), "content": now}
        if now not in {old, new}:
            return failed(f"nothing was touched: {file} was changed by somebody else since; plan anew", attempt.kept)
        was_marked = self._is_marked(digest(now))
        is_ours = now == old or was_marked
        if now == old:
            self._test(attempt, "nginx refuses its configuration as it is, so nothing was changed")
            self._write(new, over=old)
        if is_ours:
            attempt.begun(f"{file} was changed, but ")
            attempt.kept |= {"digest": digest(new), "content": new}
        try:
            self._test(attempt, "nginx refuses the change" if is_ours else "nginx refuses its configuration as it is")
            self._load(attempt)
        except PermanentError as error:
            if not is_ours:
                raise
            if now == new:
                doubt = "it was made before, and nginx may or may not have loaded it, so it was left as it is"
                return unknown(f"{attempt.so_far}{error}; {doubt}", attempt.kept)
            back = self._take_back(old, new, attempt, was_marked=was_marked)
            raise PermanentError(f"{error}; {back}") from error
        self._unmark()
        return succeeded(f"{what} in {file}, and nginx was told to load it", attempt.kept)

    def _load(self, attempt: Attempt) -> None:
        """Raises `PermanentError` when nginx was certainly not told, `UnreachableError` when nobody knows."""
        done, told = self._run(attempt, "-s", "reload")
        if done.exit_status is None:
            raise UnreachableError(told)
        if not done.is_good:
            raise PermanentError(f"nginx cannot be told to load it: {told}")

    def _take_back(self, old: str, new: str, attempt: Attempt, *, was_marked: bool) -> str:
        """What became of the change, in words. Left in the file, the next reload by anybody would load it.

        `was_marked`: nobody knew whether nginx had loaded the old content when the call began, nor does anybody now.
        """
        try:
            if self._read() != new:
                return "it was changed by somebody else meanwhile, so it was left alone"
            self._write(old, over=new)
        except (PermanentError, UnreachableError, OSError) as error:
            return f"the change could not be taken back: {error}"
        if not was_marked:
            self._unmark()
        attempt.kept |= {"digest": digest(old), "content": old}
        return "so the change was taken back"

    @property
    def _mark_file(self) -> Path:
        path = Path(self._nginx.file)
        return path.with_name(f".{path.name}.recoverops-unloaded")

    def _is_marked(self, wanted: str) -> bool:
        """Whether we wrote the content with this digest, and do not know that nginx has loaded it."""
        try:
            file = os.open(self._mark_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        with os.fdopen(file, "rb") as reading:
            return wanted in reading.read(_LARGEST).decode("ascii", "replace").split()

    def _mark(self, *digests: str) -> None:
        """It has to outlast our process, not the host: nginx ends with that, and loads the file when it starts."""
        temporary = self._mark_file.with_name(f"{self._mark_file.name}.new")
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as out:
            out.write("\n".join(digests).encode())
        temporary.replace(self._mark_file)

    def _unmark(self) -> None:
        self._mark_file.unlink(missing_ok=True)

    def _test(self, attempt: Attempt, refusal: str) -> None:
        done, told = self._run(attempt, "-t", "-q")
        if not done.is_good:
            raise PermanentError(f"{refusal}: {told}")

    def _run(self, attempt: Attempt, *what: str) -> tuple[Finished, str]:
        """How it ended, and a sentence about it. Raises `PermanentError` when it was not even begun."""
        command = self._nginx.command(*what)
        try:
            left_s = attempt.left_s()
        except UnreachableError as error:
            raise PermanentError(f"{' '.join(command)} was not begun: {error}") from error
        done = run(command, clock=self._clock, timeout_s=left_s, environment={"PATH": "/usr/sbin:/usr/bin:/bin"})
        return done, f"{' '.join(command)} {done.statement}"

    def _read(self) -> str:
        path = self._nginx.file
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(file, "rb") as reading:
                data = reading.read(_LARGEST + 1)
        except OSError as error:
            raise UnreachableError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
        if len(data) > _LARGEST:
            raise PermanentError(f"{path} is larger than {_LARGEST} bytes; put the upstream into a file of its own")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PermanentError(f"{path} is not UTF-8: {error.reason}") from error

    def _write(self, text: str, *, over: str) -> None:
        """Marks that nginx has not loaded this text, and puts it into the file; a mark of what is there stays."""
        was_marked = self._is_marked(digest(over))
        self._mark(digest(text), *([digest(over)] if was_marked else []))
        try:
            self._put(text)
        except PermanentError:
            if not was_marked:
                self._unmark()
            raise

    def _put(self, text: str) -> None:
        """A new file with the old one's mode and owner takes its place in one step."""
        path = Path(self._nginx.file)
        temporary = path.with_name(f".{path.name}.recoverops")
        try:
            status = os.stat(path, follow_symlinks=False)
            with suppress(FileNotFoundError):
                temporary.unlink()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as out:
                out.write(text.encode())
                os.fchmod(out.fileno(), status.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(out.fileno(), status.st_uid, status.st_gid)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        except OSError as error:
            raise PermanentError(f"{path} cannot be replaced: {error.strerror}") from error


def backend_of(service: Service) -> str:
    """Raises `MisconfiguredError`."""
    backend = service.address.get(ADDRESS)
    if backend is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; give it its host and port in the upstream, e.g. '
            "127.0.0.1:8081"
        )
    return backend


def _what(is_away: bool) -> str:
    return "take {backend} of {service} out of" if is_away else "put {backend} of {service} back into"


def _went(is_away: bool) -> str:
    return "marked as down" if is_away else "no longer marked as down"
