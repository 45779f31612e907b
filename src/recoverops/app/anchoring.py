"""The head of the audit log, noted outside of the store, and what happens when the store does not fit to it any more.

A store that was lost, cut, put back from a copy, or exchanged has forgotten limits, cooldowns and what was done. So
nothing acts on it until a person has looked, and what was noted about the old one is kept as evidence. It is compared
at the start, and again before each new note: a running engine may be handed another store, too.
"""

from __future__ import annotations

import logging

from recoverops.model import AuditEntry, PermanentError, UnreachableError
from recoverops.operations.stop import Telling, engage_stop, read_stop
from recoverops.ports import Clock, StopSwitch, Tx
from recoverops.storage import AuditAnchor, SqlStore, misfit

ANCHOR_EVERY_S = 10.0
_ENGINE = "recoverops"
_LOG = logging.getLogger("recoverops.anchor")


class Anchoring:
    """Writes the newest hash of the audit log into a file beside the store, so that a cut-off log shows."""

    def __init__(
        self, store: SqlStore, anchor: AuditAnchor, clock: Clock, *, switch: StopSwitch, channels: tuple[str, ...]
    ) -> None:
        """`channels`: over which people hear of a stop."""
        self._switch = switch
        self._channels = channels
        self._store = store
        self._anchor = anchor
        self._clock = clock
        self._due = clock.monotonic()

    def stop_on_another_store(self) -> None:
        """At the start, before anything is decided. Cut off in between it is done again.

        Raises UnreachableError when the file, the stop or the store does not answer.
        """
        _, why = self._store.read(self._compared)
        if why is not None:
            self._stop(why)

    def sometimes(self) -> None:
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + ANCHOR_EVERY_S
            self.write()

    def write(self) -> None:
        """Notes the newest entry, when the log still has the one that was noted last; otherwise it stops, as the start
        does, and the next note is of the store that there is. Raises UnreachableError like the start.
        """
        head, why = self._store.read(self._compared)
        if why is not None:
            self._stop(why)
        elif head is not None:
            self._anchor.write(head)

    def _compared(self, tx: Tx) -> tuple[AuditEntry | None, str | None]:
        """The newest entry, and why its log is not the one that was anchored. Reads two or three entries, never all.

        The head comes first: what is cut after it was read shows in the comparison, now or the next time.
        """
        head = tx.audit.head()
        try:
            return head, misfit(tx.audit, self._anchor)
        except PermanentError as error:
            return head, str(error)

    def _stop(self, why: str) -> None:
        now = self._clock.now()
        kept = self._anchor.name_aside(at=now)
        standing = read_stop(self._switch)
        reason = (
            f"this is not the store that was here before: {why}. Limits and cooldowns do not know what was done; "
            f"what was anchored is kept as {kept.name}. See `recoverops audit verify` and the backup, "
            "then `recoverops resume`"
        )
        if standing.stopped and standing.by != _ENGINE:
            reason = f"{reason}. It was stopped already: {standing.reason}"
        _LOG.error("store_is_another", extra={"reason": reason})
        stopped = engage_stop(self._switch, self._telling, self._clock, reason=reason, by=_ENGINE)
        if not stopped.audited:
            raise UnreachableError(f"{reason}; the stop holds, but it could not be written down: {stopped.why_not}")
        self._anchor.put_aside(kept)

    def _telling(self) -> Telling:
        return Telling(store=self._store, channels=self._channels)
