"""Access logs of Application Load Balancers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.plugins.aws.samples import ACCOUNT, REGION
from tests.unit.plugins.aws.test_alarms import OWNERS

from recoverops.model import PermanentError
from recoverops.plugins.aws.inbox.access_log import Tally, request_of, window_of
from recoverops.plugins.aws.inbox.content import content_of

AT = datetime(2026, 1, 31, 11, 57, 30, tzinfo=UTC)
FRONT = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/front/6d0ecf831eec9f09"


def line(*, at: datetime = AT, took: float = 0.05, status: int = 200, group: str = FRONT, agent: str = "curl/8") -> str:
    """In the form of AWS's own example."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
    times = f"{took * 0.1:.6f} {took * 0.8:.6f} {took * 0.1:.6f}" if took >= 0 else "-1 -1 -1"
    return (
        f"https {stamp} app/shop/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 {times} {status} {status} 34 366 "
        f'"GET https://www.example.com:443/a?b=c HTTP/1.1" "{agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 {group} '
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:x" 1 2026-01-31T11:57:30.1Z '
        '"forward" "-" "-" "10.0.0.1:80" "200" "-" "-"'
    )


def test_a_line_says_when_to_which_target_group_with_what_and_how_fast() -> None:
    found = request_of(line(took=0.5, status=503))
    assert found is not None
    assert (found.at, found.target_group, found.status) == (AT, FRONT, 503)
    assert found.took_s == pytest.approx(0.5)


def test_a_request_that_no_target_answered_has_no_time() -> None:
    found = request_of(line(took=-1, status=504))
    assert found is not None
    assert (found.status, found.took_s) == (504, None)


@pytest.mark.parametrize(
    "text", ["", "junk", line().replace("https ", "ftp "), line().replace("2026-01-31T", "2026-99-31T")]
)
def test_what_is_no_line_of_an_access_log_is_none(text: str) -> None:
    assert request_of(text) is None


def test_windows_of_five_minutes_are_told_apart_and_target_groups_of_nobody_left_out() -> None:
    group = FRONT.replace("/front/", "/front-group/")
    tally = Tally(OWNERS)
    for text in (
        line(group=group, status=500),
        line(group=group, at=AT + timedelta(minutes=4), took=0.2),
        line(group=group, at=AT + timedelta(minutes=4), took=-1, status=502),
        line(group="-"),
        line(group=FRONT.replace("/front/", "/nobody/")),
    ):
        request = request_of(text)
        assert request is not None
        tally.add(request)
    found = {(one.at.minute, one.metric): one.value for one in tally.samples(source="aws-objects")}
    assert found == {
        (0, "http.server.request.rate"): pytest.approx(1 / 300),
        (0, "http.server.error_ratio"): 1.0,
        (0, "http.server.duration.p95"): pytest.approx(0.05),
        (5, "http.server.request.rate"): pytest.approx(2 / 300),
        (5, "http.server.error_ratio"): 0.5,
        (5, "http.server.duration.p95"): pytest.approx(0.2),
    }


def test_a_window_ends_after_its_last_second() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert window_of(noon - timedelta(microseconds=1)) == noon
    assert window_of(noon) == noon + timedelta(minutes=5)


def test_lines_that_cannot_be_read_are_counted_and_an_object_of_nothing_else_is_refused() -> None:
    body = "\n".join([line(), "junk", "", line(agent="x" * 20_000), line()]).encode()
    found = content_of(body, "alb-access-log", max_bytes=100_000, max_lines=10)
    assert (len(found.requests), found.unreadable) == (2, 2)
    bounded = content_of(body, "alb-access-log", max_bytes=100_000, max_lines=1)
    assert (len(bounded.requests), bounded.unreadable) == (1, 3)
    with pytest.raises(PermanentError, match="none of its 2 lines is one of an access log"):
        content_of(b"a\nb\n", "alb-access-log", max_bytes=1000, max_lines=10)


def test_an_empty_object_says_nothing() -> None:
    found = content_of(b"", "alb-access-log", max_bytes=1000, max_lines=10)
    assert (found.requests, found.unreadable) == ([], 0)
