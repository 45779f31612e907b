"""The tables of faults, rules and actions in the documentation are those of the code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.docs.reading import DOCS, ROOT, code_in, rows, section_of

from recoverops.clock import SystemClock
from recoverops.lab.faults import FAULTS
from recoverops.lab.scenarios import SCENARIOS
from recoverops.model import Service
from recoverops.ports import Plugin, PluginContext, PluginParts

EVERYTHING: Mapping[str, Any] = {
    "supervisor": {"url": "unix:///run/supervisor.sock"},
    "host": {},
    "free_disk": [
        {"service": "checkout", "folder": "/srv/a", "pattern": "*.x", "older_than": "1h"},
        {"service": "checkout", "folder": "/srv/b", "pattern": "*.x", "older_than": "1h", "quarantine": "/srv/c"},
    ],
    "scripts": {"journal": "/srv/j", "declared": [{"name": "x", "services": ["checkout"], "command": ["/bin/true"]}]},
    "nginx": {"file": "/etc/nginx/upstream.conf"},
}
CHECKOUT = Service(
    name="checkout",
    group="",
    address={
        "supervisor": "checkout",
        "http": "http://127.0.0.1:8080/health",
        "disk": "/srv",
        "log": "/var/log/checkout.log",
        "release": "/srv/checkout/current",
        "workers": "worker:*",
        "nginx": "127.0.0.1:8080",
        "metrics": "http://127.0.0.1:8080/metrics",
    },
)
BILLING = Service(name="billing", group="", address={"systemd": "billing.service"})


SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "linux": EVERYTHING,
    "http": {"observation": {"journal": "/tmp"}},
    "prometheus": {"server": {"url": "http://127.0.0.1:9090", "queries": [{"metric": "a.b", "query": "up"}]}},
    "aws": {
        "accounts": [{"name": "shop", "id": "123456789012", "regions": ["eu-central-1"]}],
        "metrics": {"watch": [{"namespace": "AWS/EC2", "name": "CPUUtilization", "metric": "a.b", "dimension": "Id"}]},
        "kinesis": [{"arn": "arn:aws:kinesis:eu-central-1:123456789012:stream/STREAM"}],
        "logs": {},
    },
}


def built(name: str) -> PluginParts:
    """With every setting and every address that calls for a source or an action."""
    (entry,) = entry_points(group="recoverops.plugins", name=name)
    plugin: Plugin[Any] = entry.load()
    services = {service.name: service for service in (CHECKOUT, BILLING)}
    context = PluginContext(clock=SystemClock(), services=services, secret=lambda reference: reference)
    return plugin.build(plugin.settings.model_validate(SETTINGS[name]), context)


def test_the_readme_lists_every_fault_as_the_lab_has_it() -> None:
    told = [row for row in rows(section_of(ROOT / "README.md", "Demo")) if row[0].strip("`") in FAULTS]
    assert [
        (row[0].strip("`"), row[2].strip("`"), frozenset(code_in(row[3])), row[4].strip("`"), row[5]) for row in told
    ] == [
        (one.name, one.cause_expected, one.allowed, one.needs, "yes" if one.name in SCENARIOS else "no")
        for one in FAULTS.values()
    ]


def test_every_shipped_rule_is_listed_with_its_kinds_and_its_runbook() -> None:
    shipped = YAML(typ="safe").load(ROOT / "configs/remediation-rules.yaml")["rules"]
    table, _, _ = section_of(DOCS / "rules.md", "Rules").partition("\n### ")
    told = {row[0].strip("`"): row for row in rows(table)}
    assert list(told) == [rule["name"] for rule in shipped]
    for rule in shipped:
        _, kinds, _, runbook, _ = told[rule["name"]]
        assert runbook.strip("`") == rule["runbook"]
        assert all(f'"{kind}"' in rule["when"] for kind in code_in(kinds))
        assert len(code_in(kinds)) == rule["when"].count("kind ==")


@pytest.mark.parametrize("plugin", ["linux", "http"])
def test_every_action_is_listed_with_its_class_and_its_undo(plugin: str) -> None:
    told = {row[0].strip("`"): row for row in rows(section_of(DOCS / "plugins.md", f"What `{plugin}` does"))}
    actions = {action.name: action for action in built(plugin).actions}
    assert set(told) == set(actions)
    for name, action in actions.items():
        assert told[name][1] == action.effect
        assert bool(told[name][2]) is hasattr(action, "undo")


def test_every_permission_of_an_action_stands_in_the_guide_to_security() -> None:
    section = section_of(DOCS / "security.md", "Least privilege, action by action")
    told = {row[0].strip("`"): row for row in rows(section)}
    actions = {action.name: action for plugin in ("linux", "http") for action in built(plugin).actions}
    assert set(told) == set(actions)
    for name, action in actions.items():
        assert told[name][1] == action.effect
        calls = {one.right for one in action.permissions if one.system == "supervisor"}
        assert calls == code_in(told[name][2])
        assert bool(told[name][3]) is any(one.system == "file" for one in action.permissions)
        capabilities = {one.right.split(",")[0] for one in action.permissions if one.system == "capability"}
        assert capabilities <= code_in(told[name][4])
        assert bool(told[name][4]) is bool(capabilities)
        on_units = [one.right for one in action.permissions if one.system == "polkit"]
        verbs = {
            verb
            for right in on_units
            for verb in right.partition(": ")[2].removesuffix(" of billing.service").split(", ")
        }
        assert verbs == code_in(told[name][6])


def test_every_bundled_source_is_listed_with_how_often_it_is_asked() -> None:
    section = section_of(DOCS / "plugins.md", "What the bundled sources measure")
    told = {(row[0].strip("`"), row[1].strip("`"), row[2]) for row in rows(section)}
    there = {(name, source.name, source.every) for name in SETTINGS for source in built(name).sources}
    there |= {(name, stream.name, stream.every) for name in SETTINGS for stream in built(name).streams}
    assert told == {
        (name, source.replace("STREAM", "<stream>"), f"{every.total_seconds():g} s") for name, source, every in there
    }
