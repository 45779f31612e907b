"""`raise-observation` through the kit, and its ends: by undo, by its time, after a crash, beside a person's hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from tests.conformance.aimed import aimed

from recoverops.clock import SystemClock
from recoverops.model import ExecutionStatus, MisconfiguredError, PermanentError, Service
from recoverops.plugins.http import HttpSettings, plugin
from recoverops.ports import Clock, PluginContext, PluginParts
from recoverops.testing import ManualClock, Undoing, check_action, check_source

LEVELS = ["debug", "info", "warn"]
SECRETS = {"env:TOKEN": "open-sesame"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Shop(ThreadingHTTPServer):
    """A service with a health page, and a page for its log level as zap has it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.level = "info"
        self.asked: list[str] = []
        self.refuses = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shop = cast(Shop, self.server)
        shop.asked.append(self.path)
        self._answer(200, {"level": shop.level})

    def do_PUT(self) -> None:
        shop = cast(Shop, self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if shop.refuses or self.headers["Authorization"] != "Bearer open-sesame":
            self._answer(403, {})
            return
        shop.level = body["level"]
        self._answer(200, {"level": shop.level})

    def _answer(self, status: int, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    folder.mkdir()
    return folder


def checkout(shop: Shop) -> Service:
    return Service(name="checkout", group="shop", address={"http": f"{shop.url}/health"})


def built(shop: Shop, journal: Path, *more: Service, clock: Clock | None = None, **changed: Any) -> PluginParts:
    page = {"service": "checkout", "url": f"{shop.url}/log", "levels": LEVELS, "raised": "debug", "bearer": "env:TOKEN"}
    observation = {"journal": str(journal), "lasts": "10min", "log_levels": [page], **changed}
    services = {one.name: one for one in (checkout(shop), *more)}
    context = PluginContext(clock=clock or SystemClock(), services=services, secret=lambda name: SECRETS[name])
    settings = {"probe": {"timeout": "5s"}, "observation": observation}
    return plugin.build(HttpSettings.model_validate(settings), context)


def parts(built: PluginParts) -> tuple[Any, Any, Any]:
    """The probe, the source that ends it, the action."""
    probe, source = built.sources
    return probe, source, built.actions[0]


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(folder)


def test_raise_observation_keeps_the_contract(shop: Shop, journal: Path) -> None:
    _, _, action = parts(built(shop, journal))

    def as_usual() -> None:
        shop.level = "info"
        for note in journal.iterdir():
            note.unlink()

    def state() -> tuple[str, int]:
        return shop.level, len(list(journal.iterdir()))

    def by_hand() -> None:
        shop.level = "warn"

    check_action(
        aimed(action),
        checkout(shop),
        break_it=as_usual,
        snapshot=state,
        cut_off=lambda: moved_away(journal),
        secrets=SECRETS.values(),
        undoing=Undoing(restored=state, tamper=by_hand),
    )


def test_a_service_without_a_log_level_is_only_probed_more_often(shop: Shop, journal: Path) -> None:
    probe, _, action = parts(built(shop, journal, log_levels=[]))
    service = checkout(shop)
    plan = action.plan(service, {})
    done = action.execute(plan, service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.SUCCEEDED
    assert done.after["evidence.http"].startswith("status 200")
    assert probe.every == timedelta(milliseconds=200)
    assert action.undo(plan, done.after, service, idempotency_key="run-1:2").status is ExecutionStatus.SUCCEEDED
    assert probe.every == timedelta(seconds=1)


def test_the_source_keeps_the_contract(shop: Shop, journal: Path) -> None:
    _, source, action = parts(built(shop, journal))
    check_source(source, resources=[checkout(shop).resource], cut_off=lambda: moved_away(journal))
    assert [one.value for one in source.poll()] == [0.0]
    action.execute(action.plan(checkout(shop), {}), checkout(shop), idempotency_key="run-1:1")
    assert [one.value for one in source.poll()] == [1.0]


def test_everything_is_restored_when_its_time_is_over(shop: Shop, journal: Path) -> None:
    clock = ManualClock(NOON)
    probe, source, action = parts(built(shop, journal, clock=clock))
    service = checkout(shop)
    plan = action.plan(service, {})
    done = action.execute(plan, service, idempotency_key="run-1:1")
    clock.advance(timedelta(minutes=9, seconds=59))
    assert [one.value for one in source.poll()] == [1.0]
    assert shop.level == "debug"
    clock.advance(timedelta(seconds=1))
    assert [one.value for one in source.poll()] == [0.0]
    assert shop.level == plan.before["level"]
    assert probe.every == timedelta(seconds=1)
    assert action.probe_undo(plan, done.after, service).answer == "done"


def test_a_crash_does_not_leave_it_raised(shop: Shop, journal: Path) -> None:
    clock = ManualClock(NOON)
    _, _, action = parts(built(shop, journal, clock=clock))
    service = checkout(shop)
    plan = action.plan(service, {})
    action.execute(plan, service, idempotency_key="run-1:1")
    probe, source, later = parts(built(shop, journal, clock=clock))
    assert probe.every == timedelta(milliseconds=200), "the rate is taken up again from the journal"
    assert later.probe(plan, service).answer == "done"
    clock.advance(timedelta(minutes=10))
    source.poll()
    assert (shop.level, probe.every) == ("info", timedelta(seconds=1))


def test_a_level_that_a_person_chose_meanwhile_stays(shop: Shop, journal: Path) -> None:
    clock = ManualClock(NOON)
    probe, source, action = parts(built(shop, journal, clock=clock))
    action.execute(action.plan(checkout(shop), {}), checkout(shop), idempotency_key="run-1:1")
    shop.level = "warn"
    clock.advance(timedelta(minutes=10))
    assert [one.value for one in source.poll()] == [0.0]
    assert (shop.level, probe.every) == ("warn", timedelta(seconds=1))


def test_what_cannot_be_restored_is_said_and_tried_again(shop: Shop, journal: Path) -> None:
    clock = ManualClock(NOON)
    _, source, action = parts(built(shop, journal, clock=clock))
    action.execute(action.plan(checkout(shop), {}), checkout(shop), idempotency_key="run-1:1")
    clock.advance(timedelta(minutes=10))
    shop.refuses = True
    (sample,) = source.poll()
    assert sample.value == 1.0
    assert "could not be restored yet" in sample.detail
    assert "status 403" in sample.detail
    shop.refuses = False
    (sample,) = source.poll()
    assert (sample.value, sample.detail, shop.level) == (0.0, "", "info")


def test_a_refused_level_is_a_failure_and_leaves_nothing_raised(shop: Shop, journal: Path) -> None:
    probe, _, action = parts(built(shop, journal))
    service = checkout(shop)
    shop.refuses = True
    plan = action.plan(service, {})
    done = action.execute(plan, service, idempotency_key="run-1:1")
    assert done.status is ExecutionStatus.FAILED
    assert "refused the level debug with status 403" in done.statement
    assert action.probe(plan, service).answer == "not_done"
    assert not list(journal.iterdir())
    assert probe.every == timedelta(seconds=1)


def test_only_the_raised_service_is_asked_more_often(shop: Shop, journal: Path) -> None:
    clock = ManualClock(NOON)
    quiet = Service(name="quiet", group="shop", address={"http": f"{shop.url}/quiet"})
    probe, _, action = parts(built(shop, journal, quiet, clock=clock))
    action.execute(action.plan(checkout(shop), {}), checkout(shop), idempotency_key="run-1:1")
    shop.asked.clear()
    for _ in range(10):
        assert probe.poll()
        clock.advance(timedelta(milliseconds=200))
    assert shop.asked.count("/health") == 10
    assert shop.asked.count("/quiet") == 2


def test_a_level_that_is_not_declared_is_neither_kept_nor_set(shop: Shop, journal: Path) -> None:
    _, _, action = parts(built(shop, journal))
    shop.level = "off"
    with pytest.raises(PermanentError, match="'off', which is not one of levels: debug, info, warn"):
        action.plan(checkout(shop), {})


def page(**changed: object) -> dict[str, object]:
    return {"service": "checkout", "url": "http://127.0.0.1/", "levels": LEVELS, "raised": "debug", **changed}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"every": "1s"}, "has to be shorter than probe.every"),
        ({"log_levels": [page(raised="off")]}, 'raised is "off"'),
        ({"log_levels": [page(), page()]}, "names checkout twice"),
        ({"log_levels": [page(service="gone")]}, 'no service "gone"'),
        ({"log_levels": [page(url="http://169.254.169.254/")]}, "RecoverOps never connects there"),
    ],
)
def test_settings_that_do_not_fit_are_refused(shop: Shop, journal: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises((MisconfiguredError, ValueError), match=told):
        built(shop, journal, **changed)


def test_a_journal_that_is_not_there_is_refused(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="gone cannot be used: No such file or directory; make the folder"):
        built(shop, tmp_path / "gone")


def test_a_note_that_is_none_is_named(shop: Shop, journal: Path) -> None:
    (journal / "checkout.observed").write_text("rubbish")
    with pytest.raises(MisconfiguredError, match=r"checkout\.observed is no note of RecoverOps"):
        built(shop, journal)
