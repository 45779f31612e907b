"""A silence that ends while a response is being parked behind it: the wait is seen, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from recoverops.model import IncidentState, Reason, ResponseStage, Service, Wait, WaitKind
from recoverops.operations import end_silence, silence
from recoverops.topology import Inventory

if TYPE_CHECKING:
    from tests.conftest import ManualClock, Records

    from recoverops.ports import Tx
    from recoverops.storage import SqlStore

HOUR = timedelta(hours=1)


def test_a_response_that_is_parked_while_the_silence_ends_is_due_at_once(
    store: SqlStore, clock: ManualClock, a: Records
) -> None:
    shop = Inventory([Service(name="checkout", group="shop")])
    begun = silence(store, clock, shop, pattern="service:checkout", duration=HOUR, by="person:ada", reason="r")
    incident = a.incident(state=IncidentState.WAITING, response=ResponseStage.PARKED, reason=Reason.SILENCED)
    ending = threading.Thread(target=lambda: end_silence(store, clock, begun.id, by="person:bob"))

    def decide(tx: Tx) -> None:
        tx.limits.usage(incident.resource, now=clock.now())  # as the gates do: it takes the lock of all decisions
        assert tx.silences.active(clock.now()) == (begun,)
        ending.start()
        ending.join(timeout=0.5)
        assert ending.is_alive(), "it ended between the gates and the parking, and nobody would wake the response"
        tx.incidents.insert(incident)
        tx.waits.park(Wait(incident_id=incident.id, kind=WaitKind.GATE, due_at=begun.ends_at, since=clock.now()))

    store.write(decide)
    ending.join(timeout=30)

    assert not ending.is_alive()
    assert [one.incident_id for one in store.read(lambda tx: tx.waits.due(clock.now()))] == [incident.id]
