"""A service that answers with errors is observed closer; at the end nothing is left raised, and a person is called."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.acceptance.harness import site

LEVELS = ["debug", "info"]


class _Pages(BaseHTTPRequestHandler):
    """Health always fails; the log level can be read and set, and every change of it is kept."""

    set_to: list[str]

    def do_GET(self) -> None:
        status = 200 if self.path == "/log" else 500
        body = json.dumps({"level": self.set_to[-1]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.set_to.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["level"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def failing_service() -> Iterator[tuple[str, list[str]]]:
    """Where it is, and the levels that it has had."""
    levels = ["info"]
    pages = type("Pages", (_Pages,), {"set_to": levels})
    with ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", levels
        finally:
            server.shutdown()
            thread.join()


def test_a_closer_look_that_does_not_help_ends_with_everything_as_before(tmp_path: Path) -> None:
    journal = tmp_path / "observed"
    journal.mkdir()
    with failing_service() as (url, levels), site(tmp_path) as place:
        # given a service with errors, and a rule that looks closer for four seconds
        (place.directory / "runbooks/closer.yaml").write_text(
            "{name: look-closer, action: raise-observation, verify: {hold: 1s, timeout: 4s}}"
        )
        page = {"service": "checkout", "url": f"{url}/log", "levels": LEVELS, "raised": "debug"}
        http = {"observation": {"journal": str(journal), "every": "200ms", "log_levels": [page]}}
        place.configure(
            rule={"mode": "act", "runbook": "look-closer", "when": "true"},
            decision={"mode": "act", "ask_when_critical": False, "protected": []},
            services=[{"name": "checkout", "address": {"http": f"{url}/health"}}],
            plugins=[{"name": "http", "settings": http}, {"name": "console"}],
        )
        (place.directory / "runbooks/restart-service.yaml").unlink()
        # when RecoverOps sees it
        place.up()
        # then it looks closer, takes that back because the errors are still there, and calls a person
        incident = place.incident_in("escalated", within_s=40)
        (run,) = place.story(incident["id"])["runs"]
        effect, undo = run["actions"]
        assert effect["outcome"]["status"] == "succeeded", effect
        assert effect["outcome"]["after"]["evidence.http"].startswith("status 500")
        assert (run["state"], undo["outcome"]["status"]) == ("undone", "succeeded")
        assert levels == ["info", "debug", "info"]
        assert list(journal.iterdir()) == []
