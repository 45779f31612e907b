"""What `make aws-live` demands before it does anything, and what it reckons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.live.aws.catalogue import EXCLUDED, SCENES
from tests.live.aws.ground import PREFIX, expiry_of, is_run, new_run
from tests.live.aws.prices import PRICES, Use, most_usd
from tests.live.aws.program import bill, cost_of
from tests.live.aws.settings import settings_of

from recoverops.model import MisconfiguredError
from recoverops.plugins.aws.assembly import ACTIONS

GOOD = {
    "AWS_LIVE": "costs-money",
    "AWS_LIVE_ACCOUNT": "123456789012",
    "AWS_LIVE_REGION": "eu-central-1",
    "AWS_LIVE_MAX_USD": "2.50",
}


def test_what_was_said_is_taken_as_it_was_said() -> None:
    found = settings_of({**GOOD, "AWS_LIVE_ONLY": "ec2-stop, logs", "PATH": "/bin"})
    assert (found.account, found.region, found.max_usd) == ("123456789012", "eu-central-1", Decimal("2.50"))
    assert (found.only, found.lasts, found.endpoint) == (("ec2-stop", "logs"), timedelta(minutes=120), None)


@pytest.mark.parametrize("said", ["", "yes", "1", "true", "COSTS-MONEY"])
def test_without_the_exact_words_nothing_is_even_looked_at(said: str) -> None:
    with pytest.raises(MisconfiguredError, match="it needs AWS_LIVE=costs-money, and beside it AWS_LIVE_ACCOUNT"):
        settings_of({"AWS_LIVE": said})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AWS_LIVE_ACCOUNT", "", "type the twelve digits"),
        ("AWS_LIVE_ACCOUNT", "shop", 'AWS_LIVE_ACCOUNT is "shop"'),
        ("AWS_LIVE_REGION", "", "prices are declared for eu-central-1, "),
        ("AWS_LIVE_REGION", "sa-east-1", 'AWS_LIVE_REGION is "sa-east-1"'),
        ("AWS_LIVE_MAX_USD", "", "what the run may cost at most"),
        ("AWS_LIVE_MAX_USD", "0", 'AWS_LIVE_MAX_USD is "0"'),
        ("AWS_LIVE_MAX_USD", "NaN", 'AWS_LIVE_MAX_USD is "NaN"'),
        ("AWS_LIVE_MAX_USD", "200", 'AWS_LIVE_MAX_USD is "200".*up to 25'),
        ("AWS_LIVE_MINUTES", "0", 'AWS_LIVE_MINUTES is "0", expected 1 to 360'),
        ("AWS_LIVE_ENDPOINT", "https://ec2.example.com", "for rehearsals against a double on this machine"),
        ("AWS_LIVE_MAXUSD", "2", "AWS_LIVE_MAXUSD is no setting; there are AWS_LIVE, "),
    ],
)
def test_what_is_missing_or_wrong_is_named(name: str, value: str, told: str) -> None:
    with pytest.raises(MisconfiguredError, match=told):
        settings_of({**GOOD, name: value})


def test_cleaning_up_needs_no_price_but_everything_else() -> None:
    given = {name: value for name, value in GOOD.items() if name != "AWS_LIVE_MAX_USD"}
    assert settings_of(given, needs_money=False).account == "123456789012"
    with pytest.raises(MisconfiguredError, match="AWS_LIVE_MAX_USD"):
        settings_of(given)


def test_everything_is_paid_from_the_beginning_to_the_end_of_the_clean_up_by_whole_hours() -> None:
    uses = (Use(what="t3.micro", count=2), Use(what="GiB of volume", count=16))
    each_hour = 2 * PRICES["t3.micro"] + 16 * PRICES["GiB of volume"]
    assert most_usd(uses, lasts=timedelta(minutes=1)) == (2 * each_hour).quantize(Decimal("0.01"), "ROUND_UP")
    assert most_usd(uses, lasts=timedelta(minutes=61)) == (3 * each_hour).quantize(Decimal("0.01"), "ROUND_UP")
    assert most_usd(uses, lasts=timedelta(hours=6)) == (7 * each_hour).quantize(Decimal("0.01"), "ROUND_UP")


def test_every_scene_has_a_price_and_the_bill_names_each_and_what_is_left_out() -> None:
    lines = "\n".join(bill(SCENES, timedelta(hours=2)))
    for scene in SCENES:
        assert cost_of([scene], lasts=timedelta(hours=2)) > 0, scene.name
        assert f"\n{scene.name} " in f"\n{lines}"
    for name, why in EXCLUDED.items():
        assert f"{name} " in lines
        assert why in lines


def test_every_action_has_a_scene_or_a_reason_why_it_has_none() -> None:
    declared = {"ssm-run", "ssm-automation"}
    shown = {one.about for one in SCENES}
    assert {one.name for one in ACTIONS} | declared <= shown | set(EXCLUDED)
    assert not shown & set(EXCLUDED)
    assert len({one.name for one in SCENES}) == len(SCENES)


def test_a_run_says_in_its_name_until_when_it_may_be_there() -> None:
    run = new_run(datetime(2026, 3, 1, 12, 0, tzinfo=UTC), timedelta(minutes=30))
    assert expiry_of(run) == datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    assert not is_run("somebody else's")
    with pytest.raises(MisconfiguredError, match='"yesterday" is no run'):
        expiry_of("yesterday")


def test_names_of_roles_and_buckets_fit_into_what_aws_takes() -> None:
    longest = max((one.name for one in SCENES), key=len)
    run = new_run(datetime(2026, 3, 1, tzinfo=UTC), timedelta(0))
    assert len(f"{PREFIX}{run}-{longest}") <= 63 - len("-agent")
