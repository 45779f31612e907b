"""The head of the audit log, noted outside of the store, and what happens when a store comes back without it.

A store that was lost, cut, put back from a copy, or exchanged has forgotten limits, cooldowns and what was done. So
nothing acts on it until a person has looked, and what was noted about the old one is kept as evidence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from recoverops.model import PermanentError, UnreachableError
from recoverops.operations.stop import Telling, engage_stop, read_stop
from recoverops.ports import Clock, StopSwitch
from recoverops.storage import AuditAnchor, SqlStore, misfit

ANCHOR_EVERY_S = 10.0
_ENGINE = "recoverops"
_LOG = logging.getLogger("recoverops.anchor")


class Anchoring:
    """Writes the newest hash of the audit log into a file beside the store, so that a cut-off log shows."""

    def __init__(self, store: SqlStore, anchor: AuditAnchor, clock: Clock) -> None:
        self._store = store
        self._anchor = anchor
        self._clock = clock
        self._due = clock.monotonic()

    def stop_on_another_store(self, switch: StopSwitch, *, channels: tuple[str, ...]) -> None:
        """At the start, before anything is decided. Cut off in between it is done again.

        Raises UnreachableError when the file, the stop or the store does not answer.
        """
        if (why := self._why_another()) is None:
            return
        now = self._clock.now()
        kept = self._anchor.name_aside(at=now)
        standing = read_stop(switch)
        reason = (
            f"this is not the store that was here before: {why}. Limits and cooldowns do not know what was done; "
            f"what was anchored is kept as {kept.name}. See `recoverops audit verify` and the backup, "
            "then `recoverops resume`"
        )
        if standing.stopped and standing.by != _ENGINE:
            reason = f"{reason}. It was stopped already: {standing.reason}"
        _LOG.error("store_is_another", extra={"reason": reason})
        stopped = engage_stop(switch, self._telling(channels), self._clock, reason=reason, by=_ENGINE)
        if not stopped.audited:
            raise UnreachableError(f"{reason}; the stop holds, but it could not be written down: {stopped.why_not}")
        self._anchor.put_aside(kept)

    def sometimes(self) -> None:
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + ANCHOR_EVERY_S
            self.write()

    def write(self) -> None:
        head = self._store.read(lambda tx: tx.audit.head())
        if head is not None:
            self._anchor.write(head)

    def _why_another(self) -> str | None:
        try:
            return self._store.read(lambda tx: misfit(tx.audit, self._anchor))
        except PermanentError as error:
            return str(error)

    def _telling(self, channels: tuple[str, ...]) -> Callable[[], Telling]:
        return lambda: Telling(store=self._store, channels=channels)
