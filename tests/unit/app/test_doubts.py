"""The warnings of `recoverops check`: what is allowed and is more likely a slip. None of them makes it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.app.checkup import check_up
from recoverops.app.load import load_settings

SERVICE = "services:\n  - name: checkout\n"
RULES = 'version: 1\nrules:\n  - {name: restart, when: kind == "service_down", runbook: restart-service, mode: act}\n'


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
