"""Profiles: named defaults that the file overrules, and that never let anything act alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.app.checkup import check_up
from recoverops.app.load import load_settings
from recoverops.app.profiles import PROFILES, Profile
from recoverops.decision import DecisionSettings
from recoverops.model import MisconfiguredError, Mode


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recoverops.yaml"


@pytest.mark.parametrize("profile", list(Profile))
def test_every_profile_loads_and_lets_nothing_act_alone(file: Path, profile: Profile) -> None:
    file.write_text(f"profile: {profile}\n")
    settings = load_settings(file, {})
    assert settings.profile is profile
    assert settings.decision.mode is not Mode.ACT
    assert settings.from_profile, "a profile that decides nothing is no profile"
    assert set(PROFILES) == set(Profile)


def test_without_a_profile_the_defaults_hold(file: Path) -> None:
    file.write_text("data_dir: data\n")
    settings = load_settings(file, {})
    assert settings.profile is None
    assert settings.decision == DecisionSettings()
    assert not any(one.what == "profile" for one in check_up(settings))


def test_dev_observes_and_tells_the_console(file: Path) -> None:
    file.write_text("profile: dev\n")
    settings = load_settings(file, {})
    assert settings.decision.mode is Mode.OBSERVE
    assert [channel.via for channel in settings.notifications.channels] == ["console"]


def test_test_asks_after_short_holds(file: Path) -> None:
    file.write_text("profile: test\n")
    settings = load_settings(file, {})
    assert settings.decision.mode is Mode.ASK
    assert settings.decision.cooldown < DecisionSettings().cooldown
    assert max(one.lasting for one in settings.detection.thresholds) <= timedelta(seconds=1)


def test_prod_is_stricter_than_the_defaults(file: Path) -> None:
    file.write_text("profile: prod\n")
    decided, usual = load_settings(file, {}).decision, DecisionSettings()
    assert (decided.max_actions_per_hour, decided.evidence_max_age) == (5, timedelta(seconds=15))
    assert decided.max_actions_per_day < usual.max_actions_per_day
    assert decided.cooldown > usual.cooldown
    assert decided.max_share_of_group < usual.max_share_of_group


def test_what_the_file_says_wins_and_a_variable_wins_over_both(file: Path) -> None:
    file.write_text("profile: prod\ndecision:\n  mode: act\n  cooldown: 1m\n")
    settings = load_settings(file, {"RECOVEROPS_DECISION__MAX_ACTIONS_PER_HOUR": "7"})
    assert (settings.decision.mode, settings.decision.cooldown) == (Mode.ACT, timedelta(minutes=1))
    assert settings.decision.max_actions_per_hour == 7
    assert set(settings.over_profile) == {"decision.mode", "decision.cooldown", "decision.max_actions_per_hour"}


def test_a_list_of_the_file_replaces_the_profiles_list(file: Path) -> None:
    file.write_text("profile: dev\nnotifications:\n  channels: []\n")
    assert load_settings(file, {}).notifications.channels == ()


def test_a_section_that_is_written_and_empty_takes_the_profiles_values(file: Path) -> None:
    file.write_text("profile: prod\ndecision:\n")
    assert load_settings(file, {}).decision.max_actions_per_hour == 5


def test_a_switch_tightens_a_profile_too(file: Path) -> None:
    file.write_text("profile: prod\n")
    assert load_settings(file, {"MAX_ACTIONS_PER_HOUR": "2"}).decision.max_actions_per_hour == 2
    assert load_settings(file, {"MAX_ACTIONS_PER_HOUR": "8"}).decision.max_actions_per_hour == 5


def test_a_profile_can_be_chosen_with_a_variable() -> None:
    assert load_settings(None, {"RECOVEROPS_PROFILE": "prod"}).decision.max_actions_per_hour == 5


def test_an_unknown_profile_is_a_problem_with_its_line_and_the_nearest_name(file: Path) -> None:
    file.write_text("data_dir: data\nprofile: prd\n")
    with pytest.raises(MisconfiguredError) as raised:
        load_settings(file, {})
    (problem,) = raised.value.problems
    assert problem.startswith(f"{file}:2: ")
    assert '"prd"' in problem
    assert "write e.g. profile: prod" in problem


def test_check_says_which_profile_and_which_values_came_from_it(file: Path) -> None:
    file.write_text("profile: prod\ndecision: {cooldown: 1m}\n")
    (told,) = (one.statement for one in check_up(load_settings(file, {})) if one.what == "profile")
    assert told.startswith("prod decides decision.mode: ask, ")
    assert "decision.max_actions_per_hour: 5" in told
    assert told.endswith("overruled by the file or a variable: decision.cooldown")
