"""RECOVEROPS_ variables, and the three switches that may only tighten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.config import Configuration, process_environment
from recoverops.model import MisconfiguredError

from .settings import Decision, Everything

FILE = """\
decision: {cooldown: 10m, max_actions_per_hour: 6}
services:
- name: checkout
  address: {Shop-Name: a}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recoverops.yaml"
    path.write_text(FILE)
    return path


def read(file: Path, **environment: str) -> Everything:
    return Everything(Configuration.load(file, environment))


def problems_of(file: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(MisconfiguredError) as refused:
        Everything(Configuration.load(file, environment))
    return refused.value.problems


def test_a_variable_overrides_the_file(file: Path) -> None:
    assert read(file, RECOVEROPS_DECISION__COOLDOWN="20m").decision.value.cooldown == timedelta(minutes=20)


def test_an_empty_variable_sets_nothing(file: Path) -> None:
    assert read(file, RECOVEROPS_DECISION__COOLDOWN=" ").decision.value.cooldown == timedelta(minutes=10)


def test_a_variable_in_brackets_is_a_list(file: Path) -> None:
    assert read(file, RECOVEROPS_DECISION__PROTECTED="[nginx, redis]").decision.value.protected == ("nginx", "redis")


def test_a_part_overrides_the_whole_whatever_the_order_of_names(file: Path) -> None:
    everything = read(file, RECOVEROPS_API__PORT="99", RECOVEROPS_API='{"port": 1, "host": "a"}')
    assert (everything.api.value.port, everything.api.value.host) == (99, "a")


def test_a_variable_that_looks_like_a_number_fits_a_text(file: Path) -> None:
    everything = read(file, RECOVEROPS_SERVICES__0__VERSION="1.10", RECOVEROPS_DATA_DIR="2024")
    assert everything.services.value[0].version == "1.10"
    assert everything.data_dir.value == Path("2024")


def test_a_variable_finds_a_key_that_the_file_writes_differently(file: Path) -> None:
    everything = read(file, RECOVEROPS_SERVICES__0__ADDRESS__SHOP_NAME="b")
    assert everything.services.value[0].address == {"Shop-Name": "b"}


def test_a_variable_that_a_secret_refers_to_is_no_setting(file: Path) -> None:
    file.write_text("api: {api_token: 'env:RECOVEROPS_TOKEN'}\n")
    assert read(file, RECOVEROPS_TOKEN="hunter2").api.value.api_token == "env:RECOVEROPS_TOKEN"


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a wrong value": (
        {"RECOVEROPS_API__PORT": "x"},
        'RECOVEROPS_API__PORT is "x", expected a whole number from 1 to 65535; write e.g. RECOVEROPS_API__PORT=8080',
    ),
    "a duration without a unit": (
        {"RECOVEROPS_DECISION__COOLDOWN": "5"},
        "RECOVEROPS_DECISION__COOLDOWN is 5: say the unit, e.g. 5s",
    ),
    "a key with a slip": (
        {"RECOVEROPS_DECISION__COOLDWON": "5m"},
        "RECOVEROPS_DECISION__COOLDWON: this variable sets nothing that RecoverOps knows; "
        "did you mean RECOVEROPS_DECISION__COOLDOWN?",
    ),
    "a section with a slip": (
        {"RECOVEROPS_DECISON__COOLDOWN": "5m"},
        "RECOVEROPS_DECISON__COOLDOWN: this variable sets nothing that RecoverOps knows; "
        "did you mean RECOVEROPS_DECISION__COOLDOWN?",
    ),
    "nothing like it": (
        {"RECOVEROPS_": "5m"},
        "RECOVEROPS_: this variable sets nothing that RecoverOps knows; did you mean RECOVEROPS_API?",
    ),
    "a slip within its value": (
        {"RECOVEROPS_API": "{prot: 5}"},
        'RECOVEROPS_API: unknown key "prot" in api; did you mean "port"? Known keys: host, port, api_token',
    ),
    "an open quote, without showing what may be secret": (
        {"RECOVEROPS_API__API_TOKEN": '"hunter2'},
        "RECOVEROPS_API__API_TOKEN: found unexpected end of stream; check quotes, brackets and indentation",
    ),
    "an entry that the list does not have": (
        {"RECOVEROPS_SERVICES__4__NAME": "a"},
        "RECOVEROPS_SERVICES__4__NAME: there is no list entry 4, and a variable cannot add one; "
        "add it to the file, or count from 0",
    ),
    "bytes that are not UTF-8": (
        {"RECOVEROPS_API__HOST": "\udcff"},
        "RECOVEROPS_API__HOST: its value is not UTF-8; set it to UTF-8 text",
    ),
    "a rate that is a word": (
        {"MAX_ACTIONS_PER_HOUR": "ten"},
        'MAX_ACTIONS_PER_HOUR is "ten", expected a whole number of 0 or more; set e.g. MAX_ACTIONS_PER_HOUR=10',
    ),
    "a negative cooldown": (
        {"COOLDOWN_MINUTES": "-5"},
        'COOLDOWN_MINUTES is "-5", expected a number of minutes from 0 to a year; set e.g. COOLDOWN_MINUTES=5',
    ),
    "yes for true": (
        {"REQUIRE_APPROVAL": "yes"},
        'REQUIRE_APPROVAL is "yes", expected true or false; set e.g. REQUIRE_APPROVAL=true',
    ),
    "a cooldown that the room refuses": (
        {"COOLDOWN_MINUTES": "100000"},
        'COOLDOWN_MINUTES: decision.cooldown is "100000m", expected a duration from 1s to 1d; write e.g. 5m',
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_variable_is_named_with_a_way_out(what: str, file: Path) -> None:
    environment, sentence = WRONG[what]
    assert problems_of(file, environment) == (sentence,)


def test_every_unknown_variable_is_told(file: Path) -> None:
    found = problems_of(file, {"RECOVEROPS_ZZZ__A": "1", "RECOVEROPS_ZZZ__B": "1"})
    assert [sentence.partition(":")[0] for sentence in found] == ["RECOVEROPS_ZZZ__A", "RECOVEROPS_ZZZ__B"]


def test_a_broken_file_and_a_broken_variable_are_told_together(file: Path) -> None:
    file.write_text("a: b: c")
    found = problems_of(file, {"RECOVEROPS_API": "{"})
    assert [sentence.partition(": ")[0] for sentence in found] == [f"{file}:1:5", "RECOVEROPS_API"]


def test_switches_tighten_what_the_file_says(file: Path) -> None:
    everything = read(file, MAX_ACTIONS_PER_HOUR="2", COOLDOWN_MINUTES="15", REQUIRE_APPROVAL="true")
    assert everything.decision.value == Decision(
        max_actions_per_hour=2, cooldown=timedelta(minutes=15), require_approval=True
    )
    assert everything.configuration.warnings == ()


def test_switches_never_loosen_and_say_so(file: Path) -> None:
    everything = read(
        file,
        MAX_ACTIONS_PER_HOUR="100",
        COOLDOWN_MINUTES="0.5",
        REQUIRE_APPROVAL="false",
        RECOVEROPS_DECISION__REQUIRE_APPROVAL="true",
    )
    assert everything.decision.value == Decision(
        max_actions_per_hour=6, cooldown=timedelta(minutes=10), require_approval=True
    )
    assert everything.configuration.warnings == tuple(
        f"{variable} is {outside}, which is looser than decision.{inside}, and was ignored, because a variable may "
        f"only tighten; to loosen it, change decision.{inside.partition(':')[0]} in the configuration"
        for variable, outside, inside in (
            ("MAX_ACTIONS_PER_HOUR", "100", "max_actions_per_hour: 6"),
            ("COOLDOWN_MINUTES", "30s", "cooldown: 10m"),
            ("REQUIRE_APPROVAL", "false", "require_approval: true"),
        )
    )


def test_a_switch_that_says_what_the_file_says_warns_of_nothing(file: Path) -> None:
    everything = read(file, MAX_ACTIONS_PER_HOUR="6", COOLDOWN_MINUTES="10", REQUIRE_APPROVAL="false")
    assert everything.decision.value == Decision(max_actions_per_hour=6, cooldown=timedelta(minutes=10))
    assert everything.configuration.warnings == ()


def test_a_wrong_switch_is_told_although_its_section_is_broken(file: Path) -> None:
    file.write_text("decision: {mode: x}\n")
    assert [sentence.partition(" is ")[0] for sentence in problems_of(file, {"MAX_ACTIONS_PER_HOUR": "x"})] == [
        f"{file}:1: decision.mode",
        "MAX_ACTIONS_PER_HOUR",
    ]


def test_the_process_environment_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVEROPS_DATA_DIR", "before")
    environment = process_environment()
    monkeypatch.setenv("RECOVEROPS_DATA_DIR", "after")
    assert environment["RECOVEROPS_DATA_DIR"] == "before"
