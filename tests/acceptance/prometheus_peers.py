"""Real Prometheus servers and Alertmanagers for the tests: on loopback, in a directory of the test, ended by pid."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.acceptance.harness import READY_WITHIN_S, eventually

from recoverops.testing import free_port


class Peer:
    """A running server of somebody else's."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        self._process = process
        self._log = log

    def is_ready(self) -> bool:
        assert self._process.poll() is None, f"it ended: {self._log.read_text(errors='replace')[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def get(self, path: str, **asked: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(asked)}", timeout=5) as answer:
            return json.load(answer)

    def value(self, query: str) -> float | None:
        """The first value of an instant query; None while there is none."""
        result = self.get("/api/v1/query", query=query)["data"]["result"]
        return float(result[0]["value"][1]) if result else None


@contextmanager
def running_prometheus(
    directory: Path,
    *,
    targets: Mapping[str, str],
    rules: Sequence[Mapping[str, Any]] = (),
    alertmanagers: Sequence[str] = (),
    bearer: str = "",
    data: Path | None = None,
) -> Iterator[Peer]:
    """Scrapes each `job: host:port` every second and evaluates the rules as often; `data`: what it knows already."""
    directory.mkdir(parents=True)
    receivers: dict[str, Any] = {"static_configs": [{"targets": list(alertmanagers)}]}
    if bearer:
        receivers["authorization"] = {"credentials": bearer}
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [receivers]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target], "labels": {"service": job}}]}
            for job, target in targets.items()
        ],
    }
    _write(directory / "prometheus.yml", configuration)
    _write(directory / "rules.yml", {"groups": [{"name": "test", "rules": list(rules)}] if rules else []})
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={data or directory / 'data'}",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=2s",
    ]
    with _running(command, port, directory / "prometheus.log") as peer:
        yield peer


@contextmanager
def running_alertmanager(directory: Path, *, webhook: str, bearer: str, repeat: str = "1h") -> Iterator[Peer]:
    """Alone, without a mesh; hands everything to the webhook at once, and again after `repeat`."""
    directory.mkdir(parents=True)
    (directory / "token").write_text(bearer)
    receiver = {
        "name": "recoverops",
        "webhook_configs": [
            {
                "url": webhook,
                "send_resolved": True,
                "http_config": {"authorization": {"credentials_file": str(directory / "token")}},
            }
        ],
    }
    route = {"receiver": "recoverops", "group_wait": "0s", "group_interval": "1s", "repeat_interval": repeat}
    _write(directory / "alertmanager.yml", {"route": route, "receivers": [receiver]})
    port = free_port()
    command = [
        "prometheus-alertmanager",
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(command, port, directory / "alertmanager.log") as peer:
        yield peer


def amtool(url: str, *arguments: str, config: Path) -> subprocess.CompletedProcess[str]:
    """`amtool ARGUMENTS` with an HTTP configuration file, as its users keep it."""
    return subprocess.run(
        ["amtool", *arguments, f"--alertmanager.url={url}", f"--http.config.file={config}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@contextmanager
def _running(command: Sequence[str], port: int, log: Path) -> Iterator[Peer]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent, start_new_session=True
        )
    peer = Peer(port, process, log)
    try:
        eventually(f"{command[0]} getting ready", peer.is_ready, within_s=READY_WITHIN_S)
        yield peer
    finally:
        peer.stop()


def _write(path: Path, content: Any) -> None:
    with path.open("w") as file:
        YAML(typ="safe").dump(content, file)
