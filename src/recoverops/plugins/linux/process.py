"""One process as supervisord describes it, and the sentences about it. Pure.

supervisord stamps whole seconds and moves `start` when the clock steps back, so what lives is told apart by its
pid, and only what is dead by `start`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum

from recoverops.model import MisconfiguredError, Record, Service, UnreachableError
from recoverops.redact import redact

ADDRESS = "supervisor"
"""The key in a service's address that this plugin understands."""

_NAME = re.compile(r"[\w.@+][\w.@+-]*(:[\w.@+][\w.@+-]*)?", re.ASCII)
_SIGNAL_NAMES = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


class State(IntEnum):
    """supervisord's own numbers."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class Process(Record, frozen=True, kw_only=True):
    name: str
    """`group:name`"""
    state: State
    pid: int
    """0 while nothing runs."""
    start: int
    """Seconds since 1970 of the newest start; 0 when it was never started."""
    stop: int
    exit_status: int
    """-1 when a signal ended it; supervisord does not say which one."""
    spawn_error: str

    @property
    def is_alive(self) -> bool:
        return self.pid != 0 and self.state in {State.RUNNING, State.STARTING}

    def has_same_start(self, before: Mapping[str, str]) -> bool:
        """True when nobody has started it since `before` was taken, as far as supervisord can tell."""
        if self.pid != 0:
            return before.get("pid") == str(self.pid)
        return before.get("start") == str(self.start)

    @property
    def snapshot(self) -> dict[str, str]:
        """What a plan keeps, to compare with later."""
        return {
            "state": self.state.name,
            "pid": str(self.pid),
            "start": str(self.start),
            "stop": str(self.stop),
        }

    @property
    def statement(self) -> str:
        """`EXITED, exit status 3 at 12:00:01Z`, `RUNNING since 12:00:01Z, pid 4711`."""
        match self.state:
            case State.RUNNING | State.STARTING | State.STOPPING:
                return f"{self.state.name} since {clock_time(self.start)}, pid {self.pid}"
            case State.EXITED:
                return f"EXITED, {_end(self.exit_status)} at {clock_time(self.stop)}"
            case State.STOPPED if self.start == 0:
                return "STOPPED, never started"
            case State.STOPPED:
                return f"STOPPED on request at {clock_time(self.stop)}"
            case State.BACKOFF | State.FATAL:
                return f"{self.state.name}, {self.spawn_error or 'no reason given'} (started {clock_time(self.start)})"
            case _:
                return "in a state that supervisord does not know itself"


def process_of(plain: object) -> Process:
    """The process in one answer of supervisord; raises `UnreachableError` when the answer is not one."""
    if not isinstance(plain, dict):
        raise UnreachableError(f"supervisor described a process as {plain!r:.80}; is it really supervisord?")
    try:
        return Process(
            name=f"{plain['group']}:{plain['name']}",
            state=_state(int(plain["state"])),
            pid=int(plain["pid"]),
            start=_time(plain["start"]),
            stop=_time(plain["stop"]),
            exit_status=int(plain["exitstatus"]),
            spawn_error=redact(" ".join(str(plain["spawnerr"]).split()))[:300],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UnreachableError(f"supervisor described a process without a usable {error}") from error


def process_name(service: Service) -> str:
    """The `group:name` that the inventory gives for this service.

    Raises `MisconfiguredError` when there is none, or when it names more than one process (`shop:*`).
    """
    address = service.address.get(ADDRESS)
    if address is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; add e.g. `{ADDRESS}: {service.name}` to it'
        )
    if not _NAME.fullmatch(address):
        raise MisconfiguredError(
            f'service "{service.name}": supervisor address {address!r} is neither like "checkout" nor "shop:checkout"'
        )
    return address if ":" in address else f"{address}:{address}"


def clock_time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%SZ}"


def _time(seconds: object) -> int:
    number = int(str(seconds))
    if not 0 <= number < 2**33:
        raise ValueError(f"time: {number} is no number of seconds since 1970")
    return number


def _state(number: int) -> State:
    try:
        return State(number)
    except ValueError:
        return State.UNKNOWN


def _end(exit_status: int) -> str:
    if exit_status < 0:
        return "killed by a signal"
    if exit_status > 128 and (name := _SIGNAL_NAMES.get(exit_status - 128)):
        return f"exit status {exit_status} (a shell's word for {name})"
    return f"exit status {exit_status}"
