"""The lab's policy: its files are valid, and it tells the truth about the defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML
from tests.unit.lab.held_shop import named_in

from recoverops.decision import DecisionSettings
from recoverops.decision.settings import Rule, RuleFile
from recoverops.detection import DetectionSettings
from recoverops.incidents.settings import IncidentSettings
from recoverops.lab import front, policy
from recoverops.lab.faults import FAULTS
from recoverops.lab.judging import JudgeBy
from recoverops.lab.layout import NGINX, SECOND, SERVICES, Layout
from recoverops.model import IncidentKind, format_duration
from recoverops.plugins.http.settings import HttpSettings
from recoverops.plugins.linux.settings import LinuxSettings
from recoverops.remediation.runbook import Runbook, VerifySettings
from recoverops.topology.settings import ServiceSettings

SHIPPED = Path(__file__).parents[3] / "configs"
URL = "unix:///tmp/sup.sock"


CAUSES = tuple(cause for one in policy.REMEDIES for cause in one.causes)


def layout(directory: Path) -> Layout:
    return Layout(directory=directory, ports={name: 18080 + n for n, name in enumerate(SERVICES)}, api_port=18765)


def behind_nginx(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """As on a machine that has one."""
    monkeypatch.setattr("recoverops.lab.front.program", lambda: "/usr/sbin/nginx")
    ports = {name: 18080 + n for n, name in enumerate((*SERVICES, SECOND, NGINX))}
    return Layout(directory=directory, ports=ports, api_port=18765)


def read(file: Path) -> Any:
    return YAML(typ="safe").load(file)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Any, Any]:
    """Configuration and rules, as written into a demo's directory."""
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=True)
    return read(tmp_path / "recoverops.yaml"), read(tmp_path / "remediation-rules.yaml")


def plugins(config: Any) -> Mapping[str, Any]:
    return {plugin["name"]: plugin.get("settings", {}) for plugin in config["plugins"]}


def general(config: Any) -> dict[str, str]:
    """Every setting of which the policy may deviate, with the value in force under this configuration."""
    decision = DecisionSettings.model_validate(config.get("decision", {}))
    incidents = IncidentSettings.model_validate(config.get("incidents", {}))
    linux = LinuxSettings.model_validate(plugins(config)["linux"])
    http = HttpSettings.model_validate(plugins(config)["http"])
    assert linux.supervisor is not None
    values: dict[str, object] = {
        "decision.mode": decision.mode.value,
        "decision.ask_when_critical": str(decision.ask_when_critical).lower(),
        "decision.cooldown": format_duration(decision.cooldown),
        "decision.max_actions_per_hour": decision.max_actions_per_hour,
        "incidents.clear_after": format_duration(incidents.clear_after),
        "incidents.flaps": incidents.flaps,
        "plugins.linux.supervisor.every": format_duration(linux.supervisor.every),
        "plugins.http.probe.every": format_duration(http.probe.every),
        "plugins.http.probe.timeout": format_duration(http.probe.timeout),
    }
    return {name: str(value) for name, value in values.items()}


def of_rules(file: RuleFile) -> dict[str, str]:
    return {
        f"rules.{rule.name}.{name}": value
        for rule in file.rules
        for name, value in (("mode", rule.mode.value), ("hold", format_duration(rule.hold)))
    }


DEVIATIONS = {one.setting: one for one in policy.deviations(CAUSES, has_small_disk=True)}


def test_each_general_deviation_names_the_real_default_and_the_value_that_the_demo_runs_with(
    written: tuple[Any, Any],
) -> None:
    out_of_the_box = {"plugins": [{"name": "linux", "settings": {"supervisor": {"url": URL}}}, {"name": "http"}]}
    defaults, here = general(out_of_the_box), general(written[0])

    assert {name: DEVIATIONS[name].default for name in defaults} == defaults
    assert {name: DEVIATIONS[name].here for name in here} == here


def test_what_may_be_touched_is_nothing_by_default_and_told_where_it_is_something(written: tuple[Any, Any]) -> None:
    linux = LinuxSettings.model_validate(plugins(written[0])["linux"])

    assert (LinuxSettings().free_disk, LinuxSettings().free_port.folders) == ((), ())
    assert [(one.service, one.pattern) for one in linux.free_disk] == [("database", "*.sql")]
    assert [Path(one).name for one in linux.free_port.folders] == ["scratch"]
    assert DEVIATIONS["plugins.linux.free_disk"].default == DEVIATIONS["plugins.linux.free_port.folders"].default
    assert DEVIATIONS["plugins.linux.free_disk"].default == "none"


def test_each_deviation_of_a_rule_names_the_value_that_the_demo_runs_with(written: tuple[Any, Any]) -> None:
    here = of_rules(RuleFile.model_validate(written[1]))

    assert {name: DEVIATIONS[name].here for name in here} == here


def test_each_deviation_of_a_shipped_rule_names_its_default() -> None:
    shipped = of_rules(RuleFile.model_validate(read(SHIPPED / "remediation-rules.yaml")))

    assert {name: DEVIATIONS[name].default for name in shipped} == shipped


def test_each_rule_asks_for_what_the_shipped_one_of_its_name_asks_for_unless_it_says_otherwise(
    written: tuple[Any, Any],
) -> None:
    def asked(rule: Rule) -> tuple[frozenset[str], float, str]:
        kinds = frozenset(re.findall(r'kind == "(\w+)"', rule.when))
        least = re.search(r"confidence >= ([\d.]+)", rule.when)
        return kinds, float(least[1]) if least else 0.0, rule.runbook

    here, shipped = (
        {rule.name: asked(rule) for rule in RuleFile.model_validate(file).rules}
        for file in (written[1], read(SHIPPED / "remediation-rules.yaml"))
    )

    kinds, least, runbook = shipped["restart-slow-service"]
    assert DEVIATIONS["rules.restart-slow-service.when"].default == f"confidence >= {least:g}"
    assert here == {**shipped, "restart-slow-service": (kinds, 0.5, runbook)}


def test_each_deviation_of_the_verification_names_its_default_and_the_value_in_force(tmp_path: Path) -> None:
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=True)
    runbooks = [Runbook.model_validate(read(file)) for file in (tmp_path / "runbooks").iterdir()]

    for name in ("hold", "timeout"):
        told = DEVIATIONS[f"runbooks.verify.{name}"]
        assert told.default == format_duration(getattr(VerifySettings(), name))
        assert {format_duration(getattr(one.verify, name)) for one in runbooks} == {told.here}


def test_nothing_else_of_the_decision_differs_from_the_defaults(written: tuple[Any, Any]) -> None:
    config, _ = written
    decision = DecisionSettings.model_validate(config["decision"])

    told = {name.removeprefix("decision.") for name in DEVIATIONS if name.startswith("decision.")}
    assert changed(DecisionSettings(), decision) == told
    assert "detection" not in config


def test_judged_by_baselines_the_file_says_so_and_each_deviation_of_it_is_told_with_the_real_default(
    tmp_path: Path,
) -> None:
    by_baselines = JudgeBy.BASELINES
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=True, judge_by=by_baselines)

    settings = DetectionSettings.model_validate(read(tmp_path / "recoverops.yaml")["detection"])
    told = {one.setting: one for one in policy.deviations(CAUSES, has_small_disk=True, judge_by=by_baselines)}
    learned = told["detection.baselines.learn_for"]
    assert {format_duration(one.learn_for) for one in settings.baselines} == {learned.here}
    assert {format_duration(one.learn_for) for one in DetectionSettings().baselines} == {learned.default}
    assert told["detection.thresholds"].here == "on " + ", ".join(one.metric for one in settings.thresholds)
    assert set(told) - set(DEVIATIONS) == {"detection.baselines.learn_for", "detection.thresholds"}


def test_every_rule_names_a_runbook_that_is_written_and_one_cause_has_one_rule(tmp_path: Path) -> None:
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=True)

    rules = RuleFile.model_validate(read(tmp_path / "remediation-rules.yaml")).rules
    assert len({rule.name for rule in rules}) == len({rule.when for rule in rules}) == len(policy.REMEDIES)
    assert len(set(CAUSES)) == len(CAUSES)
    runbooks = {Runbook.model_validate(read(file)).name for file in (tmp_path / "runbooks").iterdir()}
    assert {rule.runbook for rule in rules} == runbooks


def test_without_a_small_disk_no_file_is_declared_and_no_rule_moves_one(tmp_path: Path) -> None:
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=False)

    text = "".join(file.read_text() for file in tmp_path.rglob("*.yaml")).replace(str(tmp_path), "")
    assert "disk" not in text
    assert "quarantine" not in text
    told = {one.setting for one in policy.deviations(CAUSES, has_small_disk=False)}
    assert not any("disk" in setting for setting in told)


def changed(before: BaseModel, after: BaseModel) -> set[str]:
    return {name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)}


def test_the_whole_shop_is_in_the_inventory_with_its_addresses_and_what_it_needs(written: tuple[Any, Any]) -> None:
    services = {one["name"]: ServiceSettings.model_validate(one) for one in written[0]["services"]}

    assert tuple(services) == SERVICES
    assert {name for name, one in services.items() if "disk" in one.address} == {"database"}
    for name, service in services.items():
        assert {"supervisor", "http", "metrics", "log", "release"} <= set(service.address)
        assert service.address["supervisor"] == name
        assert set(service.depends_on) < set(SERVICES)
        assert service.group is None, "no service of the shop stands in for another"
    assert services["gateway"].address["http"] == "http://127.0.0.1:18080/health"


def test_no_file_that_the_engine_reads_names_a_fault(tmp_path: Path) -> None:
    policy.write_policy(layout(tmp_path), supervisor_url=URL, causes=CAUSES, has_small_disk=True)

    text = "".join(file.read_text() for file in tmp_path.rglob("*.yaml")).replace(str(tmp_path), "")
    for kind in IncidentKind:  # the words of diagnosis are everybody's
        text = text.replace(f'"{kind}"', "")

    assert [name for name in FAULTS if named_in(text, name)] == []


def test_behind_nginx_both_gateways_are_one_group_and_nginx_itself_is_looked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.write_policy(behind_nginx(tmp_path, monkeypatch), supervisor_url=URL, causes=CAUSES, has_small_disk=False)

    config = read(tmp_path / "recoverops.yaml")
    services = {one["name"]: ServiceSettings.model_validate(one) for one in config["services"]}
    grouped = {name: one.address["nginx"] for name, one in services.items() if one.group == "gateways"}
    assert grouped == {"gateway": "127.0.0.1:18080", "gateway-2": "127.0.0.1:18086"}
    assert services["nginx"].depends_on == ("gateway", "gateway-2")
    nginx = LinuxSettings.model_validate(plugins(config)["linux"]).nginx
    assert nginx is not None
    assert (nginx.binary, nginx.file) == ("/usr/sbin/nginx", str(tmp_path / "nginx/upstream.conf"))


def test_behind_nginx_a_gateway_is_taken_out_before_any_rule_restarts_it_and_only_a_person_gives_load_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.write_policy(behind_nginx(tmp_path, monkeypatch), supervisor_url=URL, causes=CAUSES, has_small_disk=False)

    first, *others = RuleFile.model_validate(read(tmp_path / "remediation-rules.yaml")).rules
    assert first.when == '(kind == "memory_leak") && resource.group == "gateways" && confidence >= 0.6'
    assert first.runbook == "shift-load"
    back = Runbook.model_validate(read(tmp_path / "runbooks/return-load.yaml"))
    assert (back.action, back.arguments) == ("shift-load", {"direction": "back"})
    assert "return-load" not in {rule.runbook for rule in (first, *others)}
    told = policy.deviations(CAUSES, has_small_disk=False, has_nginx=True)
    assert {"rules.take-backend-out", "plugins.linux.nginx"} <= {one.setting for one in told}


def test_behind_nginx_no_file_names_a_fault_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = behind_nginx(tmp_path, monkeypatch)
    policy.write_policy(layout, supervisor_url=URL, causes=CAUSES, has_small_disk=True)
    front.write_files(layout)

    text = "".join(one.read_text() for one in tmp_path.rglob("*") if one.is_file()).replace(str(tmp_path), "")
    for kind in IncidentKind:
        text = text.replace(f'"{kind}"', "")
    assert [name for name in FAULTS if named_in(text, name)] == []
