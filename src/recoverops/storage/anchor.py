"""The head of the audit chain, kept outside the database: it tells when entries are missing at the tail.

The chain itself cannot: cut off at the end, it is still whole. Best kept on another disk or shipped elsewhere.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from recoverops.model import AuditEntry, AuditReport, PermanentError, UnreachableError
from recoverops.ports import AuditLog
from recoverops.storage.durable_file import flush_directory, write_durably


class AnchoredHead(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    hash: str
    v: int = 1


class AuditAnchor:
    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, head: AuditEntry) -> None:
        """Remember this entry as the newest. Raises UnreachableError when the file cannot be written."""
        try:
            write_durably(self._path, msgspec.json.encode(AnchoredHead(seq=head.seq, hash=head.hash)))
        except OSError as error:
            raise UnreachableError(f"the audit anchor {self._path} cannot be written ({error.strerror})") from error

    def name_aside(self, *, at: datetime) -> Path:
        return self._path.with_name(f"{self._path.name}.{at:%Y%m%dT%H%M%SZ}")

    def put_aside(self, kept: Path) -> None:
        """What was anchored stays under that name. Raises UnreachableError when it cannot be renamed."""
        try:
            self._path.rename(kept)
            flush_directory(kept.parent)
        except OSError as error:
            raise UnreachableError(
                f"the audit anchor {self._path} cannot be kept as {kept} ({error.strerror})"
            ) from error

    def read(self) -> AnchoredHead | None:
        """None when nothing was ever anchored. Raises PermanentError when the file is not an anchor."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreachableError(f"the audit anchor {self._path} cannot be read ({error.strerror})") from error
        try:
            return msgspec.json.decode(data, type=AnchoredHead)
        except msgspec.DecodeError as error:
            raise PermanentError(
                f"the audit anchor {self._path} is not one ({error}); compare the chain with another copy of it"
            ) from error


def misfit(log: AuditLog, anchor: AuditAnchor) -> str | None:
    """Why this log is not the one whose head was anchored; None when it is, or nothing was. Reads one entry of it.

    Raises PermanentError when the file is no anchor, UnreachableError when it cannot be read.
    """
    return _misfit(log, anchor.read())


def _misfit(log: AuditLog, anchored: AnchoredHead | None) -> str | None:
    if anchored is None:
        return None
    head = log.head()
    newest = head.seq if head is not None else 0
    if newest < anchored.seq:
        return (
            f"the chain ends at entry {newest}, but {anchored.seq} was anchored: "
            "entries were removed at its tail, or an older copy of the database was put back, or another one"
        )
    entries = log.entries(after=anchored.seq - 1, limit=1)
    if entries and entries[0].hash == anchored.hash:
        return None
    return f"entry {anchored.seq} is not the one that was anchored: the chain was written anew"


def verify_against(log: AuditLog, anchored: AnchoredHead | None) -> AuditReport:
    """The report of the whole chain, which must also still contain the anchored entry.

    That was read before the transaction began: beside a running engine a later one would be newer than what is seen.
    """
    report = log.verify()
    if report.broken_at is not None or anchored is None or (statement := _misfit(log, anchored)) is None:
        return report
    return AuditReport(
        entries=report.entries,
        head=report.head,
        broken_at=min(report.entries + 1, anchored.seq),
        statement=statement,
    )
