"""The loop with real peers: Prometheus notices, Alertmanager or Prometheus itself tells, RecoverOps repairs.

Only alerts tell of the trouble here: our own threshold on the process is set so high that it never speaks. The service
is its own exporter, so its crash is what Prometheus sees as `up == 0`.
"""

from __future__ import annotations

import re
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.harness import READY_WITHIN_S, Site, eventually
from tests.acceptance.prometheus_peers import Peer, amtool, running_alertmanager, running_prometheus

from recoverops.testing import free_port
from recoverops.testing.supervisor import Program, running_supervisor

ACT: dict[str, Any] = {"mode": "act", "ask_when_critical": False}
DOWN = {
    "alert": "InstanceDown",
    "expr": "up == 0",
    "labels": {"severity": "critical"},
    "annotations": {"summary": "{{ $labels.service }} does not answer"},
}
KEY = "an-intake-key-of-the-tests"

EXPORTER = textwrap.dedent(
    """
    import http.server, os, sys, time
    ledger, port, warming = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{os.getpid()} {time.time()}\\n".encode())
    first = len(open(ledger).readlines()) == 1
    time.sleep(0 if first else warming)

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"shop_works 1\\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()
    """
)


class Shop(Site):
    """One service that is its own exporter."""

    target: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page_value(self, line: str) -> float:
        """A value of our own /metrics page; 0 while the line is not there."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            found = re.search(rf"^{re.escape(line)} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def shop(directory: Path, *, warming_s: float = 0.0) -> Iterator[Shop]:
    """`warming_s` is how long a restarted service takes until its page is there.

    The engine is on its way, but need not be ready: peers start meanwhile.
    """
    script = directory / "service.py"
    script.write_text(EXPORTER)
    port = free_port()
    command = (
        sys.executable,
        "-S",
        str(script),
        str(directory / "checkout.ledger"),
        str(port),
        str(warming_s),
    )
    with running_supervisor(
        directory / "supervisor", [Program(name="checkout", command=command, startsecs=0)]
    ) as supervisor:
        place = Shop(directory, supervisor, ("checkout",))
        place.target = f"127.0.0.1:{port}"
        place.environment = {"INTAKE_KEY": KEY}
        place.configure(
            rule={"mode": "act"},
            decision=ACT,
            detection={"thresholds": [{"metric": "service.running", "below": 1.0, "for": "1h"}]},
            api={"port": place.port, "keys": [{"name": "peers", "role": "intake", "key": "env:INTAKE_KEY"}]},
        )
        try:
            place.up(wait=False)
            yield place
        finally:
            place.close()


def everybody_is_there(place: Shop, prometheus: Peer) -> None:
    eventually("the first scrape", lambda: prometheus.value('up{job="checkout"}') == 1.0)
    eventually("the engine's readiness", place.is_ready, within_s=READY_WITHIN_S)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_rule_of_a_real_prometheus_fires_through_a_real_alertmanager_and_the_service_is_repaired(
    tmp_path: Path, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        # given a service that a real Prometheus scrapes, and a real Alertmanager that knows our webhook and its key
        place = stack.enter_context(shop(tmp_path))
        alertmanager = stack.enter_context(
            running_alertmanager(tmp_path / "am", webhook=f"{place.url}/intake/alertmanager", bearer=KEY)
        )
        prometheus = stack.enter_context(
            running_prometheus(
                tmp_path / "prometheus",
                targets={"checkout": place.target, "recoverops": f"127.0.0.1:{place.port}"},
                rules=[DOWN],
                alertmanagers=[alertmanager.address],
            )
        )
        everybody_is_there(place, prometheus)
        # when the service crashes
        injected = time.time()
        place.crash("checkout")
        # then it is restarted once, verified, and the incident ends
        incident = place.incident_in("resolved")
        story = place.story(incident["id"])
        (run,) = story["runs"]
        assert place.starts("checkout") == 2
        assert (run["state"], run["verdict"]["status"]) == ("succeeded", "recovered")
        assert story["incident"]["kind"] == "service_down"
        # and their wait is told apart from ours
        received, acted, ended = at(incident["opened_at"]), at(run["acted_at"]), at(run["ended_at"])
        waits = {
            "theirs: injection to webhook": received - injected,
            "ours: webhook to action": acted - received,
            "ours: action to verified": ended - acted,
        }
        for what, seconds in waits.items():
            record_property(what, round(seconds, 3))
        with capsys.disabled():
            sys.stdout.write("\n" + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in waits.items()) + "\n")
        assert all(seconds >= 0 for seconds in waits.values())
        # and the same Prometheus, scraping us, sees what was done
        eventually(
            "our own metrics in Prometheus",
            lambda: (
                prometheus.value('remediation_success_total{action="restart-service"}') == 1.0
                and prometheus.value('recoverops_incidents_resolved_total{job="recoverops"}') is not None
            ),
        )
        assert prometheus.value('recoverops_alerts_stored_total{source="alertmanager"}') is not None
        assert prometheus.value("recoverops_ready") == 1.0


def test_an_alertmanager_pair_without_a_mesh_delivers_the_same_alert_three_times_and_it_is_acted_on_once(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        # given two Alertmanagers that do not know each other and repeat themselves, and a service that starts slowly
        place = stack.enter_context(shop(tmp_path, warming_s=8.0))
        webhook = f"{place.url}/intake/alertmanager"
        pair = [
            stack.enter_context(running_alertmanager(tmp_path / name, webhook=webhook, bearer=KEY, repeat="1s"))
            for name in ("am-a", "am-b")
        ]
        prometheus = stack.enter_context(
            running_prometheus(
                tmp_path / "prometheus",
                targets={"checkout": place.target},
                rules=[DOWN],
                alertmanagers=[one.address for one in pair],
            )
        )
        everybody_is_there(place, prometheus)
        # when it crashes and all of them tell, again and again
        place.crash("checkout")
        stored, again = (f'recoverops_alerts_{what}_total{{source="alertmanager"}}' for what in ("stored", "duplicate"))
        eventually(
            "three deliveries of the one fact that it fires",
            lambda: place.page_value(stored) == 1 and place.page_value(again) >= 2,
        )
        # then it is restarted once
        incident = place.incident_in("resolved")
        assert len(place.incidents()) == 1
        assert [run["state"] for run in place.story(incident["id"])["runs"]] == ["succeeded"]
        eventually("the end of the alert", lambda: prometheus.value('ALERTS{alertname="InstanceDown"}') is None)
        assert place.starts("checkout") == 2


def test_prometheus_itself_may_post_its_alerts_to_us_in_the_place_of_an_alertmanager(tmp_path: Path) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(shop(tmp_path, warming_s=3.0))
        prometheus = stack.enter_context(
            running_prometheus(
                tmp_path / "prometheus",
                targets={"checkout": place.target},
                rules=[DOWN],
                alertmanagers=[f"127.0.0.1:{place.port}"],
                bearer=KEY,
            )
        )
        everybody_is_there(place, prometheus)
        # when it crashes, and Prometheus repeats the alert with an end that moves on
        place.crash("checkout")
        source = '{source="alertmanager-api"}'
        eventually("a repetition", lambda: place.page_value(f"recoverops_alerts_duplicate_total{source}") >= 1)
        # then it is one fact and one restart, and later one resolution
        place.incident_in("resolved")
        eventually("the resolution", lambda: place.page_value(f"recoverops_alerts_stored_total{source}") == 2)
        assert place.starts("checkout") == 2
        assert len(place.incidents()) == 1


def test_amtool_is_a_client_of_ours(tmp_path: Path) -> None:
    with shop(tmp_path) as place:
        good, bad = tmp_path / "amtool.yml", tmp_path / "stranger.yml"
        good.write_text(f"authorization: {{credentials: {KEY}}}\n")
        bad.write_text("authorization: {credentials: nobody-has-this-key-here}\n")
        down = ("alert", "add", "alertname=InstanceDown", "service=checkout", "severity=critical")
        eventually("the engine's readiness", place.is_ready, within_s=READY_WITHIN_S)
        # given a service that is down without anybody knowing
        place.crash("checkout")
        # when a stranger tells, nothing happens
        assert amtool(place.url, *down, config=bad).returncode != 0
        assert place.incidents() == []
        # when somebody with a key tells, twice, without saying since when
        for _ in range(2):
            done = amtool(place.url, *down, "--annotation=summary=it is down", config=good)
            assert (done.returncode, done.stderr) == (0, "")
        # then it is acted on once
        place.incident_in("resolved")
        assert place.starts("checkout") == 2
        assert len(place.incidents()) == 1
        assert place.page_value('recoverops_alerts_duplicate_total{source="alertmanager-api"}') == 1
        # and what is wrong with an alert is said in words that amtool can show
        times = ("--start=2026-01-01T00:10:00Z", "--end=2026-01-01T00:00:00Z")
        refused = amtool(place.url, *down, *times, config=good)
        assert refused.returncode != 0
        assert "[0].endsAt is '2026-01-01T00:00:00.000Z', before its startsAt" in refused.stderr
