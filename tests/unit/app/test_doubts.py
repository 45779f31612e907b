"""The warnings of `recoverops check`: what is allowed and is more likely a slip. None of them makes it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.app.checkup import check_up
from recoverops.app.load import load_settings
from recoverops.app.shipped import shipped_configs
from recoverops.model import MisconfiguredError

SERVICE = "services:\n  - name: checkout\n"
RULES = """\
version: 1
rules:
  - name: restart
    when: {when}
    runbook: {runbook}
    mode: {mode}
"""
LINUX = 'plugins:\n  - name: linux\n    settings: {supervisor: {url: "unix:///nonexistent/supervisor.sock"}}\n'


def rule(when: str = 'kind == "service_down"', *, runbook: str = "restart-service", mode: str = "ask") -> str:
    return RULES.format(when=when, runbook=runbook, mode=mode)


def warnings(directory: Path, text: str, *, rules: str = "") -> str:
    """Every warning, one a line; nothing else may be wrong."""
    file = directory / "recoverops.yaml"
    if rules:
        (directory / "rules.yaml").write_text(rules)
        text += "rules: rules.yaml\n"
    file.write_text(text)
    found = check_up(load_settings(file, {}))
    assert all(one.is_fine for one in found), found
    return "\n".join(one.statement for one in found if one.is_warning)


def test_a_usual_configuration_raises_no_doubt(tmp_path: Path) -> None:
    assert warnings(tmp_path, SERVICE) == ""


def test_the_first_line_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "recoverops.yaml"
    file.write_text(SERVICE)
    first = check_up(load_settings(file, {}))[0]
    assert first.statement.startswith(f"{file}: 1 services")


def test_the_first_line_says_that_there_is_no_file() -> None:
    first = check_up(load_settings(None, {}))[0]
    assert first.statement.startswith(
        "no file is named and there is no recoverops.yaml here, so the defaults: 0 services"
    )


def test_no_service_at_all_is_doubted(tmp_path: Path) -> None:
    assert "there is no service" in warnings(tmp_path, "data_dir: data\n")


@pytest.mark.parametrize(
    ("pattern", "is_doubted"),
    [
        ("service:pay*", True),
        ("service:check*", False),
        ("host:web-1", False),
        ("service:recoverops*", False),  # a default, for what may come
    ],
)
def test_a_protecting_pattern_that_covers_no_service_is_doubted(tmp_path: Path, pattern: str, is_doubted: bool) -> None:
    told = warnings(tmp_path, f"{SERVICE}decision:\n  protected: ['{pattern}']\n")
    assert (f'recoverops.yaml:4: decision.protected[0] is "{pattern}", which covers no service' in told) is is_doubted


def test_an_address_of_a_plugin_that_is_not_loaded_is_doubted(tmp_path: Path) -> None:
    told = warnings(tmp_path, f"{SERVICE}    address: {{supervisor: checkout, http: 'http://127.0.0.1:1/'}}\n")
    assert 'recoverops.yaml:3: service "checkout" has the address "supervisor", which only the plugin linux' in told
    assert '"http"' not in told


def test_an_allowed_service_that_is_not_there_is_doubted(tmp_path: Path) -> None:
    told = warnings(tmp_path, f"{SERVICE}decision:\n  allow: ['service:checkout', 'service:payments']\n")
    assert 'recoverops.yaml:4: decision.allow[1] is "service:payments", which covers no service' in told
    assert "decision.allow[0]" not in told


def test_mode_act_with_rules_that_only_ask_is_doubted(tmp_path: Path) -> None:
    told = warnings(tmp_path, f"{SERVICE}decision:\n  mode: act\n")
    assert "recoverops.yaml:4: decision.mode is act, but none of the 7 rules" in told


WRONG_NAMES = {
    'resource.name == "chekout"': 'compares resource.name with "chekout", which is no service of the inventory; did',
    'resource.name == "elsewhere"': 'resource.name with "elsewhere", which is no service of the inventory',
    'resource.group == "shpo"': 'resource.group with "shpo", which is no group of the inventory; did you mean "shop"?',
    'symptom == "latancy"': 'symptom with "latancy", and no threshold says so; did you mean "latency"?',
    'metrics["http.probe.sucess"] < 1.0': 'asks for the metric "http.probe.sucess", which no source has just measured',
}


@pytest.mark.parametrize("when", WRONG_NAMES)
def test_a_rule_over_a_name_that_nobody_has_is_doubted(tmp_path: Path, when: str) -> None:
    told = doubted(tmp_path, rule(when))
    assert told.startswith(f'{tmp_path}/rules.yaml:4: rule "restart" ')
    assert WRONG_NAMES[when] in told


@pytest.mark.parametrize(
    "when",
    [
        'resource.name == "checkout"',
        'resource.name == "unlisted/x"',
        'resource.group in ["shop", ""]',
        'symptom == "alert:Anything"',
        'symptom == "queue"',
        'metrics["http.probe.success"] < 1.0',
        'metrics["orders.per.minute"] < 1.0',
    ],
)
def test_a_rule_over_what_may_come_is_not_doubted(tmp_path: Path, when: str) -> None:
    assert doubted(tmp_path, rule(when)) == ""


def doubted(directory: Path, rules: str, *, services: str = SERVICE + "    group: shop\n", more: str = LINUX) -> str:
    """The warnings, with a supervisor that does not answer."""
    file = directory / "recoverops.yaml"
    (directory / "rules.yaml").write_text(rules)
    file.write_text(f"{services}{more}rules: rules.yaml\nnotifications: {{channels: []}}\n")
    found = [one.statement for one in check_up(load_settings(file, {})) if one.is_warning]
    return "\n".join(one for one in found if not one.startswith("processes of supervisor"))


def test_a_threshold_on_a_metric_that_is_nearly_a_known_one_is_doubted(tmp_path: Path) -> None:
    thresholds = "  - {metric: service.runing, below: 1}\n  - {metric: orders.per.minute, below: 1}\n"
    told = warnings(tmp_path, f"{SERVICE}detection:\n  thresholds:\n{thresholds}")
    assert told.startswith(
        f'{tmp_path}/recoverops.yaml:5: detection.thresholds[0].metric asks for the metric "service.runing", '
        'which no source has just measured; did you mean "service.running"?'
    )
    assert "orders" not in told


def test_a_rule_of_ones_own_whose_action_nobody_offers_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        doubted(tmp_path, rule(runbook="quarantine-files"))
    told = str(refused.value)
    assert 'rules.yaml:5: rule "restart" names the runbook "quarantine-files", whose action "quaran' in told


@pytest.mark.parametrize(("mode", "more"), [("observe", LINUX), ("act", LINUX + "decision: {mode: observe}\n")])
def test_a_rule_that_only_watches_may_name_an_action_that_nobody_offers(tmp_path: Path, mode: str, more: str) -> None:
    assert doubted(tmp_path, rule(runbook="quarantine-files", mode=mode), more=more) == ""


def test_a_shipped_rule_that_was_copied_is_only_doubted(tmp_path: Path) -> None:
    shipped = (shipped_configs() / "remediation-rules.yaml").read_text(encoding="utf-8")
    told = doubted(tmp_path, shipped)
    assert 'rule "make-room-on-full-disk" names the runbook "quarantine-files"' in told
    assert 'rule "restart-crashed-service"' not in told


def test_a_data_directory_that_cannot_be_written_fails_the_check(tmp_path: Path) -> None:
    file = tmp_path / "recoverops.yaml"
    file.write_text(f"{SERVICE}data_dir: recoverops.yaml/data\n")
    (found,) = [one for one in check_up(load_settings(file, {})) if not one.is_fine]
    assert found.what == "data_dir"
    assert f"{file}/data cannot be used: {file} is a file" in found.statement
