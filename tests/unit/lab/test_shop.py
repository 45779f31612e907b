"""The shop as a real process."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from recoverops.lab.layout import Layout
from recoverops.lab.shop import starts_in


@contextmanager
def shop(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    layout = Layout.choose(directory)
    command = [sys.executable, "-m", "recoverops.lab.shop", "--port", str(layout.shop_port)]
    process = subprocess.Popen([*command, "--ledger", str(layout.ledger)])
    try:
        with httpx.Client(base_url=layout.shop_url, trust_env=False) as client:
            wait_until_it_answers(client)
            yield process, client
    finally:
        process.kill()
        process.wait(10)


def wait_until_it_answers(client: httpx.Client) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the shop did not answer within 15 s")


def test_an_order_is_on_disk_before_it_is_confirmed(tmp_path: Path) -> None:
    with shop(tmp_path) as (process, client):
        answers = [client.post("/buy") for _ in range(3)]
        process.kill()
        process.wait(10)

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [answer.json()["order"] for answer in answers] == [1, 2, 3]
    with closing(sqlite3.connect(tmp_path / "orders.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM bought").fetchone() == (3,)


def test_each_start_appends_its_process_id_to_the_ledger(tmp_path: Path) -> None:
    assert starts_in(tmp_path / "starts.jsonl") == 0
    with shop(tmp_path) as (first, _):
        pass
    with shop(tmp_path) as (second, _):
        pass

    assert starts_in(tmp_path / "starts.jsonl") == 2
    lines = (tmp_path / "starts.jsonl").read_text().splitlines()
    assert [json.loads(line)["pid"] for line in lines] == [first.pid, second.pid]


def test_it_ends_in_order_when_it_is_asked_to(tmp_path: Path) -> None:
    with shop(tmp_path) as (process, client):
        client.post("/buy")
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0


def test_an_unknown_page_names_the_known_one(tmp_path: Path) -> None:
    with shop(tmp_path) as (_, client):
        answer = client.post("/steal")

    assert answer.status_code == 404
    assert "try /buy" in answer.json()["error"]
