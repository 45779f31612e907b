"""The audit log: a chain that shows every later change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

import pytest
import sqlalchemy as sa

from recoverops.app.files import ANCHOR_FILE
from recoverops.app.load import load_settings
from recoverops.app.offline import verify_audit
from recoverops.model import GENESIS, AuditLine, PermanentError
from recoverops.storage import AuditAnchor, verify_against

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import ManualClock, Records

    from recoverops.model import AuditEntry, AuditReport
    from recoverops.ports import Tx
    from recoverops.storage import SqlStore


def append(store: SqlStore, at: datetime, number: int = 1) -> list[AuditEntry]:
    return [
        store.write(
            lambda tx: tx.audit.append(
                at=at, actor="engine", event="acted", subject="run-1", detail={"zeta": "ü", "alpha": "1"}
            )
        )
        for _ in range(number)
    ]


@pytest.fixture
def five(store: SqlStore, a: Records) -> SqlStore:
    append(store, a.at, 5)
    return store


def tamper(store: SqlStore, *statements: str) -> None:
    """Somebody with all rights drops the guards first."""
    with store.write_engine.begin() as connection:
        for name in ("audit_entry_unchanged", "audit_entry_kept"):
            on = " ON audit_entry" if connection.dialect.name == "postgresql" else ""
            connection.execute(sa.text(f"DROP TRIGGER {name}{on}"))
        for statement in statements:
            assert connection.execute(sa.text(statement)).rowcount > 0, statement


def test_lines_that_are_written_together_are_links_like_those_written_one_by_one(store: SqlStore, a: Records) -> None:
    def line(number: int) -> AuditLine:
        detail = {"zeta": "ü", "alpha": str(number)}
        return AuditLine(at=a.at, actor="engine", event=f"acted {number}", subject="run-1", detail=detail)

    append(store, a.at)
    store.write(lambda tx: tx.audit.append_all([line(1), line(2), line(3)]))
    store.write(lambda tx: tx.audit.append_all([]))
    append(store, a.at)

    assert store.read(lambda tx: tx.audit.verify()).statement.startswith("the chain of 5 entries is whole")
    written = store.read(lambda tx: tx.audit.entries())[1:4]
    assert [(one.event, one.detail, one.at) for one in written] == [
        (one.event, one.detail, one.at) for one in map(line, (1, 2, 3))
    ]


def test_an_untouched_chain_is_whole(five: SqlStore) -> None:
    report = five.read(lambda tx: tx.audit.verify())
    head = five.read(lambda tx: tx.audit.head())
    assert head is not None
    assert (report.entries, report.head, report.broken_at) == (5, head.hash, None)
    assert "5 entries is whole" in report.statement


def test_the_newest_entry_about_a_subject_that_tells_of_one_of_these_events(store: SqlStore, a: Records) -> None:
    def newest() -> AuditEntry | None:
        return store.read(lambda tx: tx.audit.newest("engine", events=("begun", "ended")))

    def told(subject: str, event: str) -> AuditEntry:
        return store.write(lambda tx: tx.audit.append(at=a.at, actor="ada", event=event, subject=subject, detail={}))

    assert newest() is None
    begun = told("engine", "begun")
    told("engine", "looked")
    told("run-1", "ended")
    assert newest() == begun
    ended = told("engine", "ended")
    assert newest() == ended


def test_an_empty_chain_is_whole(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.audit.head()) is None
    report = store.read(lambda tx: tx.audit.verify())
    assert (report.entries, report.head, report.broken_at) == (0, GENESIS, None)


def test_entries_come_back_as_they_were_appended_page_by_page(store: SqlStore, a: Records) -> None:
    appended = append(store, a.at, 3)
    assert appended[0].previous == GENESIS
    assert appended[1].previous == appended[0].hash
    assert store.read(lambda tx: tx.audit.entries()) == tuple(appended)
    assert store.read(lambda tx: tx.audit.entries(after=1, limit=1)) == (appended[1],)


def test_a_time_in_another_zone_is_kept_as_the_same_moment(store: SqlStore) -> None:
    summer = datetime(2026, 7, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    (entry,) = append(store, summer)
    assert entry.at == summer
    assert entry.at.tzinfo is UTC
    assert store.read(lambda tx: tx.audit.verify()).broken_at is None


def test_an_append_that_is_rolled_back_leaves_no_gap(store: SqlStore, a: Records) -> None:
    append(store, a.at)

    def fail(tx: Tx) -> None:
        tx.audit.append(at=a.at, actor="x", event="x", subject="x", detail={})
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fail)
    assert append(store, a.at)[0].seq == 2


@pytest.mark.parametrize(
    ("statements", "broken_at", "sentence"),
    [
        (("UPDATE audit_entry SET actor = 'nobody' WHERE seq = 3",), 3, "was changed"),
        (("UPDATE audit_entry SET at = at + 1 WHERE seq = 3",), 3, "was changed"),
        (("UPDATE audit_entry SET event = 'x' WHERE seq = 3",), 3, "was changed"),
        (("UPDATE audit_entry SET subject = 'x' WHERE seq = 3",), 3, "was changed"),
        (("""UPDATE audit_entry SET detail = '{"alpha":"2"}' WHERE seq = 3""",), 3, "was changed"),
        (("UPDATE audit_entry SET detail = 'not json' WHERE seq = 3",), 3, "was changed"),
        (("UPDATE audit_entry SET hash = 'x' WHERE seq = 3",), 3, "was changed"),
        (("UPDATE audit_entry SET previous = 'x' WHERE seq = 3",), 3, "does not follow"),
        (("DELETE FROM audit_entry WHERE seq = 3",), 3, "entry 3 is missing"),
        (("DELETE FROM audit_entry WHERE seq = 1",), 1, "entry 1 is missing"),
        (
            (
                "DELETE FROM audit_entry WHERE seq = 3",
                "UPDATE audit_entry SET seq = 3 WHERE seq = 4",
                "UPDATE audit_entry SET seq = 4 WHERE seq = 5",
            ),
            3,
            "does not follow",
        ),
        (
            (
                "UPDATE audit_entry SET seq = 99 WHERE seq = 2",
                "UPDATE audit_entry SET seq = 2 WHERE seq = 4",
                "UPDATE audit_entry SET seq = 4 WHERE seq = 99",
            ),
            2,
            "does not follow",
        ),
        (("UPDATE audit_entry SET seq = -1 WHERE seq = 3",), 1, "entry 1 is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_verify_finds_what_was_changed_removed_or_reordered(
    five: SqlStore, statements: tuple[str, ...], broken_at: int, sentence: str
) -> None:
    tamper(five, *statements)
    report = five.read(lambda tx: tx.audit.verify())
    assert report.broken_at == broken_at
    assert sentence in report.statement


@pytest.fixture
def anchor(five: SqlStore, tmp_path: Path) -> AuditAnchor:
    anchor = AuditAnchor(tmp_path / "audit.anchor")
    head = five.read(lambda tx: tx.audit.head())
    assert head is not None
    anchor.write(head)
    return anchor


def test_an_anchored_chain_may_grow(five: SqlStore, anchor: AuditAnchor, a: Records) -> None:
    append(five, a.at, 2)
    report = five.read(lambda tx: verify_against(tx.audit, anchor.read()))
    assert (report.entries, report.broken_at) == (7, None)


def test_only_the_anchor_finds_what_was_removed_at_the_tail(five: SqlStore, anchor: AuditAnchor) -> None:
    tamper(five, "DELETE FROM audit_entry WHERE seq > 3")
    assert five.read(lambda tx: tx.audit.verify()).broken_at is None
    report = five.read(lambda tx: verify_against(tx.audit, anchor.read()))
    assert (report.broken_at, report.entries) == (4, 3)
    assert "removed at its tail" in report.statement


def test_the_anchor_finds_a_tail_that_was_written_anew(five: SqlStore, anchor: AuditAnchor, a: Records) -> None:
    tamper(five, "DELETE FROM audit_entry WHERE seq > 3")
    append(five, a.at + timedelta(seconds=1), 4)
    assert five.read(lambda tx: tx.audit.verify()).broken_at is None
    report = five.read(lambda tx: verify_against(tx.audit, anchor.read()))
    assert report.broken_at == 5
    assert "written anew" in report.statement


def test_a_break_before_the_anchor_is_reported_first(five: SqlStore, anchor: AuditAnchor) -> None:
    tamper(five, "DELETE FROM audit_entry WHERE seq > 1 AND seq <> 4")
    assert five.read(lambda tx: verify_against(tx.audit, anchor.read())).broken_at == 2


def test_without_an_anchor_the_chain_alone_is_judged(five: SqlStore, tmp_path: Path) -> None:
    nothing = AuditAnchor(tmp_path / "nothing")
    assert nothing.read() is None
    assert five.read(lambda tx: verify_against(tx.audit, nothing.read())).entries == 5


def test_a_file_that_is_no_anchor_is_an_error_and_not_a_pass(five: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text("oops")
    with pytest.raises(PermanentError, match="is not one"):
        five.read(lambda tx: verify_against(tx.audit, AuditAnchor(tmp_path / "anchor").read()))


def test_what_a_running_engine_adds_and_anchors_while_the_chain_is_walked_is_no_cut(
    five: SqlStore, tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "recoverops.yaml").write_text("data_dir: .\n")
    settings = load_settings(tmp_path / "recoverops.yaml", {})
    anchor = AuditAnchor(settings.data_dir / ANCHOR_FILE)

    def anchored_head() -> None:
        head = five.read(lambda tx: tx.audit.head())
        assert head is not None
        anchor.write(head)

    class Busy:
        """A store whose engine writes on after the reader's snapshot was taken."""

        def read(self, fn: Callable[[Tx], AuditReport]) -> AuditReport:
            def beside(tx: Tx) -> AuditReport:
                tx.audit.head()  # the snapshot begins
                five.write(
                    lambda other: other.audit.append(at=clock.now(), actor="x", event="e", subject="s", detail={})
                )
                anchored_head()
                return fn(tx)

            return five.read(beside)

    anchored_head()
    assert verify_audit(settings, cast("SqlStore", Busy())).broken_at is None
