"""`recoverops init` beside real processes: a supervisord, a listening program, an engine. Prometheus is a double here:
a small server that answers `query_range` and `/-/ready` in Prometheus' form (the recording comes from the test).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.acceptance.harness import Site, eventually, site

from recoverops.app.discovery.begin import begin
from recoverops.app.discovery.facts import Facts
from recoverops.app.discovery.look import look
from recoverops.app.discovery.monitoring import is_ready
from recoverops.app.discovery.prometheus import past_day
from recoverops.app.discovery.propose import Proposed
from recoverops.app.discovery.supervisors import ask
from recoverops.app.load import load_settings
from recoverops.clock import SystemClock
from recoverops.model import Mode, UnreachableError
from recoverops.testing import free_port
from recoverops.testing.supervisor import Program, running_supervisor

WEB = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


@contextmanager
def prometheus_double(answer: Any, *, asked: list[dict[str, list[str]]] | None = None) -> Iterator[str]:
    """Says what it is told to say; not a Prometheus."""

    class Double(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if asked is not None and url.path == "/api/v1/query_range":
                asked.append(parse_qs(url.query))
            body = json.dumps(answer).encode() if url.path == "/api/v1/query_range" else b"Ready."
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Double)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _matrix(*series: tuple[str, list[float]]) -> dict[str, Any]:
    result = [
        {"metric": {"__name__": "up", "job": "shop", "instance": instance}, "values": [[at, "0"] for at in times]}
        for instance, times in series
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def test_a_real_supervisord_and_its_listening_program_become_one_service(tmp_path: Path) -> None:
    port, script = free_port(), tmp_path / "web.py"
    script.write_text(WEB)
    program = Program(name="web", command=(sys.executable, str(script), str(port)))
    with running_supervisor(tmp_path / "supervisor", [program]) as supervisor:
        eventually("a listening port", lambda: any(one.port == port and one.health for one in look().ports) or None)

        facts = look()

        found = next(one for one in facts.supervisors if one.url == supervisor.url)
        assert [(one.full_name, one.state) for one in found.programs] == [("web", "RUNNING")]
        own = tuple(one for one in facts.ports if one.port == port)
        begun = begin(Facts(supervisors=(found,), ports=own), tmp_path / "new", {}, SystemClock(), force=False)
        (service,) = begun.proposal.services
        assert service.address == {"supervisor": "web", "http": f"http://127.0.0.1:{port}/healthz"}
        assert load_settings(Path(begun.file), {}).decision.mode is Mode.OBSERVE
        assert begun.past_day is None
        assert begun.why_no_past_day.startswith("no Prometheus answered")
        assert supervisor.info("web")["pid"] == found.programs[0].pid, "looking changed nothing"


def test_a_supervisord_that_is_not_there_or_wants_a_password_is_trouble_and_no_service(tmp_path: Path) -> None:
    assert "does not answer" in ask(f"unix://{tmp_path}/none.sock").trouble
    with prometheus_double({}) as url:
        assert "unlike a supervisord" in ask(url).trouble


def test_the_last_day_counts_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    now = time.time()
    supervised = Proposed(name="checkout", address={"supervisor": "checkout", "http": "http://127.0.0.1:8080/health"})
    watched = Proposed(name="web", address={"http": "http://127.0.0.1:8081/"})
    answer = _matrix(
        ("127.0.0.1:8080", [now - 9000, now - 8985, now - 8970, now - 500]),
        ("localhost:8081", [now - 300, now - 285]),
        ("elsewhere:9100", [now - 60, now - 45, now - 30]),
    )
    asked: list[dict[str, list[str]]] = []
    with prometheus_double(answer, asked=asked) as url:
        assert is_ready(url)
        day = past_day(url, [supervised, watched], hold=timedelta(seconds=10), now=SystemClock().now())
    assert [(one.instance, one.episodes, one.long, one.service, one.can_act) for one in day.targets] == [
        ("127.0.0.1:8080", 2, 1, "checkout", True),
        ("elsewhere:9100", 1, 1, "", False),
        ("localhost:8081", 1, 1, "web", False),
    ]
    assert (day.incidents, day.actions) == (3, 1)
    (query,) = asked
    assert query["query"] == ["up == 0"]
    assert float(query["end"][0]) - float(query["start"][0]) == pytest.approx(24 * 3600)


def test_the_last_day_is_told_in_the_answer_of_init(tmp_path: Path) -> None:
    with prometheus_double(_matrix(("elsewhere:9100", [time.time() - 60, time.time() - 30]))) as url:
        begun = begin(Facts(prometheus=(url,)), tmp_path, {}, SystemClock(), force=False)
    assert begun.past_day is not None
    assert (begun.past_day.incidents, begun.past_day.actions) == (0, 0), "two single points are no outage of a length"


@pytest.mark.parametrize("answer", [{"status": "error"}, [], "text"])
def test_a_prometheus_that_refuses_gives_a_reason_and_no_figures(tmp_path: Path, answer: Any) -> None:
    with prometheus_double(answer) as url:
        begun = begin(Facts(prometheus=(url,)), tmp_path, {}, SystemClock(), force=False)
        assert begun.past_day is None
        assert url in begun.why_no_past_day
    with pytest.raises(UnreachableError):
        past_day(url, [], hold=timedelta(0), now=SystemClock().now())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        made.configure(rule={"mode": "observe"})
        yield made


def _init(place: Site, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "recoverops", "init", "--directory", str(place.directory), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_test_alert_is_stored_by_the_running_engine_and_opens_nothing(place: Site) -> None:
    code, _, told = _init(place, "--test-alert")
    assert (code, "recoverops up" in told) == (5, True), told + "without an engine there is no key yet"
    place.up()

    code, said, told = _init(place, "--test-alert", "--json")

    assert code == 0, told
    assert json.loads(said)["stored"] == 1
    assert place.key() not in said + told
    page = place.ask("GET", "/api/v1/incidents")[1]["incidents"]
    assert page == []
    place.down()
    code, _, told = _init(place, "--test-alert")
    assert (code, "no engine answers" in told) == (6, True)


def test_the_command_writes_a_file_that_check_understands_and_never_over_another(tmp_path: Path, place: Site) -> None:
    directory = tmp_path / "fresh"
    code, _, told = _init(place)
    assert (code, "--force" in told) == (4, True)
    place.directory = directory

    code, said, told = _init(place, "--json")

    assert code == 0, told
    answer = msgspec.json.decode(said)
    assert answer["file"] == str(directory / "recoverops.yaml")
    assert "credentials_file" in answer["receiver"]
    assert len(answer["next"]) == 3
    place.config = directory / "recoverops.yaml"
    findings = json.loads(place.command("check", "--json", check=False).stdout)["findings"]
    assert "mode observe" in findings[0]["statement"]
    assert "mode: observe" in place.config.read_text()
