"""A third party's plugin comes in through pip and the configuration alone; a broken one is shown, and stops nobody."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.harness import eventually, site

from recoverops.testing import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "recoverops-http-action"


@pytest.fixture(scope="session")
def installed_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, really installed by pip, into a folder of its own."""
    target = tmp_path_factory.mktemp("site-packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--target", str(target), str(EXAMPLE)),
        ],
        check=True,
        timeout=120,
    )
    return target


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The repair endpoint as a process of its own: its address and its ledger."""
    port, ledger = free_port(), tmp_path / "repairs.jsonl"
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "receiver.py"), "--port", str(port), "--ledger", str(ledger)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield f"http://127.0.0.1:{port}/repairs", ledger
    process.terminate()
    process.wait(10)
    process.stdout.close()


def test_an_example_package_adds_an_action_without_touching_the_project(
    tmp_path: Path, installed_example: Path, receiver: tuple[str, Path]
) -> None:
    address, ledger = receiver
    with site(tmp_path) as place:
        # given the package, a runbook with its action, and a rule with that runbook
        place.environment = {"PYTHONPATH": str(installed_example)}
        (tmp_path / "runbooks/call.yaml").write_text(
            "{name: call-repair, action: call-endpoint, arguments: {task: repair}, verify: {hold: 1s, timeout: 2s}}"
        )
        place.configure(
            rule={"mode": "act", "runbook": "call-repair"},
            decision={"mode": "act", "ask_when_critical": False},
            services=[{"name": "checkout", "address": {"supervisor": "checkout", "endpoint": address}}],
            plugins=[
                {"name": "linux", "settings": {"supervisor": {"url": place.supervisor.url, "every": "200ms"}}},
                {"name": "console"},
                {"name": "http-action", "version": "0.1.0"},
            ],
        )
        place.up()
        # when the service crashes
        place.crash("checkout")
        # then the third party's action is carried out, once, with its idempotency key
        incident = place.incident_in("escalated")
        calls = [json.loads(line) for line in ledger.read_text().splitlines()]
        (action,) = place.story(incident["id"])["runs"][0]["actions"]
        assert [call["key"] for call in calls] == [action["key"]]
        # and since a call alone does not start the service, nobody claims that it helped
        assert incident["reason"] == "verdict_no_effect"


def _plugins_of(tmp_path: Path, installed: Path, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    config = tmp_path / "recoverops.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path / "data"), "plugins": [{"name": "console"}, entry]}))
    done = subprocess.run(
        [sys.executable, "-m", "recoverops", "plugins", "--json", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
    )
    return {one["name"]: one for one in json.loads(done.stdout)["plugins"]}


def test_a_plugin_whose_version_is_not_named_or_not_the_installed_one_is_disabled(
    tmp_path: Path, installed_example: Path
) -> None:
    unnamed = _plugins_of(tmp_path, installed_example, {"name": "http-action"})["http-action"]
    assert unnamed["state"] == "disabled"
    assert 'version: "0.1.0"' in unnamed["statement"]
    other = _plugins_of(tmp_path, installed_example, {"name": "http-action", "version": "9.9.9"})["http-action"]
    assert other["state"] == "disabled"
    assert "9.9.9" in other["statement"]


def test_a_plugin_with_changed_files_is_disabled_when_its_digest_was_named(
    tmp_path: Path, installed_example: Path
) -> None:
    entry = {"name": "http-action", "version": "0.1.0"}
    right = _plugins_of(tmp_path, installed_example, entry)["http-action"]["sha256"]
    fits = _plugins_of(tmp_path, installed_example, {**entry, "sha256": right})["http-action"]
    assert fits["state"] == "up"
    differs = _plugins_of(tmp_path, installed_example, {**entry, "sha256": "0" * 64})["http-action"]
    assert differs["state"] == "disabled"
    assert right in differs["statement"]


def test_a_digest_cannot_be_named_for_a_package_whose_files_nobody_listed(
    tmp_path: Path, installed_example: Path
) -> None:
    (metadata,) = installed_example.glob("recoverops_http_action-*.dist-info")
    record = metadata / "RECORD"
    kept = record.read_text()
    record.write_text("\n".join(line for line in kept.splitlines() if ".py," not in line) + "\n")
    try:
        entry = {"name": "http-action", "version": "0.1.0", "sha256": hashlib.sha256(b"").hexdigest()}
        found = _plugins_of(tmp_path, installed_example, entry)["http-action"]
    finally:
        record.write_text(kept)

    assert found["state"] == "disabled"
    assert "keeps no list of the files" in found["statement"]


BROKEN = {
    "raises-on-import": "raise RuntimeError('token=abcdef0123456789 is no good')",
    "is-no-plugin": "plugin = 42",
    "raises-on-build": (
        "from pydantic import BaseModel\n"
        "from recoverops.ports import Plugin\n"
        "def build(settings, context):\n    raise ZeroDivisionError('nothing to divide')\n"
        "plugin = Plugin(name='raises-on-build', settings=BaseModel, build=build)\n"
    ),
}
REASONS = {
    "raises-on-import": "it could not be imported: RuntimeError",
    "is-no-plugin": "is a int, expected a recoverops.ports.Plugin",
    "raises-on-build": "it failed while starting: ZeroDivisionError: nothing to divide",
}


def test_broken_plugins_are_shown_as_disabled_with_their_reason_and_the_engine_heals_without_them(
    tmp_path: Path,
) -> None:
    # given three packages that break in three ways, and one that is not installed at all
    packages = tmp_path / "packages"
    for name, code in BROKEN.items():
        module = name.replace("-", "_")
        (packages / f"{module}-1.0.dist-info").mkdir(parents=True)
        (packages / f"{module}.py").write_text(code)
        (packages / f"{module}-1.0.dist-info/METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (packages / f"{module}-1.0.dist-info/entry_points.txt").write_text(
            f"[recoverops.plugins]\n{name} = {module}:plugin\n"
        )
    with site(tmp_path) as place:
        place.environment = {"PYTHONPATH": str(packages)}
        place.configure(
            rule={"mode": "act"},
            decision={"mode": "act", "ask_when_critical": False},
            plugins=[
                {"name": "linux", "settings": {"supervisor": {"url": place.supervisor.url, "every": "200ms"}}},
                *({"name": name, "version": "1.0"} for name in BROKEN),
                {"name": "not-installed", "version": "1.0"},
                {"name": "console"},
            ],
        )
        # when the engine starts
        place.up()
        # then each is shown with its reason, without the secret that stood in it
        shown = {one["name"]: one for one in place.ask("GET", "/status")[1]["components"]}
        for name, reason in REASONS.items():
            assert shown[f"plugin {name}"]["state"] == "disabled"
            assert reason in shown[f"plugin {name}"]["statement"]
            assert "abcdef0123456789" not in shown[f"plugin {name}"]["statement"]
        assert "no installed package offers" in shown["plugin not-installed"]["statement"]
        # and the loop works
        place.crash("checkout")
        place.incident_in("resolved")
        assert place.starts("checkout") == 2


def test_what_needs_a_disabled_plugin_is_refused_with_that_reason(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        (tmp_path / "runbooks/call.yaml").write_text("{name: call-repair, action: call-endpoint}")
        place.configure(
            rule={"mode": "act", "runbook": "call-repair"},
            plugins=[
                {"name": "linux", "settings": {"supervisor": {"url": place.supervisor.url, "every": "200ms"}}},
                {"name": "http-action", "version": "0.1.0"},
                {"name": "console"},
            ],
        )
        place.up()
        place.crash("checkout")
        incident = place.incident_in("escalated")
        assert incident["reason"] == "plan_failed"
        assert 'no plugin offers the action "call-endpoint" now' in place.command("why", incident["id"]).stdout
        eventually("one start only", lambda: place.starts("checkout") == 1)
