"""The source `scrape` against real servers: good, slow, gone, lying, too large, and where nobody may connect."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pydantic import ValidationError
from tests.unit.plugins.conftest import Contexts

from recoverops.clock import SystemClock
from recoverops.egress import Fetcher, target_of
from recoverops.model import MisconfiguredError, Resource, ResourceKind, Sample, Service, UnreachableError
from recoverops.plugins import prometheus
from recoverops.plugins.prometheus.scrape import Scrape
from recoverops.plugins.prometheus.settings import ScrapeSettings
from recoverops.testing import Receiver, Reply, check_source, free_port, running_receiver

PAGE = b'http_requests_total{code="200"} %d\nhttp_requests_total{code="500"} %d\ndb_pool_in_use 3\n'
TEXT = {"Content-Type": "text/plain; version=0.0.4"}


def service(name: str, url: str) -> Service:
    return Service(name=name, group="shop", address={"metrics": url})


def scrape(*services: Service, **settings: object) -> Scrape:
    checked = ScrapeSettings.model_validate(settings)
    return Scrape({one.name: one for one in services}, settings=checked, clock=SystemClock())


def page(ok: int, failed: int = 0) -> Reply:
    return Reply(body=PAGE % (ok, failed), headers=TEXT)


def metrics(samples: tuple[Sample, ...], name: str = "checkout") -> set[str]:
    return {sample.metric for sample in samples if sample.resource.name == name}


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round waits for every page, however slowly this machine serves it; one test is about not waiting."""
    monkeypatch.setattr("recoverops.plugins.prometheus.scrape._PATIENCE_S", 30.0)


@pytest.fixture
def other() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def test_the_second_round_gives_rates_with_evidence_for_people(receiver: Receiver) -> None:
    source = scrape(service("checkout", f"{receiver.url}/metrics"))
    receiver.reply = page(100)
    assert metrics(source.poll()) == {"db.pool.in_use"}
    receiver.reply = page(103, 1)
    samples = {sample.metric: sample for sample in source.poll()}
    assert set(samples) == {"db.pool.in_use", "http.server.request.rate", "http.server.error_ratio"}
    assert samples["http.server.error_ratio"].value == 0.25
    assert samples["http.server.error_ratio"].detail.startswith("1 of 4 failed: 4 requests in")


def test_it_keeps_the_contract_of_sources(receiver: Receiver) -> None:
    receiver.reply = page(100)
    source = scrape(service("checkout", receiver.url))
    checkout = Resource(kind=ResourceKind.SERVICE, name="checkout")
    check_source(source, resources={checkout}, cut_off=lambda: receiver.replying(Reply(status=503)))


def test_a_hanging_service_does_not_delay_the_samples_of_the_others(
    receiver: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recoverops.plugins.prometheus.scrape._PATIENCE_S", 1.0)
    receiver.reply, other.reply = Reply(hang=True), page(100)
    source = scrape(service("slow", receiver.url), service("checkout", other.url), timeout="9s")
    took = []
    for _ in range(3):
        started = time.monotonic()
        assert "db.pool.in_use" in metrics(source.poll())
        took.append(time.monotonic() - started)
    assert max(took) < 7, "a round waited for the page that hangs"
    assert len(receiver.requests) == 1, "one that hangs is not asked a second time"


class LateClock(SystemClock):
    late_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.late_s


@pytest.mark.parametrize(("gap_s", "is_told"), [(4.0, True), (11.0, False)])
def test_a_page_that_did_not_come_is_bridged_but_no_long_silence(
    receiver: Receiver, other: Receiver, gap_s: float, is_told: bool
) -> None:
    receiver.reply, other.reply = page(100), page(1)
    services = {one.name: one for one in (service("checkout", receiver.url), service("other", other.url))}
    clock = LateClock()
    source = Scrape(services, settings=ScrapeSettings(), clock=clock)
    source.poll()
    with receiver.replying(Reply(status=500)):
        assert metrics(source.poll()) == set()
    clock.late_s = gap_s

    assert ("http.server.request.rate" in metrics(source.poll())) == is_told
    assert "http.server.request.rate" in metrics(source.poll())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=404), "status 404"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "status 302"),
        (Reply(body=b"<html>", headers={"Content-Type": "text/html"}), "text/html"),
        (Reply(body=b"\xff\xfe", headers=TEXT), "not UTF-8"),
        (Reply(body=b'http_requests_total{code="200" x\n', headers=TEXT), "no metric"),
        (Reply(body=b"# " + b"x" * 5000, headers=TEXT), "longer than 1024 bytes"),
        (Reply(hang=True), "no answer within 0.2 s"),
    ],
)
def test_when_no_page_came_the_source_is_unreachable_and_says_why(receiver: Receiver, reply: Reply, said: str) -> None:
    receiver.reply = reply
    with pytest.raises(UnreachableError, match="no metrics page came") as error:
        scrape(service("checkout", receiver.url), timeout="200ms" if reply.hang else "2s", max_bytes=1024).poll()
    assert said in str(error.value)


def test_a_refused_connection_of_one_is_silence_about_it_and_logged_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.reply = page(100)
    source = scrape(service("gone", f"http://127.0.0.1:{free_port()}/m"), service("checkout", receiver.url))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert metrics(source.poll(), "gone") == set()
    changes = [record for record in caplog.records if record.message == "scrape_changed"]
    assert [(one.service, one.statement.partition(": ")[2]) for one in changes] == [("gone", "connection refused")]  # type: ignore[attr-defined]


def test_a_fresh_service_without_any_request_is_answering_and_says_nothing(receiver: Receiver) -> None:
    receiver.reply = Reply(body=b"# TYPE http_requests_total counter\n", headers=TEXT)
    assert scrape(service("checkout", receiver.url)).poll() == ()


def test_a_password_in_the_address_is_sent_and_never_shown(receiver: Receiver) -> None:
    source = scrape(service("checkout", receiver.url.replace("http://", "http://ann:open-sesame@")))
    with receiver.replying(Reply(status=403)), pytest.raises(UnreachableError) as error:
        source.poll()
    assert receiver.requests[0].headers["authorization"] == "Basic YW5uOm9wZW4tc2VzYW1l"
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/metrics",
        "http://[fe80::1]/metrics",
        "http://metadata.google.internal/metrics",
        "http://0xa9fea9fe/metrics",
        "http://[::ffff:169.254.169.254]/metrics",
        "ftp://127.0.0.1/metrics",
        "/metrics",
    ],
)
def test_an_address_that_must_not_be_asked_is_refused_at_start(url: str) -> None:
    with pytest.raises(MisconfiguredError, match='service "checkout": its address "metrics"'):
        scrape(service("checkout", url))


def test_a_name_that_points_to_a_metadata_address_later_is_not_connected_to() -> None:
    fetcher = Fetcher(
        timeout_s=1, max_bytes=1024, clock=SystemClock(), look_up=lambda host, port: ("10.0.0.1", "169.254.169.254")
    )
    with pytest.raises(UnreachableError, match=r"shop\.example resolves to 169\.254\.169\.254, a link-local"):
        fetcher.fetch("GET", target_of("http://shop.example/metrics", where="here"), headers={})


def test_a_page_that_trickles_in_is_given_up_although_every_byte_comes_in_time() -> None:
    def trickle(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"#")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        fetcher = Fetcher(timeout_s=2, max_bytes=10_000, clock=SystemClock())
        with pytest.raises(UnreachableError, match=r"not complete within 2 s"):
            fetcher.fetch("GET", target_of(url, where="here"), headers={})
        thread.join(timeout=30)
    assert not thread.is_alive()


def test_without_a_metrics_address_there_is_no_such_source(context: Contexts) -> None:
    plain = Service(name="checkout", group="shop", address={"http": "http://127.0.0.1/"})
    build = prometheus.plugin.build
    assert build(prometheus.PrometheusSettings(), context(plain)).sources == ()
    (source,) = build(prometheus.PrometheusSettings(), context(service("checkout", "http://127.0.0.1/m"))).sources
    assert source.name == "scrape"


@pytest.mark.parametrize(
    ("gauges", "complaint"),
    [
        ({"a": "x.y", "b": "x.y"}, "two gauges would be called x.y"),
        ({"a": "http.server.duration"}, "computed from counters"),
        ({"a": "Not A Name"}, "pattern"),
        ({"1a": "x"}, "pattern"),
    ],
)
def test_gauges_need_names_of_their_own(gauges: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ScrapeSettings.model_validate({"gauges": gauges})
