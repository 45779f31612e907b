"""Broken configurations: each problem with file, line, value and way out; nothing is started.

The table goes through the very functions that `recoverops check` and `recoverops up` call; two tests call the commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recoverops.app.checkup import check_up
from recoverops.app.load import load_settings
from recoverops.model import MisconfiguredError

RULES = 'version: 1\nrules:\n  - name: restart\n    when: kind == "service_down"\n    runbook: restart-service\n'
RUNBOOK = "name: restart-service\naction: restart-service\n"
CONFIG = """\
data_dir: data
services:
  - name: checkout
    address: {supervisor: checkout}
plugins:
  - name: console
  - name: linux
    settings:
      supervisor: {url: "unix:///nonexistent/supervisor.sock"}
rules: rules.yaml
runbooks: runbooks
"""


def _lay_out(directory: Path, files: dict[str, str]) -> Path:
    (directory / "runbooks").mkdir()
    whole = {"recoverops.yaml": CONFIG, "rules.yaml": RULES, "runbooks/restart.yaml": RUNBOOK, **files}
    for name, text in whole.items():
        (directory / name).write_text(text)
    return directory / "recoverops.yaml"


def _problems(config: Path, environment: dict[str, str] | None = None) -> tuple[str, ...]:
    try:
        check_up(load_settings(config, environment or {}))
    except MisconfiguredError as error:
        return error.problems
    return ()


def _config(*lines: str) -> dict[str, str]:
    return {"recoverops.yaml": CONFIG + "".join(f"{line}\n" for line in lines)}


def _rules(text: str) -> dict[str, str]:
    return {"rules.yaml": text}


# what is written -> (file and line, the value, the way out)
TABLE: dict[str, tuple[dict[str, str], tuple[str, str, str]]] = {
    "a rule with the name that stands for a person's request": (
        _rules(RULES.replace("name: restart\n", "name: requested\n")),
        ("rules.yaml:3", '"requested"', "give it another name"),
    ),
    "a database whose secret address is not there": (
        _config('storage: {url: "env:NOWHERE"}'),
        ("recoverops.yaml:12", "storage.url", "set it and start again"),
    ),
    "an unknown section": (
        _config("decison: {mode: act}"),
        ("recoverops.yaml:12", '"decison"', 'did you mean "decision"'),
    ),
    "an unknown key": (_config("decision: {cooldwon: 5m}"), ("recoverops.yaml:12", '"cooldwon"', '"cooldown"')),
    "a word for a number": (
        _config("decision:", "  max_actions_per_hour: ten"),
        ("recoverops.yaml:13", '"ten"', "max_actions_per_hour: 10"),
    ),
    "a negative limit": (
        _config("decision: {max_actions_per_hour: -1}"),
        ("recoverops.yaml:12", "-1", "0 or more"),
    ),
    "a share above one": (_config("decision: {max_share_of_group: 1.5}"), ("recoverops.yaml:12", "1.5", "1")),
    "a duration without a unit": (_config("decision: {cooldown: 5}"), ("recoverops.yaml:12", "5", "5s")),
    "a duration with an unknown unit": (
        _config("decision: {cooldown: 5 parsecs}"),
        ("recoverops.yaml:12", "parsecs", "ms, s, m, h, d"),
    ),
    "a mode that does not exist": (
        _config("decision: {mode: yolo}"),
        ("recoverops.yaml:12", '"yolo"', "observe, ask, act"),
    ),
    "a port in quotes": (_config('api: {port: "8765"}'), ("recoverops.yaml:12", '"8765"', "port: 8765")),
    "a port out of range": (_config("api: {port: 70000}"), ("recoverops.yaml:12", "70000", "65535")),
    "a list where a section stands": (_config("api: [1, 2]"), ("recoverops.yaml:12", "list", "api")),
    "a role that does not exist": (
        _config("api:", "  keys:", "    - {name: ops, role: root, key: env:OPS}"),
        ("recoverops.yaml:14", '"root"', "intake, viewer, responder, admin"),
    ),
    "a key twice": (_config("data_dir: elsewhere"), ("recoverops.yaml:12", '"data_dir"', "1")),
    "a tab": (_config("api:", "\tport: 1"), ("recoverops.yaml:13", "tab", "space")),
    "a bracket that is not closed": (_config("api: {port: 1"), ("recoverops.yaml:12", "api: {port: 1", "close it")),
    "a service without a name": (
        {"recoverops.yaml": CONFIG.replace("  - name: checkout\n    address", "  - group: shop\n    address")},
        ("recoverops.yaml:3", "services[0].name", "name:"),
    ),
    "a service twice": (
        {"recoverops.yaml": CONFIG.replace("plugins:", "  - name: checkout\nplugins:")},
        ("recoverops.yaml:5", '"checkout"', "recoverops.yaml:3"),
    ),
    "a threshold with two limits": (
        _config("detection:", "  thresholds:", "    - {metric: x, below: 1, above: 2}"),
        ("recoverops.yaml:14", "detection.thresholds[0]", "exactly one of"),
    ),
    "a metric with two thresholds": (
        _config("detection:", "  thresholds:", "    - {metric: x, below: 1}", "    - {metric: x, above: 2}"),
        ("recoverops.yaml:1", '"x"', "keep one"),
    ),
    "a protected service that is not in the inventory": (
        _config("decision:", '  protected: ["service:checkuot"]'),
        ("recoverops.yaml:13", '"service:checkuot"', 'did you mean "service:checkout"?'),
    ),
    "a protected resource of a kind that does not exist": (
        _config("decision:", '  protected: ["servce:check*"]'),
        ("recoverops.yaml:13", '"servce" is no kind', 'did you mean "service:check*"?'),
    ),
    "an allowed service without its kind": (
        _config("decision:", '  allow: ["checkout"]'),
        ("recoverops.yaml:13", "it has no kind", "e.g. service:checkout"),
    ),
    "an address that no plugin reads": (
        {"recoverops.yaml": CONFIG.replace("{supervisor: checkout}", "{supervsor: checkout}")},
        ("recoverops.yaml:4", '"supervsor"', 'did you mean "supervisor"?'),
    ),
    "a channel for an event that does not exist": (
        _config("notifications:", "  channels:", "    - via: console", '      events: ["incident.opend"]'),
        ("recoverops.yaml:15", '"incident.opend"', 'did you mean "incident.opened"?'),
    ),
    "a channel for a pattern that no event fits": (
        _config("notifications:", "  channels:", "    - via: console", '      events: ["incidents.*"]'),
        ("recoverops.yaml:15", '"incidents.*"', "incident.opened, approval.requested"),
    ),
    "a channel over a notifier that nobody offers": (
        _config("notifications:", "  channels:", "    - via: consle"),
        ("recoverops.yaml:14", '"consle"', 'did you mean "console"'),
    ),
    "a setting that the plugin does not know": (
        {"recoverops.yaml": CONFIG.replace("supervisor: {url:", "supervisr: {url:")},
        ("recoverops.yaml:9", '"supervisr"', '"supervisor"'),
    ),
    "a supervisor address that is none": (
        {"recoverops.yaml": CONFIG.replace("unix:///nonexistent/supervisor.sock", "ftp://somewhere")},
        ("recoverops.yaml:9", "ftp://somewhere", "unix://"),
    ),
    "a rules file that is not there": (
        {"recoverops.yaml": CONFIG.replace("rules.yaml", "rulez.yaml")},
        ("rulez.yaml", "no such file", "correct the path"),
    ),
    "a rule that does not compile": (
        _rules(RULES.replace('kind == "service_down"', "kind == ")),
        ("rules.yaml:4", "kind ==", "Syntax error"),
    ),
    "a rule that compares a word with a number": (
        _rules(RULES.replace('kind == "service_down"', "kind > 3")),
        ("rules.yaml:4", "kind > 3", "no matching overload"),
    ),
    "a rule that asks about something unknown": (
        _rules(RULES.replace('kind == "service_down"', 'knd == "service_down"')),
        ("rules.yaml:4", "knd", "undeclared reference"),
    ),
    "a rule for a kind that does not exist": (
        _rules(RULES.replace("service_down", "service_donw")),
        ("rules.yaml:4", '"service_donw"', 'did you mean "service_down"?'),
    ),
    "a rule over a field that a resource has not": (
        _rules(RULES.replace("kind ==", "resource.nam ==")),
        ("rules.yaml:4", "resource.nam", 'did you mean "name"?'),
    ),
    "a rule that is no question": (
        _rules(RULES.replace('kind == "service_down"', "severity")),
        ("rules.yaml:4", "`severity`", "true or false"),
    ),
    "a rule over metrics without a name": (
        _rules(RULES.replace('kind == "service_down"', "size(metrics) > 0")),
        ("rules.yaml:4", "size(metrics)", 'metrics["name"]'),
    ),
    "a rule that names no runbook": (
        _rules(RULES.replace("runbook: restart-service", "runbook: restart-servce")),
        ("rules.yaml:5", '"restart-servce"', "restart-service"),
    ),
    "two rules with one name": (
        _rules(RULES + RULES.split("rules:\n")[1]),
        ("rules.yaml:6", '"restart"', "its own name"),
    ),
    "a rule file of another version": (_rules(RULES.replace("version: 1", "version: 2")), ("rules.yaml:1", "2", "1")),
    "a runbook with an action that nobody offers": (
        {"runbooks/restart.yaml": RUNBOOK.replace("action: restart-service", "action: restart-servise")},
        ("restart.yaml:2", '"restart-servise"', 'did you mean "restart-service"'),
    ),
    "a runbook with an argument that the action does not know": (
        {"runbooks/restart.yaml": RUNBOOK + 'arguments: {force: "yes"}\n'},
        ("restart.yaml:2", '"force"', "it knows"),
    ),
    "a runbook that verifies for longer than it waits": (
        {"runbooks/restart.yaml": RUNBOOK + "verify: {hold: 60s, timeout: 10s}\n"},
        ("restart.yaml:3", "verify", "shorter than timeout"),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_broken_configuration_gets_file_line_value_and_way_out(tmp_path: Path, name: str) -> None:
    files, (place, value, way_out) = TABLE[name]
    problems = _problems(_lay_out(tmp_path, files))
    told = [problem for problem in problems if place in problem and value in problem and way_out in problem]
    assert told, f"expected {place}, {value}, {way_out} in one of {problems}"


def test_the_configuration_that_the_table_breaks_is_right_by_itself(tmp_path: Path) -> None:
    assert _problems(_lay_out(tmp_path, {})) == ()


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    files = {**_config("api: {port: x}", "decision: {mode: yolo}"), **_rules(RULES.replace("kind ==", "knd =="))}
    problems = _problems(_lay_out(tmp_path, files))
    assert len(problems) == 3


def test_a_variable_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    problems = _problems(_lay_out(tmp_path, {}), {"RECOVEROPS_DECISION__COOLDWON": "5m"})
    assert len(problems) == 1
    assert "RECOVEROPS_DECISION__COOLDWON" in problems[0]
    assert "cooldown" in problems[0].lower()


def _run(command: str, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recoverops", command, "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
        check=False,
    )


@pytest.mark.parametrize("command", ["up", "check"])
def test_the_commands_exit_with_3_and_start_nothing(tmp_path: Path, command: str) -> None:
    config = _lay_out(tmp_path, _config("decision: {mode: yolo}"))
    done = _run(command, config)
    assert done.returncode == 3
    assert "recoverops.yaml:12" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
