"""A door on a real store, with a key for every role and one of everything in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from tests.conftest import ManualClock, Records
from tests.databases import prepared
from tests.unit.api.oracle import Oracle

from recoverops.api.application import make_application
from recoverops.api.doors import Doors
from recoverops.api.keyring import Keyring, Principal
from recoverops.api.settings import ApiSettings, Role
from recoverops.api.telemetry import Metrics
from recoverops.model import (
    ComponentState,
    ComponentStatus,
    Decision,
    EffectClass,
    Incident,
    IncidentState,
    Outcome,
    OutcomeStatus,
    ResponseStage,
    RunState,
    SegmentKey,
    Service,
    Wait,
    WaitKind,
)
from recoverops.operations import Ceilings, silence
from recoverops.plugins.prometheus import plugin
from recoverops.ports import PluginContext, Tx
from recoverops.storage import SqlStore, StopFile, StorageSettings, open_store
from recoverops.topology import Inventory

MAX_BODY = 2048
KEYS = {role: f"{role.value}-key-of-more-than-twenty-characters" for role in Role}
WRONG_KEY = "a-key-that-nobody-has-ever-had-here"
INVENTORY = Inventory([Service(name="checkout", group="checkout", match={"service": "checkout"})])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass
class House:
    """The application and everything behind its door."""

    store: SqlStore
    stop: StopFile
    file: Path
    doors: Doors
    silence_id: str
    nudged: list[str] = field(default_factory=list)
    started: list[SegmentKey] = field(default_factory=list)

    @cached_property
    def application(self) -> FastAPI:
        return make_application(self.doors)

    @property
    def client(self) -> TestClient:
        return TestClient(self.application, raise_server_exceptions=False)

    def ask(self, method: str, path: str, role: Role | None = None, **more: Any) -> Response:
        headers = {**(bearer(KEYS[role]) if role else {}), **more.pop("headers", {})}
        path = path.replace("{silence}", self.silence_id)
        answer: Response = self.client.request(method, path, headers=headers, **more)
        return answer

    def contents(self) -> list[str]:
        """Every row of every table."""
        with sqlite3.connect(self.file) as connection:
            return list(connection.iterdump())

    def audited(self) -> list[str]:
        return self.store.read(lambda tx: [f"{one.actor} {one.event}" for one in tx.audit.entries()])


def keyring() -> Keyring:
    keys = Keyring()
    for role, key in KEYS.items():
        keys.add(key, Principal(name=f"the-{role.value}", role=role))
    return keys


def push_sources(clock: ManualClock) -> dict[str, Any]:
    context = PluginContext(clock=clock, services=INVENTORY.services, secret=lambda reference: reference)
    return {source.name: source for source in plugin.build(plugin.settings(), context).push_sources}


def fill(tx: Tx, a: Records) -> None:
    switched = msgspec.structs.replace(a.plan(), effect=EffectClass.REVERSIBLE)
    done = Outcome(status=OutcomeStatus.SUCCEEDED, statement="switched", at=a.at, after={"switch": "on"})
    tx.incidents.insert(a.incident("inc-2", state=IncidentState.RESOLVED, response=ResponseStage.FINISHED))
    tx.runs.insert(a.run("run-2", "inc-2", plan=switched, state=RunState.SUCCEEDED, ended_at=a.at))
    tx.runs.insert_intent(a.intent("run-2:1", "run-2"))
    tx.runs.record_outcome("run-2:1", done)
    tx.incidents.insert(a.incident())
    tx.decisions.insert(a.decision())
    tx.approvals.insert(a.approval(requested_by="recoverops"))
    tx.waits.park(
        Wait(incident_id=a.incident().id, kind=WaitKind.APPROVAL, due_at=a.at + timedelta(hours=1), since=a.at)
    )


@pytest.fixture
def open_house(tmp_path: Path, clock: ManualClock, a: Records) -> Iterator[Callable[..., House]]:
    opened: list[SqlStore] = []

    def make(*, intake_queue_bytes: int = 1024 * 1024, **changes: Any) -> House:
        data_dir = prepared(tmp_path / f"data-{len(opened)}")
        store = open_store(StorageSettings(intake_queue_bytes=intake_queue_bytes), data_dir=data_dir, clock=clock)
        opened.append(store)
        store.write(lambda tx: fill(tx, a))
        standing = silence(
            store, clock, INVENTORY, pattern="service:checkout", duration=timedelta(hours=1), by="ada", reason="kernel"
        )
        stop = StopFile(data_dir / "EMERGENCY_STOP", clock=clock)
        nudged: list[str] = []
        started: list[SegmentKey] = []
        doors = Doors(
            settings=ApiSettings(),
            keyring=keyring(),
            store=store,
            clock=clock,
            stop=stop,
            push_sources=push_sources(clock),
            metrics=Metrics(),
            components=lambda: (
                ComponentStatus(name="store", state=ComponentState.UP, statement="writes durably", since=clock.now()),
            ),
            is_ready=lambda: True,
            debug=lambda: {"release": "9.9.9"},
            nudge=lambda: nudged.append("nudge"),
            admitted=lambda: nudged.append("admitted"),
            anomaly=Oracle(),
            submit_metrics=lambda delivery: Future(),
            inventory=INVENTORY,
            runbooks=lambda: ("restart-service",),
            evaluate=lambda incident: _dry_run(a, incident),
            start=started.append,
            stop_channels=("console",),
            channels_of=lambda notification: ("console",),
            ceilings=Ceilings(per_hour=10, per_day=50, cooldown=timedelta(minutes=5)),
            act_within=timedelta(minutes=2),
            max_body_bytes=MAX_BODY,
            version="9.9.9",
        )
        return House(
            store=store,
            stop=stop,
            file=data_dir / "recoverops.sqlite",
            doors=replace(doors, **changes),
            silence_id=standing.id,
            nudged=nudged,
            started=started,
        )

    yield make
    for store in opened:
        store.close()


def _dry_run(a: Records, incident: Incident) -> Decision:
    return a.decision("dec-dry", incident=incident.id)


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
