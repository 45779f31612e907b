"""Secrets that plugins keep: asked for seldom, renewed in time, never told."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from recoverops.app.vault import FRESH_FOR, USABLE_FOR, Vault
from recoverops.model import ForbiddenError, MisconfiguredError, PermanentError, UnreachableError
from recoverops.ports import Secrets
from recoverops.testing.doubles import ManualClock

SECRET = "hunter2-correct-horse"
REFERENCE = "box:/shop/door"


class Box:
    """A double of `ports.Secrets`: says what it was told to, and counts."""

    scheme = "box"

    def __init__(self) -> None:
        self.answer: str | Exception = SECRET
        self.asked: list[str] = []

    def secret(self, name: str) -> str:
        self.asked.append(name)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Setting:
    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
        self.box = Box()
        self.vault = Vault({"TOKEN": SECRET}, self.clock, offered=("box",), ask=self._ask)

    def _ask(self, scheme: str) -> Secrets:
        assert scheme == "box"
        return self.box

    def later(self, passed: timedelta) -> str:
        self.clock.sleep(passed.total_seconds())
        return self.vault.resolve(REFERENCE)


@pytest.fixture
def given() -> Setting:
    return Setting()


def test_a_plugin_is_asked_for_its_scheme_and_nobody_for_the_others(given: Setting) -> None:
    assert given.vault.resolve(REFERENCE) == SECRET
    assert given.vault.resolve("env:TOKEN") == SECRET
    assert given.box.asked == ["/shop/door"]
    assert given.vault.schemes == ("env", "file", "box")


def test_an_unknown_scheme_is_no_reference_and_is_not_repeated(given: Setting) -> None:
    with pytest.raises(MisconfiguredError, match="a secret is written out") as refused:
        given.vault.resolve(f"vault:{SECRET}")
    assert SECRET not in str(refused.value)


def test_an_answer_is_kept_for_some_minutes_and_then_asked_for_anew(given: Setting) -> None:
    given.vault.resolve(REFERENCE)
    given.box.answer = "rotated"
    assert given.later(FRESH_FOR - timedelta(seconds=1)) == SECRET
    assert given.later(timedelta(seconds=1)) == "rotated"
    assert len(given.box.asked) == 2


def test_after_a_reload_it_is_asked_for_anew_at_once(given: Setting) -> None:
    given.vault.resolve(REFERENCE)
    given.box.answer = "rotated"
    given.vault.renew()
    assert given.vault.resolve(REFERENCE) == "rotated"


def test_the_earlier_answer_does_while_nobody_answers_but_not_for_ever(
    given: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    given.vault.resolve(REFERENCE)
    given.box.answer = UnreachableError("no answer")
    with caplog.at_level(logging.WARNING):
        assert given.later(FRESH_FOR) == SECRET
    assert [one.message for one in caplog.records] == ["secret_not_renewed"]
    assert SECRET not in "".join(str(vars(one)) for one in caplog.records)
    with pytest.raises(UnreachableError):
        given.later(USABLE_FOR)


def test_a_denial_is_not_covered_by_the_earlier_answer(given: Setting) -> None:
    given.vault.resolve(REFERENCE)
    given.box.answer = ForbiddenError("the permission is missing")
    given.vault.renew()
    with pytest.raises(ForbiddenError):
        given.vault.resolve(REFERENCE)


def test_what_a_strangers_error_says_is_not_told(given: Setting) -> None:
    given.box.answer = ValueError(f"bad value {SECRET}")
    with pytest.raises(PermanentError, match="asking for it failed: ValueError") as refused:
        given.vault.resolve(REFERENCE)
    assert SECRET not in str(refused.value)
    assert refused.value.__suppress_context__


def test_an_empty_secret_is_none(given: Setting) -> None:
    given.box.answer = " \n"
    with pytest.raises(MisconfiguredError, match="it is empty"):
        given.vault.resolve(REFERENCE)


def test_what_was_handed_out_is_known_for_hiding(given: Setting) -> None:
    given.vault.resolve(REFERENCE)
    assert given.vault.handed_out == (SECRET,)
