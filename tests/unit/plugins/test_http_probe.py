"""Probes against real servers: good, broken, hanging, redirecting, gone."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from recoverops.clock import SystemClock
from recoverops.model import Sample, Service
from recoverops.plugins.http.probe import HttpProbe
from recoverops.plugins.http.settings import ProbeSettings
from recoverops.testing import Receiver, Reply, free_port, running_receiver


def service(name: str, url: str) -> Service:
    return Service(name=name, group="shop", address={"http": url})


def probe(*services: Service, timeout: str = "2s", **settings: object) -> HttpProbe:
    inventory = {one.name: one for one in services}
    checked = ProbeSettings.model_validate({"timeout": timeout, **settings})
    return HttpProbe(inventory, settings=checked, clock=SystemClock())


def by_metric(samples: tuple[Sample, ...]) -> dict[str, Sample]:
    return {sample.series: sample for sample in samples}


@pytest.mark.parametrize(
    ("status", "success"),
    [(200, 1.0), (204, 1.0), (301, 1.0), (399, 1.0), (400, 0.0), (404, 0.0), (429, 0.0), (500, 0.0), (503, 0.0)],
)
def test_a_status_below_400_is_success_and_every_answer_has_a_duration(
    status: int, success: float, receiver: Receiver
) -> None:
    receiver.reply = Reply(status=status)
    samples = by_metric(probe(service("checkout", f"{receiver.url}/health")).poll())
    assert samples["service:checkout/http.probe.success"].value == success
    assert f"status {status}" in samples["service:checkout/http.probe.success"].detail
    assert 0 <= samples["service:checkout/http.probe.duration"].value < 2


def test_the_expected_status_can_be_set(receiver: Receiver) -> None:
    receiver.reply = Reply(status=401)
    narrow = probe(service("checkout", receiver.url), expected_status=["200-299"])
    wide = probe(service("checkout", receiver.url), expected_status=["200-299", "401"])
    assert narrow.poll()[0].value == 0.0
    assert wide.poll()[0].value == 1.0


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    with running_receiver() as elsewhere:
        receiver.reply = Reply(status=302, headers={"Location": f"{elsewhere.url}/stolen"})
        (success, _) = probe(service("checkout", receiver.url)).poll()
        assert success.value == 1.0
        assert elsewhere.requests == ()
    assert len(receiver.requests) == 1


def test_a_refused_connection_is_zero_with_the_reason_and_without_a_duration() -> None:
    (sample,) = probe(service("checkout", f"http://127.0.0.1:{free_port()}/")).poll()
    assert (sample.metric, sample.value, sample.detail) == ("http.probe.success", 0.0, "connection refused")


def test_something_that_is_not_http_is_zero() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        one = probe(service("checkout", f"http://127.0.0.1:{port}/"), timeout="300ms")
        (sample,) = one.poll()
    assert (sample.value, sample.detail) == (0.0, "no answer within 0.3 s")


def test_a_hanging_service_is_zero_and_delays_no_other(receiver: Receiver) -> None:
    with ExitStack() as stack:
        hanging = [stack.enter_context(running_receiver()) for _ in range(5)]
        for one in hanging:
            one.reply = Reply(hang=True)
        slow = [service(f"slow-{number}", one.url) for number, one in enumerate(hanging)]
        source = probe(*slow, service("checkout", receiver.url), timeout="3s")
        started = time.monotonic()
        samples = by_metric(source.poll())
        took = time.monotonic() - started
    assert took < 12, "five hanging services took five timeouts"
    assert samples["service:checkout/http.probe.success"].value == 1.0
    for number in range(5):
        assert samples[f"service:slow-{number}/http.probe.success"].value == 0.0
        assert samples[f"service:slow-{number}/http.probe.success"].detail == "no answer within 3 s"
        assert f"service:slow-{number}/http.probe.duration" not in samples


def test_a_body_that_never_ends_is_not_waited_for(receiver: Receiver) -> None:
    receiver.reply = Reply(headers={"X-Much": "y"}, body=b"x" * 1_000_000)
    (success, duration) = probe(service("checkout", receiver.url)).poll()
    assert success.value == 1.0
    assert duration.value < 2


def test_a_service_that_comes_back_is_seen_in_the_next_poll() -> None:
    with running_receiver() as first:
        port = first.port
        source = probe(service("checkout", f"http://127.0.0.1:{port}/"))
        assert source.poll()[0].value == 1.0
    assert source.poll()[0].value == 0.0
    with running_receiver(port=port):
        assert source.poll()[0].value == 1.0


def test_a_service_without_an_http_address_is_left_out(receiver: Receiver) -> None:
    other = Service(name="db", group="shop", address={"supervisor": "db"})
    samples = probe(other, service("checkout", receiver.url)).poll()
    assert {sample.resource.name for sample in samples} == {"checkout"}
    assert probe(other).poll() == ()


def test_credentials_of_the_address_are_sent_and_never_told(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "http://ann:open-sesame@")
    samples = probe(service("checkout", f"{url}/health?token=abc")).poll()
    assert receiver.requests[0].headers["authorization"] == "Basic YW5uOm9wZW4tc2VzYW1l"
    assert receiver.requests[0].path == "/health?token=abc"
    for sample in samples:
        assert "sesame" not in sample.detail
        assert "token" not in sample.detail


def test_a_proxy_from_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert probe(service("checkout", receiver.url)).poll()[0].value == 1.0
