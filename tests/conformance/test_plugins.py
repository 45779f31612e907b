"""Every action, source and notifier that we ship, and the example from outside, through the kits that we ship."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.aimed import aimed

from recoverops.clock import SystemClock
from recoverops.model import Resource, ResourceKind, Sample, Service, UnreachableError
from recoverops.plugins import console, http, linux, prometheus, slack
from recoverops.plugins.console.notifier import ConsoleNotifier
from recoverops.ports import Plugin, PluginContext
from recoverops.testing import (
    LedgerAction,
    Program,
    Receiver,
    RecordingNotifier,
    Reply,
    ScriptedSource,
    Supervisor,
    check_action,
    check_notifier,
    check_push_source,
    check_source,
    free_port,
    ledger_lines,
    running_receiver,
    running_supervisor,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "recoverops-http-action"
SECRETS = {
    "env:WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "env:REPAIR_SECRET": "open-sesame",
}
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")


def context(*services: Service, secrets: dict[str, str] | None = None) -> PluginContext:
    known = SECRETS | (secrets or {})
    return PluginContext(
        clock=SystemClock(), services={one.name: one for one in services}, secret=lambda reference: known[reference]
    )


# linux


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(600)\n")
    command = [sys.executable, str(tmp_path / "sleeper.py")]
    with running_supervisor(tmp_path / "supervisor", [Program(name="checkout", command=command)]) as supervisor:
        yield supervisor


def linux_parts(supervisor: Supervisor) -> tuple[Any, Any, Service]:
    checkout = Service(name="checkout", group="shop", address={"supervisor": "checkout"})
    settings = linux.LinuxSettings.model_validate({"supervisor": {"url": supervisor.url, "timeout": "2s"}})
    parts = linux.plugin.build(settings, context(checkout))
    return parts.sources[0], parts.actions[0], checkout


@contextmanager
def frozen(supervisor: Supervisor) -> Iterator[None]:
    os.kill(supervisor.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)


def start_of(supervisor: Supervisor) -> tuple[object, ...]:
    info = supervisor.info("checkout")
    return info["statename"], info["pid"], info["start"]


def test_restart_service_keeps_the_contract_of_actions_on_a_dead_process(supervised: Supervisor) -> None:
    _, restart, checkout = linux_parts(supervised)
    check_action(
        aimed(restart),
        checkout,
        break_it=lambda: supervised.kill_program("checkout"),
        snapshot=lambda: start_of(supervised),
        cut_off=lambda: frozen(supervised),
    )


def test_restart_service_keeps_the_contract_of_actions_on_a_running_process(supervised: Supervisor) -> None:
    _, restart, checkout = linux_parts(supervised)
    check_action(
        aimed(restart),
        checkout,
        break_it=lambda: None,
        snapshot=lambda: start_of(supervised),
        cut_off=lambda: frozen(supervised),
    )


def test_the_supervisor_source_keeps_the_contract_of_sources(supervised: Supervisor) -> None:
    source, _, _ = linux_parts(supervised)
    check_source(source, resources={CHECKOUT}, cut_off=lambda: frozen(supervised))


# http


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def test_the_http_probe_keeps_the_contract_of_sources(receiver: Receiver) -> None:
    checkout = Service(name="checkout", group="shop", address={"http": f"{receiver.url}/health"})
    (probe,) = http.plugin.build(http.HttpSettings(), context(checkout)).sources
    samples = check_source(probe, resources={CHECKOUT})
    assert {sample.metric for sample in samples} == {"http.probe.success", "http.probe.duration"}


def test_the_webhook_keeps_the_contract_of_notifiers(receiver: Receiver) -> None:
    settings = http.HttpSettings.model_validate(
        {
            "webhook": {
                "url": receiver.url.replace("http://", "http://ann:open-sesame@"),
                "secret": "env:WEBHOOK_SECRET",
                "timeout": "5s",
            }
        }
    )
    (webhook,) = http.plugin.build(settings, context()).notifiers
    check_notifier(
        webhook,
        received=lambda: len(receiver.requests),
        outage=lambda: receiver.replying(Reply(status=503)),
        rejection=lambda: receiver.replying(Reply(status=410)),
        secrets=("open-sesame", SECRETS["env:WEBHOOK_SECRET"]),
    )


# slack, console, prometheus


def test_slack_keeps_the_contract_of_notifiers(receiver: Receiver) -> None:
    settings = slack.SlackSettings.model_validate({"url": "env:SLACK_URL"})
    secrets = {"env:SLACK_URL": f"{receiver.url}/services/T0/B0/XXSECRETXX"}
    (notifier,) = slack.plugin.build(settings, context(secrets=secrets)).notifiers
    check_notifier(
        notifier,
        received=lambda: len(receiver.requests),
        outage=lambda: receiver.replying(Reply(status=500)),
        rejection=lambda: receiver.replying(Reply(status=404, body=b"no_service")),
        secrets=("XXSECRETXX", receiver.url),
    )


def test_the_console_keeps_the_contract_of_notifiers(tmp_path: Path) -> None:
    with (tmp_path / "terminal").open("w", encoding="utf-8") as terminal:
        notifier = ConsoleNotifier(terminal)
        check_notifier(notifier, received=lambda: len((tmp_path / "terminal").read_text("utf-8").splitlines()))
    (built,) = console.plugin.build(console.ConsoleSettings(), context()).notifiers
    assert built.name == "console"


def test_alertmanager_keeps_the_contract_of_push_sources() -> None:
    source, _ = prometheus.plugin.build(prometheus.PrometheusSettings(), context()).push_sources
    alert = {"status": "firing", "startsAt": "2026-01-31T12:00:00Z", "labels": {"alertname": "Down"}}
    check_push_source(source, json.dumps({"version": "4", "alerts": [alert]}).encode())


# the doubles


def test_the_ledger_double_keeps_the_contract_of_actions(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()
    service = Service(name="checkout", group="shop", address={"ledger": str(folder / "lines")})

    @contextmanager
    def moved_away() -> Iterator[None]:
        folder.rename(tmp_path / "elsewhere")
        try:
            yield
        finally:
            (tmp_path / "elsewhere").rename(folder)

    def lines() -> object:
        return ledger_lines((folder if folder.exists() else tmp_path / "elsewhere") / "lines")

    check_action(
        LedgerAction(), service, {"note": "by the kit"}, break_it=lambda: None, snapshot=lines, cut_off=moved_away
    )


def test_the_recording_and_the_scripted_double_keep_their_contracts() -> None:
    notifier = RecordingNotifier()
    check_notifier(notifier, received=lambda: len(notifier.sent))
    sample = Sample(
        resource=CHECKOUT, metric="service.running", value=1.0, at=datetime(2026, 1, 31, tzinfo=UTC), source="scripted"
    )
    source = ScriptedSource([[sample], UnreachableError("the script says so")])
    check_source(source, resources={CHECKOUT}, cut_off=frozen_nothing)


@contextmanager
def frozen_nothing() -> Iterator[None]:
    yield


# the example from outside


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin[Any]]:
    """The example, built and installed by pip into a folder of its own, and found by its entry point."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / EXAMPLE.name
    _copy(EXAMPLE, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=120)
    sys.path.insert(0, str(target))
    try:
        (distribution,) = distributions(name="recoverops-http-action", path=[str(target)])
        (entry,) = distribution.entry_points.select(group="recoverops.plugins")
        plugin = entry.load()
        assert isinstance(plugin, Plugin)
        yield plugin
    finally:
        sys.path.remove(str(target))
        for name in [name for name in sys.modules if name.partition(".")[0] == "recoverops_http_action"]:
            del sys.modules[name]


def _copy(source: Path, target: Path) -> None:
    """Only what belongs to the package, so that a build leaves nothing in the checkout."""
    for file in source.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())


class Endpoint:
    """The example's receiver as a process of its own."""

    def __init__(self, ledger: Path, port: int) -> None:
        self._ledger = ledger
        self.port = port
        command = [sys.executable, str(EXAMPLE / "receiver.py"), "--ledger", str(ledger), "--port", str(port)]
        self._process = subprocess.Popen([*command, "--secret", SECRETS["env:REPAIR_SECRET"]], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip()

    def repairs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._ledger.read_text().splitlines()] if self._ledger.exists() else []

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    running = Endpoint(tmp_path / "repairs.jsonl", free_port())
    try:
        yield running
    finally:
        running.end()


def test_the_example_from_outside_keeps_the_contract_of_actions(installed: Plugin[Any], endpoint: Endpoint) -> None:
    settings = installed.settings.model_validate({"secret": "env:REPAIR_SECRET", "timeout": "2s"})
    service = Service(name="checkout", group="shop", address={"endpoint": endpoint.url})
    (action,) = installed.build(settings, context(service)).actions
    check_action(
        action,
        service,
        {"task": "clear-cache"},
        break_it=lambda: None,
        snapshot=endpoint.repairs,
        cut_off=endpoint.frozen,
        secrets=("open-sesame",),
    )
    (repair,) = (line for line in endpoint.repairs() if line["key"] == "conformance-kit:1")
    assert (repair["service"], repair["task"]) == ("checkout", "clear-cache")


def test_the_example_uses_nothing_of_recoverops_but_records_and_contracts() -> None:
    allowed = ("from recoverops.model import", "from recoverops.ports import")
    for file in (EXAMPLE / "src").rglob("*.py"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(("from recoverops.", "import recoverops")):
                assert line.startswith(allowed), f"{file.name}: {line}"
