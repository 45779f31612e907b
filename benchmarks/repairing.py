"""Services that break and are repaired by a call to the receiver: their configuration, and their alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.alerts import alert
from benchmarks.plugin import install_example
from benchmarks.processes import HOST
from benchmarks.receiver import PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairing:
    """What `write_setup` takes."""

    configuration: dict[str, Any]
    files: dict[str, Any]
    environment: dict[str, str]


def repairing(directory: Path, services: Iterable[str], *, port: int) -> Repairing:
    """Not as shipped: it may act, the limits are out of the way, and verification takes 1 s instead of 5.

    `port`: the receiver's.
    """
    plugin = install_example(directory)
    endpoint = f"http://{HOST}:{port}{PATH}"
    return Repairing(
        configuration={
            "services": [{"name": name, "address": {"endpoint": endpoint}} for name in services],
            "plugins": [
                {"name": "console"},
                {"name": "prometheus"},
                {"name": "http-action", "version": plugin.version},
            ],
            "decision": {"mode": "act", "max_actions_per_hour": 100_000, "max_actions_per_day": 100_000},
            "rules": "rules.yaml",
            "runbooks": "runbooks",
        },
        files={
            "rules.yaml": {
                "version": 1,
                "rules": [{"name": "repair", "when": 'kind == "service_down"', "runbook": "repair", "mode": "act"}],
            },
            "runbooks/repair.yaml": {
                "name": "repair",
                "action": "call-endpoint",
                "arguments": {"task": "repair"},
                "verify": {"hold": "1s", "timeout": "20s"},
            },
        },
        environment=plugin.environment,
    )


def entry(service: str, *, starts_at: datetime, ends_at: datetime | None = None) -> Mapping[str, object]:
    """The alert that tells of it, for a webhook."""
    labels = {
        "alertname": "ServiceDown",
        "service": service,
        "instance": f"{service}.example.com:443",
        "severity": "high",  # a critical one would be asked about
    }
    return alert(labels, fingerprint=f"fp-{service}", starts_at=starts_at, ends_at=ends_at)
