"""A real Prometheus that remote-writes, and OTLP over HTTP, into a real `recoverops up`: samples become incidents."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.harness import Site, eventually, site
from tests.acceptance.prometheus_peers import Peer, _running, _write
from tests.unit.sources.plain_remote_write import packed, varint

from recoverops.testing import free_port

KEY = "a-key-for-the-intake-of-metrics"
THRESHOLDS = [
    {"metric": "queue_depth", "above": 100.0, "for": "1s", "symptom": "backlog", "severity": "high"},
    {"metric": "rate(jobs_failed_total)", "above": 1.0, "for": "1s", "symptom": "errors", "severity": "high"},
    {"metric": '{"queue.depth"}', "above": 100.0, "for": "1s", "symptom": "otlp backlog", "severity": "high"},
]


class Exporter:
    """A page of metrics, as a service under watch has it."""

    def __init__(self) -> None:
        self.depth, self.failed = 1, 0
        exporter = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = (
                    f"# TYPE queue_depth gauge\nqueue_depth {exporter.depth}\n"
                    f"# TYPE jobs_failed_total counter\njobs_failed_total {exporter.failed}\n"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    made = Exporter()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "intake.key").write_text(KEY)
    (tmp_path / "intake.key").chmod(0o600)
    with site(tmp_path) as made:
        keys = [{"name": "prometheus", "role": "intake", "key": f"file:{tmp_path / 'intake.key'}"}]
        made.configure(api={"port": made.port, "keys": keys}, detection={"thresholds": THRESHOLDS})
        made.up()
        yield made


@contextmanager
def writing_prometheus(directory: Path, *, target: str, engine: Site) -> Iterator[Peer]:
    """Scrapes the target every second and pushes at once."""
    directory.mkdir()
    (directory / "key").write_text(KEY)
    remote = {
        "url": f"http://127.0.0.1:{engine.port}/api/v1/write",
        "authorization": {"credentials_file": str(directory / "key")},
        "queue_config": {"batch_send_deadline": "500ms"},
    }
    scrape = {"job_name": "shop", "static_configs": [{"targets": [target], "labels": {"service": "checkout"}}]}
    stray = {"job_name": "stray", "static_configs": [{"targets": [target]}]}
    _write(
        directory / "prometheus.yml",
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [scrape, stray],
            "remote_write": [remote],
        },
    )
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, port, directory / "prometheus.log") as peer:
        yield peer


def page(engine: Site) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{engine.port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def counted(engine: Site, *, source: str, outcome: str) -> float:
    labels = f'{{outcome="{outcome}",source="{source}"}}'
    found = re.search(rf"^recoverops_pushed_samples_total{re.escape(labels)} (\S+)$", page(engine), re.MULTILINE)
    return float(found[1]) if found else 0.0


def incident_of(engine: Site, symptom: str) -> dict[str, Any] | None:
    return next((one for one in engine.incidents() if one["symptom"] == symptom), None)


def post(engine: Site, path: str, body: bytes, *, key: str = KEY, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        f"http://127.0.0.1:{engine.port}{path}", data=body, headers={"Authorization": f"Bearer {key}", **given}
    )
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_what_a_prometheus_pushes_becomes_incidents_of_the_service_that_its_labels_name(
    tmp_path: Path, engine: Site, exporter: Exporter
) -> None:
    with writing_prometheus(tmp_path / "prometheus", target=exporter.address, engine=engine) as prometheus:
        eventually(
            "samples of the service", lambda: counted(engine, source="remote-write", outcome="used"), within_s=90
        )
        eventually("samples of nobody", lambda: counted(engine, source="remote-write", outcome="unlisted"))
        assert engine.incidents() == []
        exporter.depth = 500
        opened = eventually("an incident of the gauge", lambda: incident_of(engine, "backlog"))
        assert opened["resource"] == {"kind": "service", "name": "checkout"}
        assert prometheus.value("prometheus_remote_storage_samples_failed_total") in (None, 0.0)
        counting = threading.Event()

        def fail() -> None:
            while not counting.wait(0.1):
                exporter.failed += 10

        failing = threading.Thread(target=fail, daemon=True)
        failing.start()
        try:
            eventually("an incident of the counter's rate", lambda: incident_of(engine, "errors"))
        finally:
            counting.set()
            failing.join(5)
        assert 'status="4' not in page(engine).replace('source="alertmanager"', "")


def otlp(depth: int) -> bytes:
    point = {"timeUnixNano": str(time.time_ns()), "asInt": str(depth)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]}
    metrics = [{"name": "queue.depth", "gauge": {"dataPoints": [point]}}]
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}).encode()


def test_otlp_metrics_become_an_incident_and_the_doors_say_what_they_do_not_take(engine: Site) -> None:
    def sent() -> dict[str, Any] | None:
        status, body, _ = post(engine, "/v1/metrics", otlp(500), Content_Type="application/json")
        assert (status, body) == (200, b"{}")
        return incident_of(engine, "otlp backlog")

    assert eventually("an incident of the pushed gauge", sent, within_s=90)["resource"]["name"] == "checkout"

    protobuf = {"Content_Type": "application/x-protobuf"}
    snappy = {**protobuf, "Content_Encoding": "snappy"}
    assert post(engine, "/api/v1/write", packed(b""), **snappy)[0] == 204
    assert post(engine, "/v1/metrics", b"", **protobuf)[:2] == (200, b"")
    status, body, headers = post(engine, "/api/v1/write", packed(b"\x0a\x05a"), **snappy)
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert "byte 0" in json.loads(body)["detail"]
    assert post(engine, "/api/v1/write", varint(1 << 31) + b"\x00", **snappy)[0] == 413
    assert post(engine, "/api/v1/write", b"x", **protobuf)[0] == 415
    assert post(engine, "/api/v1/write", b"x", key="not a key at all, really", **snappy)[0] == 401
    status, body, headers = post(engine, "/v1/metrics", b"\x80", **protobuf)
    assert (status, headers["content-type"]) == (400, "application/x-protobuf")
    assert b"this is no OTLP metrics request" in body
    partly = otlp(1).replace(b'"asInt": "1"', b'"asInt": "one"')
    status, body, _ = post(engine, "/v1/metrics", partly, Content_Type="application/json")
    assert (status, json.loads(body)["partialSuccess"]["rejectedDataPoints"]) == (200, "1")
