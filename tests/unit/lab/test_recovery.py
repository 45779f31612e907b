"""When customers count as served again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.lab.recovery import NotRecovered, NotYet, Recovery, judge_recovery, served_for
from recoverops.lab.traffic import Request

START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = timedelta(seconds=5)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def ten_per_second(results: str, *, latency_s: float = 0.01) -> tuple[Request, ...]:
    """One request every 0.1 s from START: `.` served, `x` failed."""
    return tuple(
        Request(n=n, sent_at=at(n / 10), ok=result == ".", latency_s=latency_s) for n, result in enumerate(results)
    )


def test_recovered_counts_from_the_fault_to_the_first_answer_after_the_last_failure() -> None:
    requests = ten_per_second("." * 20 + "x" * 15 + "." * 60)

    verdict = judge_recovery(requests, fault_at=at(1.95), quiet=QUIET)

    assert isinstance(verdict, Recovery)
    assert verdict.recovered_s == pytest.approx(3.5 + 0.01 - 1.95)
    assert verdict.failed == 15


def test_a_single_success_between_failures_is_no_recovery() -> None:
    requests = ten_per_second("." * 20 + "xxx.xxx" + "." * 60)

    verdict = judge_recovery(requests, fault_at=at(1.95), quiet=QUIET)

    assert isinstance(verdict, Recovery)
    assert verdict.recovered_s == pytest.approx(2.7 + 0.01 - 1.95)


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ("." * 20 + "x" * 30, NotYet.STILL_FAILING),
        ("." * 20 + "x" * 10 + "." * 50, NotYet.NOT_QUIET_YET),
        ("." * 90, NotYet.NEVER_FAILED),
        ("." * 10 + "x" * 5 + "." * 4, NotYet.NOTHING_SEEN),
    ],
)
def test_without_five_quiet_seconds_after_a_failure_it_has_not_recovered(results: str, reason: NotYet) -> None:
    verdict = judge_recovery(ten_per_second(results), fault_at=at(1.95), quiet=QUIET)

    assert isinstance(verdict, NotRecovered)
    assert verdict.reason is reason


def test_a_request_with_unknown_result_breaks_the_quiet_time() -> None:
    requests = ten_per_second("." * 20 + "x" * 10 + "." * 60)
    with_gap = [one for one in requests if one.n != 55]

    verdict = judge_recovery(with_gap, fault_at=at(1.95), quiet=QUIET)

    assert verdict == NotRecovered(reason=NotYet.NOT_QUIET_YET, failed=10)


def test_a_request_sent_before_the_fault_that_fails_because_of_it_counts() -> None:
    in_flight = Request(n=19, sent_at=at(1.9), ok=False, latency_s=0.5)
    requests = (*ten_per_second("." * 19), in_flight, *ten_per_second("." * 80)[20:])

    verdict = judge_recovery(requests, fault_at=at(2.05), quiet=QUIET)

    assert isinstance(verdict, Recovery)
    assert verdict.recovered_s == pytest.approx(2.1 + 0.01 - 2.05)
    assert verdict.failed == 1


def test_failures_before_the_fault_do_not_belong_to_it() -> None:
    requests = ten_per_second("..x......." + "." * 10 + "x" * 5 + "." * 60)

    verdict = judge_recovery(requests, fault_at=at(1.95), quiet=QUIET)

    assert isinstance(verdict, Recovery)
    assert verdict.failed == 5


RESULTS = st.text(alphabet=".x", min_size=1, max_size=200)
FAULTS = st.floats(min_value=0, max_value=15, allow_nan=False)


@given(results=RESULTS, fault_s=FAULTS)
def test_a_recovery_is_after_the_fault_and_followed_by_a_quiet_time(results: str, fault_s: float) -> None:
    requests = ten_per_second(results)

    verdict = judge_recovery(requests, fault_at=at(fault_s), quiet=QUIET)

    if isinstance(verdict, Recovery):
        assert verdict.recovered_s >= 0
        assert not any(not one.ok and one.sent_at > verdict.at for one in requests)
        assert requests[-1].finished_at - verdict.at >= QUIET


@given(results=RESULTS, fault_s=FAULTS, order=st.randoms(use_true_random=False))
def test_the_order_in_which_answers_came_in_does_not_matter(results: str, fault_s: float, order: object) -> None:
    requests = list(ten_per_second(results))
    in_order = judge_recovery(requests, fault_at=at(fault_s), quiet=QUIET)

    order.shuffle(requests)  # type: ignore[attr-defined]

    assert judge_recovery(requests, fault_at=at(fault_s), quiet=QUIET) == in_order


@given(healthy=st.integers(1, 30), failed=st.integers(1, 60), served=st.integers(51, 100))
def test_one_more_failure_takes_a_recovery_back(healthy: int, failed: int, served: int) -> None:
    results = "." * healthy + "x" * failed + "." * served
    fault_at = at(healthy / 10 - 0.05)
    assert isinstance(judge_recovery(ten_per_second(results), fault_at=fault_at, quiet=QUIET), Recovery)

    verdict = judge_recovery(ten_per_second(results + "x"), fault_at=fault_at, quiet=QUIET)

    assert verdict == NotRecovered(reason=NotYet.STILL_FAILING, failed=failed + 1)


@given(failed=st.integers(1, 60), served=st.integers(51, 90), missing=st.data())
def test_a_request_missing_from_the_quiet_time_is_never_taken_for_served(
    failed: int, served: int, missing: st.DataObject
) -> None:
    requests = ten_per_second("." * 10 + "x" * failed + "." * served)
    first_served = 10 + failed
    gone = missing.draw(st.integers(first_served, first_served + 50))

    verdict = judge_recovery([one for one in requests if one.n != gone], fault_at=at(0.95), quiet=QUIET)

    assert isinstance(verdict, NotRecovered)


@pytest.mark.parametrize(
    ("results", "seconds"), [("." * 11, 1.0), ("x" * 11, 0.0), (".....x.....", 0.4), ("", 0.0), ("..........x", 0.0)]
)
def test_served_for_is_the_unbroken_time_up_to_the_newest_request(results: str, seconds: float) -> None:
    assert served_for(ten_per_second(results), since=START).total_seconds() == pytest.approx(seconds)


def test_served_for_leaves_out_what_was_sent_before() -> None:
    assert served_for(ten_per_second("." * 31), since=at(2.0)) == timedelta(seconds=1)
