"""What two pages of metrics say together: growth, resets, new series, and silence where nothing is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import PermanentError
from recoverops.plugins.prometheus.exposition import Page, page_of, readings
from recoverops.plugins.prometheus.settings import ScrapeSettings

SETTINGS = ScrapeSettings()


def page(text: str, *, at_s: float = 0.0, settings: ScrapeSettings = SETTINGS) -> Page:
    return page_of(text, settings, at_s=at_s)


def values(
    before: str | None, now: str, *, over_s: float = 2.0, settings: ScrapeSettings = SETTINGS
) -> dict[str, float]:
    earlier = None if before is None else page(before, settings=settings)
    found = readings(earlier, page(now, at_s=over_s, settings=settings), settings)
    return {reading.metric: reading.value for reading in found}


def requests(ok: float, failed: float | None = None, *, label: str = "code") -> str:
    lines = ["# TYPE http_requests_total counter", f'http_requests_total{{{label}="200"}} {ok}']
    if failed is not None:
        lines.append(f'http_requests_total{{{label}="503"}} {failed}')
    return "\n".join(lines) + "\n"


def durations(seconds: float, count: float) -> str:
    return f"http_request_duration_seconds_sum {seconds}\nhttp_request_duration_seconds_count {count}\n"


@pytest.mark.parametrize("label", ["code", "status"])
def test_two_pages_give_the_rate_and_the_share_of_errors(label: str) -> None:
    found = values(requests(100, 10, label=label), requests(106, 12, label=label))
    assert found == {"http.server.request.rate": 4.0, "http.server.error_ratio": 0.25}


def test_the_mean_duration_is_that_of_the_requests_in_between() -> None:
    assert values(durations(50.0, 1000), durations(51.0, 1004)) == {"http.server.duration": 0.25}


def test_one_page_says_nothing_of_requests() -> None:
    assert values(None, requests(100, 10) + durations(5, 100)) == {}


def test_without_traffic_there_is_a_rate_of_zero_and_neither_ratio_nor_duration() -> None:
    page_ = requests(100, 10) + durations(5, 110)
    assert values(page_, page_) == {"http.server.request.rate": 0.0}


def test_a_counter_that_became_smaller_began_again_at_zero() -> None:
    found = values(requests(1000, 500) + durations(90.0, 1500), requests(6, 2) + durations(4.0, 8))
    assert found == {
        "http.server.request.rate": 4.0,
        "http.server.error_ratio": 0.25,
        "http.server.duration": 0.5,
    }


def test_the_first_error_of_a_service_is_counted_although_its_series_is_new() -> None:
    assert values(requests(100), requests(101, 1))["http.server.error_ratio"] == 0.5


def test_a_series_that_is_gone_counts_for_nothing() -> None:
    assert values(requests(100, 10), requests(104))["http.server.error_ratio"] == 0.0


def test_without_a_status_label_there_is_no_error_ratio() -> None:
    found = values("http_requests_total 10\n", "http_requests_total 20\n")
    assert found == {"http.server.request.rate": 5.0}


def test_requests_without_a_status_do_not_dilute_the_ratio() -> None:
    before = requests(0, 0) + 'http_requests_total{kind="internal"} 0\n'
    now = requests(1, 1) + 'http_requests_total{kind="internal"} 98\n'
    assert values(before, now) == {"http.server.request.rate": 50.0, "http.server.error_ratio": 0.5}


def test_gauges_are_passed_on_from_the_first_page_and_summed_over_their_series() -> None:
    text = 'db_pool_in_use{pool="a"} 3\ndb_pool_in_use{pool="b"} 4\ndb_pool_size 20\n'
    assert values(None, text) == {"db.pool.in_use": 7.0, "db.pool.size": 20.0}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_absent(value: str) -> None:
    assert values(None, f"db_pool_in_use {value}\ndb_pool_size 5\n") == {"db.pool.size": 5.0}


def test_the_names_can_be_set_and_a_longer_name_is_another_metric() -> None:
    settings = ScrapeSettings.model_validate(
        {"requests": "hits", "status_labels": ["outcome"], "gauges": {"queue": "work.queued"}}
    )
    text = 'hits{outcome="5xx"} %d\nhits_created 99\nqueue 3\nqueue_size 8\nhttp_requests_total 7\n'
    found = values(text % 0, text % 4, settings=settings)
    assert found == {"http.server.request.rate": 2.0, "http.server.error_ratio": 1.0, "work.queued": 3.0}


def test_a_page_of_openmetrics_with_times_and_exemplars_is_understood() -> None:
    text = 'http_requests_total{code="200",path="/a b}\\"c"} %d 1767225600.0 # {trace_id="x"} 1.0\n# EOF\n'
    assert values(text % 10, text % 20)["http.server.request.rate"] == 5.0


def test_a_broken_line_of_a_foreign_metric_does_no_harm_and_one_of_ours_is_named() -> None:
    assert values(None, "garbage {{{ line\ndb_pool_size 5\n") == {"db.pool.size": 5.0}
    with pytest.raises(PermanentError, match="http_requests_total"):
        page('http_requests_total{code="200" x\n')


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=2, max_size=2))
def test_a_rate_is_never_negative_and_a_ratio_stays_between_0_and_1(counts: list[tuple[int, int]]) -> None:
    before, now = (requests(*count) for count in counts)
    found = values(before, now)
    assert found["http.server.request.rate"] >= 0
    assert 0 <= found.get("http.server.error_ratio", 0) <= 1
