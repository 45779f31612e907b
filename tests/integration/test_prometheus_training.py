"""A model is trained from the history of a real Prometheus, which was filled with two weeks before it started."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.acceptance.prometheus_peers import Peer, running_prometheus

from recoverops.clock import SystemClock
from recoverops.detection.metrics.joint import Lack, UntrainableError, train
from recoverops.model import MisconfiguredError, NotFoundError, Resource, ResourceKind, Service, UnreachableError
from recoverops.operations.reader_table import queries_of, reader_table
from recoverops.plugins import prometheus
from recoverops.ports import PluginContext, RangeReader

DAYS, STEP_S = 14, 60
NOW = datetime.fromtimestamp(datetime.now(UTC).timestamp() // STEP_S * STEP_S, UTC)
BEGIN = NOW - timedelta(days=DAYS)
GAP = (NOW - timedelta(days=3), NOW - timedelta(days=3) + timedelta(hours=2))
"""In which the second service was not measured."""
SHOP, TILL = (Resource(kind=ResourceKind.SERVICE, name=name) for name in ("shop", "till"))
CPU = "100 * cpu"


def openmetrics() -> Iterator[str]:
    """CPU and requests of two services, and a gauge that never moves; a point a minute."""
    noise = np.random.default_rng(4)
    times = np.arange(BEGIN.timestamp(), NOW.timestamp(), STEP_S)
    for name in ("cpu", "requests", "stuck"):
        yield f"# TYPE {name} gauge"
        for service in ("shop", "till"):
            load = 0.5 + 0.2 * np.sin(2 * math.pi * times / 86400) + noise.normal(0, 0.02, len(times))
            values = {"cpu": load, "requests": 100 * load, "stuck": np.full(len(times), 3.0)}[name]
            for at, value in zip(times, values, strict=True):
                if service == "till" and GAP[0].timestamp() <= at < GAP[1].timestamp():
                    continue
                yield f'{name}{{service="{service}"}} {value:.5f} {at:.0f}'
    yield "# EOF"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """As `promtool tsdb create-blocks-from openmetrics` fills one: it is its author's own way to backfill."""
    folder = tmp_path_factory.mktemp("backfill")
    text = folder / "points.om"
    text.write_text("\n".join(openmetrics()) + "\n")
    subprocess.run(
        [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=48h",
            str(text),
            str(folder / "data"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with running_prometheus(folder / "prometheus", targets={}, data=folder / "data") as peer:
        yield peer


def reader(url: str, *queries: tuple[str, str]) -> RangeReader:
    asked = [{"metric": metric, "query": query} for metric, query in queries]
    settings = prometheus.PrometheusSettings.model_validate({"server": {"url": url, "queries": asked}} if url else {})
    context = PluginContext(
        clock=SystemClock(), services={"shop": Service(name="shop", group="shop")}, secret=lambda name: name
    )
    (one,) = prometheus.plugin.build(settings, context).readers
    return one


QUERIES = {"cpu_usage_avg": '100 * cpu{service="till"}', "request_rate": 'requests{service="till"}'}


def test_a_history_longer_than_one_query_may_ask_for_comes_whole_and_gaps_stay_gaps(server: Peer) -> None:
    table = reader_table(reader(server.url), QUERIES, start=BEGIN, end=NOW - timedelta(minutes=1))

    minutes = DAYS * 1440
    assert minutes > 11_000, "more than one answer of Prometheus may hold"
    assert table.metrics == ("cpu_usage_avg", "request_rate")
    assert not np.isnan(table.values).any()
    gap = (GAP[1] - GAP[0]) // timedelta(minutes=1)
    assert minutes - len(table) in range(gap - 6, gap + 1), "it looks back five minutes, and no further"
    inside = (table.times > GAP[0].timestamp() + 360) & (table.times < GAP[1].timestamp())
    assert not inside.any()
    assert 15 < table.values[:, 0].min() < table.values[:, 0].max() < 85, "the values that were written"


def test_a_value_that_is_missing_for_one_query_alone_is_missing_in_its_row(server: Peer) -> None:
    both = {"cpu": 'cpu{service="shop"}', "other": 'cpu{service="till"}'}

    table = reader_table(reader(server.url), both, start=BEGIN, end=NOW - timedelta(minutes=1))

    assert len(table) == DAYS * 1440
    assert not np.isnan(table.values[:, 0]).any()
    assert 100 < np.isnan(table.values[:, 1]).sum() <= 120


def test_the_configured_queries_give_the_inputs_of_one_service(server: Peer) -> None:
    configured = reader(
        server.url,
        ("host.cpu.utilization", "cpu"),
        ("http.server.request.rate", "requests"),
        ("my.own", "stuck"),
    )

    table = reader_table(configured, {}, start=NOW - timedelta(days=1), end=NOW, resource=SHOP)

    assert table.metrics == ("cpu_usage_avg", "request_rate")
    assert 20 < table.values[:, 0].mean() < 80, "percent, as a sender of POST /anomaly would say it"
    with pytest.raises(MisconfiguredError, match="say which: --resource service:NAME"):
        reader_table(configured, {}, start=BEGIN, end=NOW)


def test_what_the_history_lacks_is_said(server: Peer) -> None:
    asked = reader(server.url)
    with pytest.raises(UntrainableError, match="are missing") as few:
        train(reader_table(asked, QUERIES, start=NOW - timedelta(hours=20), end=NOW))
    assert few.value.lack is Lack.TOO_FEW_POINTS
    with pytest.raises(UntrainableError) as stuck:
        train(reader_table(asked, {"stuck": 'stuck{service="shop"}'}, start=BEGIN, end=NOW))
    assert stuck.value.lack is Lack.CONSTANT
    hours = 'requests{service="shop"} and on() hour() < 6'
    with pytest.raises(UntrainableError) as one_sided:
        train(reader_table(asked, {"requests": hours}, start=BEGIN, end=NOW))
    assert one_sided.value.lack is Lack.ONE_SIDED
    with pytest.raises(NotFoundError, match=r"no value between .* of nothing; check the query"):
        reader_table(asked, {**QUERIES, "nothing": "no_such_metric"}, start=BEGIN, end=NOW)


def test_a_query_that_nobody_can_use_is_refused_with_the_reason(server: Peer) -> None:
    asked = reader(server.url)
    with pytest.raises(MisconfiguredError, match=r'gives 2 series \({__name__="cpu", service="shop"};'):
        reader_table(asked, {"cpu": "cpu"}, start=BEGIN, end=NOW)
    with pytest.raises(MisconfiguredError, match="parse error"):
        reader_table(asked, {"cpu": "cpu{"}, start=BEGIN, end=NOW)
    with pytest.raises(MisconfiguredError, match="no Prometheus is configured"):
        reader_table(reader(""), QUERIES, start=BEGIN, end=NOW)
    with pytest.raises(MisconfiguredError, match="no name of a column"):
        reader_table(asked, {"9": "cpu"}, start=BEGIN, end=NOW)
    with pytest.raises(UnreachableError):
        reader_table(reader("").at("http://127.0.0.1:9"), QUERIES, start=BEGIN, end=NOW)
    assert queries_of(['a=sum(b{c="d"})']) == {"a": 'sum(b{c="d"})'}
    with pytest.raises(MisconfiguredError, match="write NAME=PROMQL"):
        queries_of(["sum"])


def test_the_command_trains_from_a_prometheus_that_it_is_given(server: Peer, tmp_path: Path) -> None:
    config = tmp_path / "recoverops.yaml"
    config.write_text(f"data_dir: {tmp_path / 'data'}\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "recoverops", "train", *arguments, "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=120,
            env=dict(os.environ),
            check=False,
        )

    queries = [part for name, query in QUERIES.items() for part in ("--query", f"{name}={query}")]
    done = run("metrics", "--prometheus", server.url, *queries)
    assert done.returncode == 0, done.stderr
    assert "default version 1 (residual) is current" in done.stdout
    told = run("metrics", *queries)
    assert told.returncode != 0
    assert "add --prometheus URL" in told.stderr
