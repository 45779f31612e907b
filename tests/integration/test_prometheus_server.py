"""The plugin's sources and a real Prometheus: what it answers, what it refuses, and what it makes of our metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.acceptance.harness import eventually
from tests.acceptance.prometheus_peers import Peer, running_prometheus

from recoverops.api.telemetry import COUNTERS, GAUGES, Metrics
from recoverops.clock import SystemClock
from recoverops.egress import Fetcher, target_of
from recoverops.model import MisconfiguredError, Resource, ResourceKind, Service, UnreachableError
from recoverops.plugins import prometheus
from recoverops.plugins.prometheus.server import PrometheusServer
from recoverops.ports import PluginContext, Source
from recoverops.testing import Reply, check_source, running_receiver

CHECKOUT = Service(name="checkout", group="shop")
TIMEOUT = timedelta(seconds=5)
TEXT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
POLLS = "recoverops_poll_seconds"


def with_every_family_counted() -> Metrics:
    """As after a long life: each counter once, each gauge at 1, one poll; every label has its own name as value."""
    metrics = Metrics()
    for name, (_, labels) in COUNTERS.items():
        metrics.count(name, **{label: label for label in labels})
    gauges = [(name, {label: label for label in labels}, 1.0) for name, (_, labels) in GAUGES.items()]
    metrics.read_from(lambda: gauges)
    metrics.observe(POLLS, 0.01, source="source")
    return metrics


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Scrapes a page that has every metric of ours."""
    with running_receiver() as page:
        page.reply = Reply(body=with_every_family_counted().page(), headers=TEXT)
        directory = tmp_path_factory.mktemp("peers") / "prometheus"
        with running_prometheus(directory, targets={"checkout": f"127.0.0.1:{page.port}"}) as peer:
            eventually("the second scrape", lambda: (peer.value("count_over_time(up[1m])") or 0) >= 2)
            yield peer


def source(url: str, *queries: tuple[str, str]) -> Source:
    asked = [{"metric": metric, "query": query} for metric, query in queries]
    settings = prometheus.PrometheusSettings.model_validate({"server": {"url": url, "queries": asked}})
    context = PluginContext(clock=SystemClock(), services={"checkout": CHECKOUT}, secret=lambda name: name)
    (one,) = prometheus.plugin.build(settings, context).sources
    return one


def api(url: str) -> PrometheusServer:
    fetcher = Fetcher(timeout_s=TIMEOUT.total_seconds(), max_bytes=1 << 20, clock=SystemClock())
    return PrometheusServer(target_of(url, where="here"), fetcher, timeout=TIMEOUT)


@pytest.mark.parametrize("name", [*COUNTERS, *GAUGES, f"{POLLS}_count", f"{POLLS}_sum", f"{POLLS}_bucket"])
def test_every_metric_of_ours_is_queryable_with_its_labels(server: Peer, name: str) -> None:
    labels = {**COUNTERS, **GAUGES}.get(name, ("", ("source",)))[1]
    selector = ",".join(f'{label}="{label}"' for label in labels)
    assert server.value(f"{name}{{{selector}}}") is not None


def test_the_source_keeps_the_contract_of_sources_on_a_real_server(server: Peer) -> None:
    asked = source(server.url, ("service.up", "up"), ("work.rate", "sum by (service) (rate(up[10s]))"))
    checkout = Resource(kind=ResourceKind.SERVICE, name="checkout")
    samples = {sample.metric: sample for sample in check_source(asked, resources={checkout})}
    assert samples["service.up"].value == 1.0
    assert abs(datetime.now(UTC) - samples["service.up"].at) < timedelta(seconds=10)


def test_prometheus_own_sentence_reaches_the_reader(server: Peer) -> None:
    with pytest.raises(MisconfiguredError, match=r"bad_data: .*parse error: unexpected end of input"):
        source(server.url, ("broken", "up{")).poll()
    with pytest.raises(MisconfiguredError, match="answers with a scalar, expected a vector"):
        source(server.url, ("a.number", "1")).poll()
    with pytest.raises(MisconfiguredError, match="there is no Prometheus API below that `url`"):
        source(f"{server.url}/elsewhere", ("service.up", "up")).poll()


def test_while_one_query_is_answered_the_failure_of_another_is_logged_once(
    server: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    asked = source(server.url, ("service.up", "up"), ("broken", "up{"))
    with caplog.at_level(logging.WARNING):
        assert [len(asked.poll()) for _ in range(3)] == [1, 1, 1]
    logged = [record.statement for record in caplog.records if record.message == "promql_changed"]  # type: ignore[attr-defined]
    assert len(logged) == 1
    assert "unexpected end of input" in logged[0]


def test_nothing_is_nothing_and_a_value_that_is_no_number_is_absent(server: Peer) -> None:
    assert source(server.url, ("no.such", "no_such_metric")).poll() == ()
    assert source(server.url, ("no.number", "up * 0 / 0")).poll() == ()


def test_a_range_comes_as_typed_series_in_time_order(server: Peer) -> None:
    end = datetime.now(UTC)
    answer = api(server.url).query_range("up", start=end - timedelta(minutes=1), end=end, step=timedelta(seconds=1))
    (series,) = answer.series
    times = [at for at, _ in series.points]
    assert series.labels["service"] == "checkout"
    assert {value for _, value in series.points} == {1.0}
    assert times == sorted(times)
    assert 1 <= len(times) <= 61


def test_a_server_that_ended_is_unreachable(tmp_path: Path) -> None:
    with running_prometheus(tmp_path / "prometheus", targets={}) as peer:
        asked = source(peer.url, ("service.up", "up"))
        assert asked.poll() == ()
        peer.stop()
        with pytest.raises(UnreachableError, match="connection refused"):
            asked.poll()
