"""The shop as real processes under a real supervisord."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.lab.held_shop import Shop, eventually, held_shop

from recoverops.lab.layout import BACKENDS, DEPENDS_ON, SERVICES
from recoverops.lab.mounts import seen_by
from recoverops.lab.shop.ledger import starts_in


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with held_shop() as held:
        yield held


def order_on_disk(shop: Shop, number: int) -> tuple[str, int, int] | None:
    """Item, cents and whether it is shipped, from the bytes of the database's file; None when it is not there.

    SQLite itself would open the path outside the shop's file systems.
    """
    file = seen_by(shop.scene.facts.supervisor_pid, shop.layout.data_of("database") / "orders.sqlite")
    with closing(sqlite3.connect(":memory:")) as db, suppress(sqlite3.DatabaseError):
        db.deserialize(file.read_bytes())
        row: tuple[str, int, int] | None = db.execute(
            "SELECT item, cents, shipped FROM orders WHERE id = ?", (number,)
        ).fetchone()
        return row
    return None


def test_customers_browse_and_buy_through_the_gateway(shop: Shop) -> None:
    status, page = shop.get("gateway", "/browse")
    assert (status, json.loads(page)["prices"]["tea"]) == (200, 450)

    status, page = shop.get("gateway", "/buy")
    assert (status, json.loads(page)["order"]) == (201, pytest.approx(1, abs=10_000))


def test_an_order_is_on_disk_with_its_tax_before_it_is_confirmed(shop: Shop) -> None:
    number = json.loads(shop.get("gateway", "/buy")[1])["order"]

    found = order_on_disk(shop, number)
    assert found is not None
    assert found[:2] == ("tea", 535)


def test_the_worker_ships_what_has_been_ordered(shop: Shop) -> None:
    number = json.loads(shop.get("gateway", "/buy")[1])["order"]

    def is_shipped() -> bool:
        found = order_on_disk(shop, number)
        return found is not None and found[2] == 1

    eventually("the order is shipped", is_shipped, within_s=10)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_counts_its_requests_and_describes_its_process(shop: Shop, service: str) -> None:
    metrics = shop.metrics(service)

    pid = shop.scene.target(service).pid
    assert metrics["process_resident_memory_bytes"] > 5e6
    assert metrics["process_open_fds"] == pytest.approx(len(os.listdir(f"/proc/{pid}/fd")), abs=20)
    assert metrics["http_request_duration_seconds_count"] == sum(
        value for name, value in metrics.items() if name.startswith("http_requests_total")
    )
    assert ("db_pool_size" in metrics) is (service in {"orders", "database"})


def test_neither_health_nor_metrics_count_as_requests(shop: Shop) -> None:
    for _ in range(3):
        shop.get("worker", "/health")
        shop.get("worker", "/metrics")

    assert shop.metrics("worker")["http_request_duration_seconds_count"] == 0


def test_health_is_a_services_own_and_not_that_of_what_it_needs(shop: Shop) -> None:
    assert "payments" in DEPENDS_ON["orders"]
    shop.scene.stop("payments")
    try:
        assert shop.get("gateway", "/buy")[0] == 502
        assert [shop.get(service, "/health")[0] for service in ("gateway", "orders")] == [200, 200]
    finally:
        assert shop.scene.start("payments")
    shop.wait_until_well()


def test_each_start_appends_its_process_id_to_the_services_own_ledger(shop: Shop) -> None:
    ledger = shop.layout.ledger("catalogue")
    before, old = starts_in(ledger), shop.scene.target("catalogue").pid
    assert before >= 1

    shop.scene.restart("catalogue")

    assert starts_in(ledger) == before + 1
    pids = [json.loads(line)["pid"] for line in ledger.read_text().splitlines()]
    assert pids[-2:] == [old, shop.scene.target("catalogue").pid]
    shop.wait_until_well()


def test_it_ends_in_order_when_it_is_asked_to(shop: Shop) -> None:
    os.kill(shop.scene.target("payments").pid, signal.SIGTERM)

    assert shop.scene.supervisor.wait_for("payments", "EXITED")["exitstatus"] == 0
    shop.scene.start("payments")
    shop.wait_until_well()


def test_a_service_has_no_right_that_the_mode_of_a_file_does_not_grant(shop: Shop) -> None:
    for service in SERVICES:
        status = Path(f"/proc/{shop.scene.target(service).pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status


def test_customers_go_through_nginx_where_there_is_one_and_both_gateways_serve_them(shop: Shop) -> None:
    if not shop.layout.has_nginx:
        assert shop.layout.shop_url == shop.layout.url("gateway")
        return
    before = {one: shop.metrics(one)["http_request_duration_seconds_count"] for one in BACKENDS}

    statuses = {shop.get("nginx", "/browse")[0] for _ in range(10)}

    assert shop.layout.shop_url == shop.layout.url("nginx")
    assert statuses == {200}
    for one in BACKENDS:
        count = "http_request_duration_seconds_count"
        eventually("it serves", lambda: shop.metrics(one)[count] > before[one], within_s=5)  # noqa: B023


def test_the_load_that_was_shifted_away_is_given_back_to_every_backend(shop: Shop) -> None:
    if not shop.layout.has_nginx:
        return
    upstream, whole = shop.layout.upstream, shop.layout.upstream.read_text()
    upstream.write_text(whole.replace(";\n}", " down;\n}"))
    assert upstream.read_text() != whole

    shop.scene.share_load()

    assert upstream.read_text() == whole
    shop.wait_until_well()


def test_an_unknown_page_names_the_known_ones(shop: Shop) -> None:
    status, page = shop.get("gateway", "/steal")

    assert status == 404
    assert "try GET /browse, POST /buy" in json.loads(page)["error"]


def test_the_log_is_lines_with_time_level_and_place(shop: Shop) -> None:
    first = shop.logged("orders").splitlines()[0]

    stamp, level, place = first.split()[:3]
    assert (len(stamp), stamp[-1], level, place) == (24, "Z", "INFO", "service:")
    assert "release 1.0.0 listens on port" in first
