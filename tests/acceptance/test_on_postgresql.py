"""`recoverops up` on a real PostgreSQL, from an alert to the verified recovery, and through a `kill -9`."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from tests.acceptance.harness import Site, eventually, site


def _alert(status: str) -> dict[str, Any]:
    return {
        "version": "4",
        "status": status,
        "receiver": "recoverops",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "ServiceDown", "service": "checkout"},
                "annotations": {},
                "startsAt": "2026-03-01T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-01T12:10:00Z",
                "fingerprint": "00000000000000aa",
            }
        ],
    }


def test_an_alert_is_acted_on_and_a_killed_engine_goes_on_where_it_was(tmp_path: Path, postgres_url: str) -> None:
    with site(tmp_path) as place:
        # given an engine whose database is PostgreSQL, named by a reference
        place.environment["STORE_URL"] = postgres_url
        place.configure(
            rule={"mode": "act", "hold": "8s"},
            decision={"mode": "act", "ask_when_critical": False, "cooldown": "1s"},
            storage={"url": "env:STORE_URL"},
        )
        place.up()
        # when the service is down and an alert says so
        place.crash("checkout")
        assert place.ask("POST", "/intake/alertmanager", _alert("firing")) == (200, {"stored": 1, "duplicates": 0})
        # then it is started once, and the recovery is verified
        healed = place.incident_in("resolved")
        assert (healed["reason"], place.starts("checkout")) == ("verified", 2)
        assert place.ask("POST", "/intake/alertmanager", _alert("firing")) == (200, {"stored": 0, "duplicates": 1})
        assert place.ask("POST", "/intake/alertmanager", _alert("resolved"))[0] == 200
        # when it is down again, and the engine is killed in the middle of its response
        place.crash("checkout")
        eventually("another incident", lambda: len(place.incidents()) == 2)
        waiting = place.incident_in("waiting")
        place.kill()
        assert place.starts("checkout") == 2
        assert not (place.data_dir / "recoverops.sqlite").exists()
        place.up()
        # then the next one goes on with it, acts once, and everything is on record
        again = place.incident_in("resolved")
        assert (again["reason"], place.starts("checkout")) == ("verified", 3)
        assert again["id"] == waiting["id"] != healed["id"]
        runs = [run for run in place.story(again["id"])["runs"] if run["state"] == "succeeded"]
        assert len(runs) == 1
        assert place.command("audit", "verify").returncode == 0
        assert place.down() == 0


def test_a_stop_from_another_host_reaches_the_engine(tmp_path: Path, postgres_url: str) -> None:
    with site(tmp_path) as place:
        place.environment["STORE_URL"] = postgres_url
        place.configure(
            rule={"mode": "act"},
            decision={"mode": "act", "ask_when_critical": False},
            storage={"url": "env:STORE_URL"},
        )
        place.up()
        # when somebody stops it from a host that has the database's address, and a data directory of its own
        place.environment["RECOVEROPS_DATA_DIR"] = str(tmp_path / "another")
        place.command("stop", "--reason", "drill")
        place.crash("checkout")
        # then nothing is done about a crash, and a person hears why
        incident = place.incident_in("escalated")
        assert (incident["reason"], place.starts("checkout")) == ("emergency_stop", 1)
        assert place.ask("GET", "/api/v1/stop")[1]["reason"] == "drill"
        # when that is cleared, it may act again
        assert place.json("resume")["cleared"]["reason"] == "drill"
        assert not place.ask("GET", "/api/v1/stop")[1]["stopped"]
        assert place.down() == 0


@contextmanager
def _hanging(url: str) -> Iterator[None]:
    """Every process of the server stands still: who asks it anything waits, as with a disk that is gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        children = [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        parent = int(Path(f"/proc/{children[0]}/stat").read_text().rpartition(")")[2].split()[1])
        try:
            for pid in (parent, *children):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in (*children, parent):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def _asks_and_gives_up(place: Site, path: str) -> None:
    """A page of the dashboard whose answer never comes."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{place.port}{path}", headers={"Authorization": f"Bearer {place.key()}"}
    )
    with suppress(OSError):
        urllib.request.urlopen(request, timeout=1).close()


def _status_of(place: Site, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{place.port}{path}", timeout=15) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_the_emergency_stop_over_http_holds_at_once_while_the_database_hangs(tmp_path: Path, postgres_url: str) -> None:
    with site(tmp_path) as place, ThreadPoolExecutor(50) as clients:
        place.environment["STORE_URL"] = postgres_url
        place.configure(storage={"url": "env:STORE_URL"})
        place.up()
        with _hanging(postgres_url):
            # given more questions that hang than the pool of ordinary routes has threads
            list(clients.map(lambda _: _asks_and_gives_up(place, "/status"), range(50)))
            # when somebody stops it, then its file is there at once, whatever becomes of the audit line
            stopping = clients.submit(place.ask, "POST", "/api/v1/stop", {"reason": "it hangs"})
            eventually("the file of the stop", (place.data_dir / "EMERGENCY_STOP").exists, within_s=4.0)
            status, stopped = stopping.result()
            assert (status, stopped["stopped"], stopped["audited"]) == (200, True, False)
            assert "within 5 s" in stopped["why_not_audited"]
            # and those who watch RecoverOps hear from it, also who asks what stands
            began = time.monotonic()
            assert [_status_of(place, one) for one in ("/health", "/metrics", "/ready")] == [200, 200, 503]
            assert place.ask("GET", "/api/v1/stop")[1]["reason"] == "it hangs"
            assert time.monotonic() - began < 9.0
        # and when the database goes on, the line is written after all
        eventually("readiness", place.is_ready)
        eventually("the audit line", lambda: _audited(postgres_url, "stop.engaged") == 1)
        place.kill()


def _audited(url: str, event: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM audit_entry WHERE event = %s", (event,)).fetchone()
    assert row is not None
    return int(row[0])


CLAIM = 0x5EC0_7E50
_SESSIONS = """
SELECT pid FROM pg_locks JOIN pg_database ON pg_locks.database = pg_database.oid
WHERE datname = current_database() AND locktype = 'advisory' AND objid = %s AND granted = %s
"""


def _sessions(connection: psycopg.Connection[Any], *, granted: bool) -> list[int]:
    """The sessions that hold the claim, or that wait for it."""
    return [pid for (pid,) in connection.execute(_SESSIONS, (CLAIM, granted)).fetchall()]


def test_an_engine_whose_claim_was_taken_by_another_ends_and_says_so(tmp_path: Path, postgres_url: str) -> None:
    with (
        site(tmp_path) as place,
        psycopg.connect(postgres_url, autocommit=True) as operator,
        psycopg.connect(postgres_url, autocommit=True) as faster,
        ThreadPoolExecutor(1) as beside,
    ):
        place.environment["STORE_URL"] = postgres_url
        place.configure(storage={"url": "env:STORE_URL"})
        place.up()
        # when its session is ended by an operator, the engine takes its claim anew
        [first] = _sessions(operator, granted=True)
        operator.execute("SELECT pg_terminate_backend(%s)", (first,))
        eventually("its claim again", lambda: _sessions(operator, granted=True) not in ([], [first]))
        # when another process stands in the queue, the server gives it the claim as soon as the session is ended
        [second] = _sessions(operator, granted=True)
        faster.execute("SET lock_timeout = '30s'")
        taken = beside.submit(faster.execute, "SELECT pg_advisory_lock(%s)", (CLAIM,))
        eventually("another in the queue", lambda: len(_sessions(operator, granted=False)) == 1)
        operator.execute("SELECT pg_terminate_backend(%s)", (second,))
        taken.result()
        # then the engine ends by itself
        assert place.ends_by_itself() == 4
        assert "the claim to the database was lost" in place.log.read_text()
