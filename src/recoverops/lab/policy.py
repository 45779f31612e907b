"""The lab's policy: how the demo's RecoverOps differs from one out of the box, and the files that say so.

Out of the box RecoverOps asks a person before every action, and nobody sits there to answer a demo. Each deviation is
printed beside its default; a test holds the defaults named here against the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recoverops.lab.layout import SERVICE, Layout
from recoverops.model import Record

NAME = "lab"
RULE = "restart-crashed-service"


class Deviation(Record, frozen=True, kw_only=True):
    """One setting of the demo that is not the default."""

    setting: str
    default: str
    here: str
    why: str


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        setting="decision.mode",
        default="ask",
        here="act",
        why="nobody is there to approve; the demo shows what a rule that may act does",
    ),
    Deviation(
        setting="decision.ask_when_critical",
        default="true",
        here="false",
        why="a service that is down is critical, and would be asked about",
    ),
    Deviation(
        setting="plugins.linux.supervisor.every",
        default="1s",
        here="500ms",
        why="two looks a second, so that it is brief",
    ),
    Deviation(setting="plugins.http.probe.every", default="1s", here="500ms", why="the same"),
    Deviation(setting="plugins.http.probe.timeout", default="2s", here="1s", why="the same"),
    Deviation(setting=f"rules.{RULE}.mode", default="ask", here="act", why="the one rule that may act by itself"),
    Deviation(
        setting=f"rules.{RULE}.hold", default="2s", here="1s", why="acts only if it is still down a second later"
    ),
)


def settings(layout: Layout, *, supervisor_url: str) -> dict[str, Any]:
    """The configuration file. What it leaves out has its default."""
    return {
        "data_dir": str(layout.data),
        "api": {"port": layout.api_port},
        "services": [
            {
                "name": SERVICE,
                "group": "shop",
                "address": {"supervisor": SERVICE, "http": f"{layout.shop_url}/health"},
                "match": {"service": SERVICE},
            }
        ],
        "plugins": [
            {"name": "linux", "settings": {"supervisor": {"url": supervisor_url, "every": "500ms"}}},
            {"name": "http", "settings": {"probe": {"every": "500ms", "timeout": "1s"}}},
            {"name": "console"},
        ],
        "decision": {"mode": "act", "ask_when_critical": False},
        "rules": layout.rules.name,
    }


def rules() -> dict[str, Any]:
    """The remediation rules: one."""
    return {
        "version": 1,
        "rules": [
            {
                "name": RULE,
                "when": 'kind == "service_down" && confidence >= 0.6',
                "runbook": "restart-service",
                "mode": "act",
                "hold": "1s",
            }
        ],
    }


def write_policy(layout: Layout, *, supervisor_url: str) -> None:
    """Write the configuration and the rules into the demo's directory."""
    _write(layout.config, settings(layout, supervisor_url=supervisor_url))
    _write(layout.rules, rules())


def _write(file: Path, content: Mapping[str, Any]) -> None:
    YAML(typ="safe").dump(dict(content), file)
