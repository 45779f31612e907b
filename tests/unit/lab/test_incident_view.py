"""Reading RecoverOps's HTTP door, against a real server on loopback that answers with real records."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from recoverops.lab.incident_view import IncidentReader
from recoverops.lab.layout import Layout
from recoverops.model import (
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    PermanentError,
    Resource,
    ResourceKind,
    Severity,
    TimelineEntry,
    UnreachableError,
    to_json,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
INCIDENT = Incident(
    id=IncidentId("inc-1"),
    fingerprint=Fingerprint("f"),
    resource=Resource(kind=ResourceKind.SERVICE, name="checkout"),
    symptom="availability",
    severity=Severity.CRITICAL,
    state=IncidentState.OPEN,
    title="checkout is down",
    opened_at=AT,
    updated_at=AT,
)
ENTRY = TimelineEntry(incident_id=INCIDENT.id, at=AT, event="opened", actor="engine", text="opened")


class Door(ThreadingHTTPServer):
    daemon_threads = True
    pages: dict[str, tuple[int, Any]]


class Answer(BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        status, body = self.server.pages.get(self.path, (404, {"detail": "no such page"}))
        if self.path.startswith("/api/") and self.headers.get("Authorization") != "Bearer s3cret":
            status, body = 401, {"detail": "who are you?"}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert set(asked) == {"service", "runbook", "reason"}
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def reading(tmp_path: Path, pages: dict[str, tuple[int, Any]], *, key: str = "s3cret") -> Iterator[IncidentReader]:
    key_file = tmp_path / "admin.key"
    key_file.write_text(f"{key}\n")
    with Door(("127.0.0.1", 0), Answer) as door:
        door.pages = pages
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        reader = IncidentReader(f"http://127.0.0.1:{door.server_address[1]}", admin_key=key_file)
        try:
            yield reader
        finally:
            reader.close()
            door.shutdown()
            thread.join()


def plain(record: Incident | TimelineEntry) -> Any:
    return json.loads(to_json(record))


def test_every_incident_comes_with_its_story(tmp_path: Path) -> None:
    pages = {
        "/api/v1/incidents": (200, {"incidents": [plain(INCIDENT)]}),
        "/api/v1/incidents/inc-1": (200, {"incident": plain(INCIDENT), "timeline": [plain(ENTRY)], "new_field": 1}),
    }
    with reading(tmp_path, pages) as reader:
        (view,) = reader.all()

    assert view.incident == INCIDENT
    assert view.timeline == (ENTRY,)
    assert view.runs == ()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_what_the_door_says(tmp_path: Path, status: int, ready: bool) -> None:
    with reading(tmp_path, {"/ready": (status, {})}) as reader:
        assert reader.is_ready() is ready


def test_while_nothing_listens_it_is_not_ready_and_unreachable(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("s3cret")
    reader = IncidentReader(Layout.choose(tmp_path).api_url, admin_key=tmp_path / "admin.key")

    assert not reader.is_ready()
    with pytest.raises(UnreachableError, match="was not answered"):
        reader.all()
    reader.close()


def test_a_wrong_key_is_an_error_that_names_the_answer(tmp_path: Path) -> None:
    with reading(tmp_path, {}, key="wrong") as reader, pytest.raises(PermanentError, match="answered 401"):
        reader.all()


def test_an_answer_of_another_shape_is_an_error(tmp_path: Path) -> None:
    pages: dict[str, tuple[int, Any]] = {"/api/v1/incidents": (200, {"items": []})}
    with reading(tmp_path, pages) as reader, pytest.raises(PermanentError, match="RecoverOps answered no"):
        reader.all()


def test_a_request_for_a_runbook_answers_with_the_incident_that_carries_it(tmp_path: Path) -> None:
    pages: dict[str, tuple[int, Any]] = {"/remediation/execute": (202, {"incident": "inc-7"})}
    with reading(tmp_path, pages) as reader:
        assert reader.ask_for("return-load", service="gateway-2", reason="repaired") == "inc-7"


def test_a_request_that_is_refused_is_an_error_that_names_the_answer(tmp_path: Path) -> None:
    pages: dict[str, tuple[int, Any]] = {"/remediation/execute": (409, {"detail": "in work already"})}
    with reading(tmp_path, pages) as reader, pytest.raises(PermanentError, match=r"answered 409.*in work already"):
        reader.ask_for("return-load", service="gateway-2", reason="repaired")
