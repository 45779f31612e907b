"""The emergency stop on PostgreSQL, where commands and a next engine may be on other hosts than the engine.

A file of one host says nothing to another, so what the audit log says last holds as well. Either of the two stops;
`recoverops resume` clears both.
"""

from __future__ import annotations

from recoverops.model import (
    STOP_CLEARED,
    STOP_ENGAGED,
    STOP_SUBJECT,
    OverloadedError,
    PermanentError,
    StopState,
    UnreachableError,
)
from recoverops.ports import StopSwitch, Store, Tx


class SharedStop:
    """`file` is this host's own; it alone is asked while the database does not answer, and then nothing acts anyway.

    None for a command on a host that has no data directory.
    """

    def __init__(self, file: StopSwitch | None, store: Store) -> None:
        self._file = file
        self._store = store

    def read(self, tx: Tx | None = None) -> StopState:
        """Raises UnreachableError when either cannot be read."""
        if self._file is not None and (here := self._file.read()).stopped:
            return here
        try:
            return self._store.read(_on_record) if tx is None else _on_record(tx)
        except OverloadedError as error:
            raise UnreachableError(f"the emergency stop cannot be read: {error}") from error

    def engage(self, *, reason: str, by: str) -> StopState:
        if self._file is None:
            raise PermanentError("this host has no data directory, so the emergency stop cannot be written here")
        return self._file.engage(reason=reason, by=by)

    def clear(self, seen: StopState) -> None:
        """What the audit log says is cleared there; the file, when this host has one."""
        if self._file is not None and self._file.read().stopped:
            self._file.clear(seen)


def _on_record(tx: Tx) -> StopState:
    last = tx.audit.newest(STOP_SUBJECT, events=(STOP_ENGAGED, STOP_CLEARED))
    if last is None or last.event == STOP_CLEARED:
        return StopState(stopped=False)
    return StopState(stopped=True, reason=last.detail.get("reason", ""), by=last.actor, at=last.at)
