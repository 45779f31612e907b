"""The source `prometheus` against a server that answers as Prometheus does, well and badly."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError
from tests.unit.plugins.conftest import Contexts

from recoverops.model import MisconfiguredError, PermanentError, Sample, Service, UnreachableError
from recoverops.plugins import prometheus
from recoverops.plugins.prometheus.promql import PromqlSource, judge
from recoverops.plugins.prometheus.server import Element, InstantAnswer, check_range
from recoverops.plugins.prometheus.settings import QuerySettings, ServerSettings
from recoverops.testing import Receiver, Reply
from recoverops.topology import Inventory

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
CHECKOUT = Service(name="checkout", group="shop", match={"service": "checkout"})
MAPPED = Service(name="pay", group="shop", match={"job": "payments", "env": "prod"})
QUERY = QuerySettings(metric="http.server.error_ratio", query="sum by (service) (errors)")
INVENTORY = Inventory([CHECKOUT, MAPPED])


def element(value: float = 0.5, *, age_s: float = 0.0, **labels: str) -> Element:
    return Element(labels=labels or {"service": "checkout"}, at=NOON - timedelta(seconds=age_s), value=value)


def judged(*elements: Element, warnings: tuple[str, ...] = ()) -> tuple[tuple[Sample, ...], dict[str, int]]:
    answer = InstantAnswer(elements=elements, warnings=warnings)
    result = judge(QUERY, answer, INVENTORY, now=NOON, max_age=timedelta(minutes=1))
    return result.samples, dict(result.left_out)


def test_an_element_is_a_sample_of_the_service_that_its_label_names_at_its_own_time() -> None:
    (sample,), left_out = judged(element(0.25, age_s=7))
    assert (str(sample.resource), sample.metric, sample.value) == ("service:checkout", "http.server.error_ratio", 0.25)
    assert sample.at == NOON - timedelta(seconds=7)
    assert sample.detail == "sum by (service) (errors)"
    assert left_out == {}


def test_a_service_is_also_found_by_what_the_inventory_says_of_its_labels() -> None:
    (sample,), _ = judged(element(job="payments", env="prod", instance="a:1"))
    assert sample.resource.name == "pay"


@pytest.mark.parametrize(
    ("elements", "reason", "number"),
    [
        ((element(service="stranger"),), "unknown_service", 1),
        ((element(job="payments"),), "unknown_service", 1),
        ((element(float("nan")),), "not_a_number", 1),
        ((element(float("inf")),), "not_a_number", 1),
        ((element(age_s=61),), "stale", 1),
        ((element(age_s=-61),), "stale", 1),
        ((element(1, service="checkout", pod="a"), element(2, service="checkout", pod="b")), "ambiguous", 2),
    ],
)
def test_what_cannot_be_attributed_or_trusted_is_left_out_and_counted(
    elements: tuple[Element, ...], reason: str, number: int
) -> None:
    assert judged(*elements) == ((), {reason: number})


def test_warnings_stand_in_the_evidence() -> None:
    (sample,), _ = judged(element(), warnings=("partial response: store-2 is down",))
    assert sample.detail.endswith("; warning: partial response: store-2 is down")


# against a server


def answer(*rows: tuple[str, str], kind: str = "vector", **more: object) -> Reply:
    now = datetime.now(UTC).timestamp()
    result = [{"metric": {"service": service}, "value": [now, value]} for service, value in rows]
    body = {"status": "success", "data": {"resultType": kind, "result": result}, **more}
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def error(status: int, kind: str, text: str) -> Reply:
    return Reply(status=status, body=json.dumps({"status": "error", "errorType": kind, "error": text}).encode())


def source(url: str, context: Contexts, **server: object) -> PromqlSource:
    settings = prometheus.PrometheusSettings.model_validate(
        {"server": {"url": url, "timeout": "2s", "queries": [QUERY.model_dump()], **server}}
    )
    (one,) = prometheus.plugin.build(settings, context(CHECKOUT, secrets={"env:TOKEN": "open-sesame"})).sources
    assert isinstance(one, PromqlSource)
    return one


def test_the_query_is_posted_below_the_prefix_with_the_token(receiver: Receiver, context: Contexts) -> None:
    receiver.reply = answer(("checkout", "0.5"), ("stranger", "1"))
    asked = source(f"{receiver.url}/prom/", context, bearer="env:TOKEN")
    (sample,) = asked.poll()
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/prom/api/v1/query")
    assert request.headers["authorization"] == "Bearer open-sesame"
    assert parse_qs(request.body.decode()) == {"query": [QUERY.query], "timeout": ["2.000"]}
    assert (sample.value, sample.source) == (0.5, "prometheus")
    assert asked.left_out == {"unknown_service": 1}


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (error(400, "bad_data", "1:5: parse error: unexpected end"), MisconfiguredError, "bad_data: 1:5: parse error"),
        (error(422, "execution", "many-to-many matching not allowed"), MisconfiguredError, "many-to-many"),
        (Reply(status=401, body=b"Unauthorized"), MisconfiguredError, "check the server's `bearer`"),
        (Reply(status=302, headers={"Location": "/x"}), MisconfiguredError, "redirects are not followed"),
        (Reply(status=404, body=b"404 page not found"), MisconfiguredError, "check its path"),
        (Reply(body=b"<html>hello</html>"), MisconfiguredError, "not Prometheus' API"),
        (answer(kind="matrix"), MisconfiguredError, "answers with a matrix, expected a vector"),
        (answer(kind="scalar"), MisconfiguredError, "answers with a scalar"),
        (Reply(status=503, body=b"Service Unavailable"), UnreachableError, "Service Unavailable"),
        (error(503, "timeout", "query timed out"), UnreachableError, "query timed out"),
        (Reply(status=429), UnreachableError, "status 429"),
        (Reply(status=500, body=b"oops"), UnreachableError, "oops"),
        (answer(("checkout", "many")), UnreachableError, "no number"),
        (Reply(hang=True), UnreachableError, "no answer within 0."),
    ],
)
def test_an_error_keeps_prometheus_sentence_and_is_sorted_by_what_helps(
    receiver: Receiver, context: Contexts, reply: Reply, kind: type[Exception], said: str
) -> None:
    receiver.reply = reply
    with pytest.raises(kind) as raised:
        source(receiver.url, context, timeout="500ms" if reply.hang else "2s").poll()
    assert said in str(raised.value)
    assert f"127.0.0.1:{receiver.port}" in str(raised.value)


def test_a_clear_word_when_nobody_listens(context: Contexts) -> None:
    with pytest.raises(UnreachableError, match=r"Prometheus at 127\.0\.0\.1:1: connection refused"):
        source("http://127.0.0.1:1", context).poll()


def test_two_queries_for_one_metric_are_refused() -> None:
    with pytest.raises(ValidationError, match="several queries"):
        ServerSettings.model_validate({"url": "http://127.0.0.1:9090", "queries": [QUERY.model_dump()] * 2})


def test_a_link_local_server_is_refused(context: Contexts) -> None:
    with pytest.raises(MisconfiguredError, match="link-local"):
        source("http://169.254.169.254/", context)


@pytest.mark.parametrize(
    ("length", "step", "refused"),
    [
        (timedelta(hours=-1), timedelta(minutes=1), "before it starts"),
        (timedelta(hours=1), timedelta(0), "1ms or more"),
        (timedelta(days=30), timedelta(seconds=15), "172801 points"),
    ],
)
def test_a_range_without_points_or_with_too_many_is_refused(length: timedelta, step: timedelta, refused: str) -> None:
    with pytest.raises(PermanentError, match=refused):
        check_range(start=NOON, end=NOON + length, step=step)


def test_a_day_in_steps_of_a_minute_has_1441_points() -> None:
    assert check_range(start=NOON, end=NOON + timedelta(days=1), step=timedelta(minutes=1)) == 1441
