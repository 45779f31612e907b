"""Incidents page by page: the sweep sees every open one, however many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from recoverops.model import Incident, IncidentState

if TYPE_CHECKING:
    from tests.conftest import Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore


def test_pages_follow_one_another_without_a_gap_also_where_several_opened_at_once(store: SqlStore, a: Records) -> None:
    opened = [timedelta(minutes=number // 3) for number in range(8)]

    def fill(tx: Tx) -> None:
        for number, later in enumerate(opened):
            state = IncidentState.RESOLVED if number == 4 else IncidentState.ESCALATED
            tx.incidents.insert(a.incident(f"inc-{number}", state=state, opened_at=a.at + later))

    def pages(tx: Tx) -> list[Incident]:
        found: list[Incident] = []
        while page := tx.incidents.listed(
            states=(IncidentState.ESCALATED,), limit=2, before=found[-1] if found else None
        ):
            found += page
        return found

    store.write(fill)
    assert [one.id for one in store.read(pages)] == [f"inc-{number}" for number in (7, 6, 5, 3, 2, 1, 0)]


def test_the_newest_of_a_fingerprint_is_found_open_or_over(store: SqlStore, a: Records) -> None:
    same = a.incident().fingerprint

    def fill(tx: Tx) -> None:
        for number in range(3):
            at = a.at + timedelta(minutes=number)
            tx.incidents.insert(
                a.incident(f"inc-{number}", fingerprint=same, state=IncidentState.RESOLVED, opened_at=at)
            )

    assert store.read(lambda tx: tx.incidents.newest_with(same)) is None
    store.write(fill)
    newest = store.read(lambda tx: tx.incidents.newest_with(same))
    assert newest is not None
    assert newest.id == "inc-2"


def test_an_incident_is_found_by_the_end_of_its_id_and_the_end_has_no_wildcards(store: SqlStore, a: Records) -> None:
    names = ("inc-1-a3f9c1", "inc-2-a3f9c1", "inc-3-b_%/c1", "inc-4-bxyyc1", "inc-5-A3F9C1")

    def fill(tx: Tx) -> None:
        for number, name in enumerate(names):
            tx.incidents.insert(a.incident(name, opened_at=a.at + timedelta(minutes=number)))
            tx.incidents.insert(a.incident(f"{name}-other"))

    def ending(end: str, limit: int = 10) -> list[str]:
        return [one.id for one in store.read(lambda tx: tx.incidents.ending(end, limit=limit))]

    store.write(fill)
    assert ending("a3f9c1") == ["inc-2-a3f9c1", "inc-1-a3f9c1"]
    assert ending("a3f9c1", limit=1) == ["inc-2-a3f9c1"]
    assert ending("b_%/c1") == ["inc-3-b_%/c1"]
    assert ending("inc-1-a3f9c1") == ["inc-1-a3f9c1"]
    assert ending("x" * 200) == []
