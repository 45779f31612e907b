"""An action that outlasts the stop is still this process's: nobody takes its place before it has ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from recoverops.app import engine as app
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.model import ConflictError, IncidentId, SegmentKey


class Acting:
    """Stands in for a response inside an action that takes its time."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self.begun.set()
        self.may_end.wait(30)
        self.ended.set()


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Acting]:
    monkeypatch.setattr(app, "DRAIN_TIMEOUT", timedelta(seconds=0.2))
    acting = Acting()
    yield acting
    acting.may_end.set()


def made(folder: Path, *, database: str = "") -> RecoverOps:
    folder.mkdir(exist_ok=True)
    file = folder / "recoverops.yaml"
    storage = {"storage": {"url": "env:STORE_URL"}} if database else {}
    given = {"data_dir": "data", "plugins": [], "detection": {"baselines": []}, **storage}
    file.write_text(json.dumps(given), encoding="utf-8")
    return RecoverOps(load_settings(file, {"STORE_URL": database}))


def stopped_while_acting(engine: RecoverOps, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.start()
    monkeypatch.setattr(engine.workflows, "_respond", acting)
    engine.start_response(SegmentKey(incident_id=IncidentId("inc-1"), episode=1, segment=1))
    assert acting.begun.wait(10)
    engine.close()
    assert not acting.ended.is_set()


def test_the_data_directory_stays_locked(tmp_path: Path, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_while_acting(made(tmp_path), acting, monkeypatch)
    with pytest.raises(ConflictError, match="is in use by pid"):
        made(tmp_path).start()


def test_the_claim_to_a_postgresql_database_stays(
    tmp_path: Path, acting: Acting, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    stopped_while_acting(made(tmp_path / "one", database=postgres_url), acting, monkeypatch)
    with pytest.raises(ConflictError, match="another process runs the responses"):
        made(tmp_path / "another", database=postgres_url).start()
    with psycopg.connect(postgres_url, autocommit=True) as operator:  # the process lives on, so the test ends its claim
        operator.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")


def test_an_engine_that_does_nothing_any_more_gives_its_place_up(tmp_path: Path) -> None:
    engine = made(tmp_path)
    engine.start()
    engine.close()
    engine = made(tmp_path)
    engine.start()
    engine.close()
