"""Ends processes, each held by a pidfd, so that a pid that was given to somebody else meanwhile is never hit.

Used by the actions that end something. Asks with SIGTERM (and wakes what is stopped), waits, then SIGKILL.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from recoverops.model import PermanentError
from recoverops.plugins.linux.procfs import STATES, Stat, read_stat, scan
from recoverops.ports import Clock

_AFTER_KILL_S = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    asked: tuple[int, ...]
    """Everything that was told to end."""
    killed: tuple[int, ...]
    """Those of them that did not listen."""

    @property
    def statement(self) -> str:
        if not self.asked:
            return "nothing was left to end"
        told = f"ended {_pids(self.asked)} with SIGTERM"
        return f"{told}; {_pids(self.killed)} needed SIGKILL" if self.killed else told


def end(members: Sequence[Stat], *, grace_s: float, clock: Clock) -> Ended:
    """Returns when all of them are dead. Raises `PermanentError` when one may not be signalled, or outlives SIGKILL.

    What they fork while they are asked is killed with them.
    """
    with _held(members) as held:
        for pid in held:
            _signal(held[pid], pid, signal.SIGTERM)
            _signal(held[pid], pid, signal.SIGCONT)
        alive = _wait(held, grace_s, clock)
        if not alive:
            return Ended(tuple(held), ())
        late = [stat for stat in _descendants(alive) if stat.pid not in held]
        with _held(late) as more:
            rest = {pid: held[pid] for pid in alive} | more
            for pid, handle in rest.items():
                _signal(handle, pid, signal.SIGKILL)
            stubborn = _wait(rest, _AFTER_KILL_S, clock)
            if stubborn:
                raise PermanentError(_outlived(stubborn))
            return Ended((*held, *more), tuple(rest))


@contextmanager
def _held(members: Iterable[Stat]) -> Iterator[dict[int, int]]:
    """pid -> pidfd of those that still live and are still the same."""
    held: dict[int, int] = {}
    try:
        for member in members:
            try:
                handle = os.pidfd_open(member.pid)
            except ProcessLookupError:
                continue
            held[member.pid] = handle
            now = read_stat(member.pid)
            if now is None or now.start != member.start or now.state == "Z":
                os.close(held.pop(member.pid))
        yield held
    finally:
        for handle in held.values():
            os.close(handle)


def _signal(handle: int, pid: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise PermanentError(
            f"RecoverOps may not send {number.name} to process {pid}; let it run as the same user, or with CAP_KILL"
        ) from error


def _wait(handles: dict[int, int], seconds: float, clock: Clock) -> tuple[int, ...]:
    """Those that are still alive after the time; a pidfd becomes readable when its process ends."""
    poller, pids = select.poll(), {handle: pid for pid, handle in handles.items()}
    for handle in pids:
        poller.register(handle, select.POLLIN)
    deadline = clock.monotonic() + seconds
    while pids and (left := deadline - clock.monotonic()) > 0:
        for handle, _event in poller.poll(left * 1000):
            poller.unregister(handle)
            del pids[handle]
    return tuple(pids.values())


def _descendants(pids: Iterable[int]) -> tuple[Stat, ...]:
    processes = scan()
    found = {stat.pid: stat for pid in pids for stat in processes.tree(pid)}
    return tuple(found.values())


def _outlived(pids: Iterable[int]) -> str:
    told = ", ".join(f"{pid} ({_state(pid)})" for pid in pids)
    return f"process {told} outlives SIGKILL; it waits in the kernel for a disk or a network, look there"


def _state(pid: int) -> str:
    stat = read_stat(pid)
    return "gone" if stat is None else STATES.get(stat.state, f"state {stat.state}")


def _pids(pids: Sequence[int]) -> str:
    return ("process " if len(pids) == 1 else "processes ") + ", ".join(map(str, pids))
