"""Trouble on demand in the double of AWS: throttling, silence, answers that are lost, credentials that expire."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum


class Fault(StrEnum):
    NONE = "none"
    THROTTLED = "throttled"
    """Refused with `Throttling` before anything happened."""
    REFUSED = "refused"
    """Refused for good with `InvalidRequest`."""
    NO_ROOM = "no_room"
    """Refused with `InsufficientInstanceCapacity`, which EC2 sends with status 500: the zone has no room now."""
    LOST = "lost"
    """Done, but the connection ends without an answer."""
    SILENT = "silent"
    """Not done, and the connection ends without an answer."""


class Faults:
    """What goes wrong, and a count of every call that came in. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, list[Fault]] = {}
        self.throttled = 0
        """How many calls were throttled so far."""
        self._throttle_share = 0.0
        self._debt = 0.0
        self._is_cut_off = False
        self._expired: set[str] = set()
        self._expires_at_once = False
        self._calls: Counter[str] = Counter()
        self._before: dict[str, Callable[[], object]] = {}
        self._done: dict[str, Counter[str]] = {}
        self._expiring: dict[str, set[str]] = {}
        self.turn: AbstractContextManager[object] = nullcontext()
        """Held while a call is done."""

    @property
    def calls(self) -> dict[str, int]:
        """`service:Api` -> how often it was asked since the last `forget`, refused ones included."""
        with self._lock:
            return dict(self._calls)

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()

    def done_by(self, principal: str) -> dict[str, int]:
        """`service:Api` -> how often the user or role of this name had it done: not refused, no dry run."""
        with self._lock:
            return dict(self._done.get(principal, {}))

    def was_done(self, principal: str, call: str) -> None:
        with self._lock:
            self._done.setdefault(principal, Counter())[call] += 1

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Calls are done one after the other, for tests with many threads: moto's models are not made for them."""
        self.turn = threading.RLock()
        try:
            yield
        finally:
            self.turn = nullcontext()

    def expire_before(self, principal: str, calls: Iterable[str]) -> None:
        """The credentials of this role expire right before the next of each of these calls."""
        with self._lock:
            self._expiring[principal] = set(calls)

    def expires_now(self, principal: str, call: str) -> bool:
        with self._lock:
            is_due = call in self._expiring.get(principal, ())
            if is_due:
                self._expiring[principal].discard(call)
            return is_due

    def plan(self, call: str, *faults: Fault) -> None:
        """The next calls of `service:Api` meet these, in turn."""
        with self._lock:
            self._planned.setdefault(call, []).extend(faults)

    def just_before(self, call: str, act: Callable[[], object]) -> None:
        """Somebody else does this right before the next call of `service:Api` is done."""
        with self._lock:
            self._before[call] = act

    @contextmanager
    def throttling(self, share: float) -> Iterator[None]:
        """This share of all calls is throttled, evenly spread: 0.3 is every third or fourth call."""
        self._throttle_share = share
        try:
            yield
        finally:
            self._throttle_share = self._debt = 0.0

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """No call is answered."""
        self._is_cut_off = True
        try:
            yield
        finally:
            self._is_cut_off = False

    @contextmanager
    def expiring_at_once(self) -> Iterator[None]:
        """Every assumed role's credentials have expired as soon as they are used."""
        self._expires_at_once = True
        try:
            yield
        finally:
            self._expires_at_once = False

    def expire(self, *keys: str) -> None:
        with self._lock:
            self._expired.update(keys)

    def is_expired(self, key: str, *, is_assumed: bool) -> bool:
        with self._lock:
            return key in self._expired or (is_assumed and self._expires_at_once)

    def met_by(self, call: str) -> Fault:
        """Counts the call, and says what happens to it."""
        with self._lock:
            somebody = self._before.pop(call, None)
        if somebody is not None:
            somebody()
        with self._lock:
            self._calls[call] += 1
            planned = self._planned.get(call)
            if planned:
                return planned.pop(0)
            if self._is_cut_off:
                return Fault.SILENT
            self._debt += self._throttle_share
            if self._debt >= 1:
                self._debt -= 1
                self.throttled += 1
                return Fault.THROTTLED
            return Fault.NONE
