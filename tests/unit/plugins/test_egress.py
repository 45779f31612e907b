"""Where probes, webhooks and every other outgoing request may not go, and how they are bounded."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.unit.plugins.conftest import Contexts

from recoverops.clock import SystemClock
from recoverops.egress import Fetcher, NoAnswerError, target_of
from recoverops.egress.target import look_up
from recoverops.model import MisconfiguredError, Service
from recoverops.plugins.http import plugin
from recoverops.plugins.http.settings import HttpSettings
from recoverops.testing import Receiver, Reply, free_port, running_receiver

FORBIDDEN = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.0.1",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://169.254.43518/",
    "http://[fe80::1]/",
    "http://[febf::1]:8080/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://100.100.100.200/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "http://instance-data/",
]


def fetcher(*, timeout_s: float, look_up: Callable[[str, int], tuple[str, ...]] = look_up) -> Fetcher:
    return Fetcher(timeout_s=timeout_s, max_bytes=1000, clock=SystemClock(), look_up=look_up)


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_probe_of_a_link_local_or_metadata_address_is_refused_at_start(url: str, context: Contexts) -> None:
    service = Service(name="checkout", group="shop", address={"http": url})
    with pytest.raises(MisconfiguredError, match=r'service "checkout".*RecoverOps never connects there') as refusal:
        plugin.build(HttpSettings(), context(service))
    assert refusal.value.problems[0].count('"') >= 4, "the value is named"


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_webhook_to_a_link_local_or_metadata_address_is_refused_at_start(url: str, context: Contexts) -> None:
    settings = HttpSettings.model_validate({"webhook": {"url": url, "secret": "env:WEBHOOK_SECRET"}})
    with pytest.raises(MisconfiguredError, match="RecoverOps never connects there"):
        plugin.build(settings, context())


def test_every_bad_address_is_named_at_once(context: Contexts) -> None:
    bad = [
        Service(name=name, group="g", address={"http": url})
        for name, url in (
            ("a", "ftp://host/"),
            ("b", "http://169.254.1.1/"),
            ("c", "http://[::1"),
            ("d", "checkout:80"),
            ("f", "http://0251.0376.0251.0376/"),
        )
    ]
    good = Service(name="e", group="g", address={"http": "http://127.0.0.1/"})
    with pytest.raises(MisconfiguredError) as refusal:
        plugin.build(HttpSettings(), context(*bad, good))
    assert len(refusal.value.problems) == 5


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "http://[::1]:9000/x", "https://example.org/health?a=b", "http://10.0.0.1"]
)
def test_ordinary_addresses_are_taken(url: str) -> None:
    assert str(target_of(url, where="x").url).startswith(url)


def test_user_name_and_password_leave_the_url_and_are_not_shown() -> None:
    target = target_of("http://ann:open-sesame@127.0.0.1:8080/health", where="x")
    assert target.authorization == "Basic YW5uOm9wZW4tc2VzYW1l"
    assert target.shown == "127.0.0.1:8080"
    for text in (str(target.url), repr(target)):
        assert "sesame" not in text


def test_a_name_that_resolves_to_a_metadata_address_is_refused_when_it_is_used() -> None:
    target = target_of("http://innocent.example/", where="x")
    outgoing = fetcher(timeout_s=1, look_up=lambda _host, _port: ("127.0.0.1", "169.254.169.254"))
    with pytest.raises(NoAnswerError, match=r"innocent\.example resolves to 169\.254\.169\.254"):
        outgoing.fetch("GET", target, headers={})


def test_a_name_is_tried_at_all_its_addresses(receiver: Receiver) -> None:
    target = target_of(f"http://shop.example:{receiver.port}/health", where="x")
    outgoing = fetcher(timeout_s=2, look_up=lambda _host, _port: ("127.0.0.2", "127.0.0.1"))
    assert outgoing.fetch("GET", target, headers={}).status == 200
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


@contextlib.contextmanager
def silent(port: int) -> Iterator[str]:
    """An address where nobody answers: its queue of connections is full, so the kernel drops what comes."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.2", port))
        listener.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", port))
        yield "127.0.0.2"


@pytest.mark.parametrize("dead", [1, 3])
def test_an_address_that_does_not_answer_leaves_time_for_the_next(dead: int, receiver: Receiver) -> None:
    target = target_of(f"http://shop.example:{receiver.port}/health", where="x")
    with silent(receiver.port) as address:
        outgoing = fetcher(timeout_s=2, look_up=lambda _host, _port: (*[address] * dead, "127.0.0.1"))
        started = time.monotonic()
        assert outgoing.fetch("POST", target, headers={}, content=b"{}").status == 200
        took = time.monotonic() - started
    assert took >= 2 * dead / (dead + 1) - 0.1, "it was a silent one"
    assert [one.body for one in receiver.requests] == [b"{}"]


def test_addresses_that_do_not_answer_take_no_longer_than_the_timeout_together(receiver: Receiver) -> None:
    target = target_of(f"http://shop.example:{receiver.port}/health", where="x")
    with silent(receiver.port) as address:
        outgoing = fetcher(timeout_s=1, look_up=lambda _host, _port: (address,) * 4)
        outgoing.prepare()
        started = time.monotonic()
        with pytest.raises(NoAnswerError, match=r"no answer within 1 s") as late:
            outgoing.fetch("GET", target, headers={})
        took = time.monotonic() - started
    assert late.value.is_late
    assert took < 2, "each had the whole timeout"


def test_a_slow_answer_of_the_first_address_has_the_whole_timeout() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                time.sleep(1.5)  # more than its share to connect
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        target = target_of(f"http://shop.example:{listener.getsockname()[1]}/", where="x")
        outgoing = fetcher(timeout_s=2.5, look_up=lambda _host, _port: ("127.0.0.1", "127.0.0.2"))
        assert outgoing.fetch("GET", target, headers={}).status == 204
        thread.join(timeout=60)


def test_a_resolver_that_does_not_answer_is_our_own_trouble() -> None:
    def no_resolver(_host: str, _port: int) -> tuple[str, ...]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    outgoing = fetcher(timeout_s=1, look_up=no_resolver)
    with pytest.raises(NoAnswerError, match="temporary failure in name resolution") as failure:
        outgoing.fetch("GET", target_of("http://shop.example/", where="x"), headers={})
    assert failure.value.is_own_trouble


def test_an_answer_that_is_too_long_is_none_unless_only_its_beginning_is_wanted(receiver: Receiver) -> None:
    receiver.reply = Reply(body=b"x" * 5000)
    target = target_of(receiver.url, where="x")
    with pytest.raises(NoAnswerError, match="longer than 1000 bytes"):
        fetcher(timeout_s=2).fetch("GET", target, headers={})
    cutting = Fetcher(timeout_s=2, max_bytes=10, cuts=True, clock=SystemClock())
    assert cutting.fetch("GET", target, headers={}).body == b"x" * 10


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.reply = Reply(status=302, headers={"Location": receiver.url})
    answer = fetcher(timeout_s=2).fetch("GET", target_of(receiver.url, where="x"), headers={})
    assert answer.status == 302
    assert len(receiver.requests) == 1


def test_a_failure_names_host_and_port_and_nothing_of_the_path() -> None:
    with running_receiver() as gone:
        url = f"{gone.url}/token-sesame"
    with pytest.raises(NoAnswerError, match=r"127\.0\.0\.1:\d+: connection refused") as failure:
        fetcher(timeout_s=1).fetch("GET", target_of(url, where="x"), headers={})
    assert "sesame" not in str(failure.value)
    assert failure.value.reason == "connection refused"


def test_headers_that_trickle_in_are_given_up_although_every_line_comes_in_time() -> None:
    def trickle(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(500):
                connection.sendall(f"X-{number}: x\r\n".encode())
                time.sleep(0.02)
            connection.sendall(b"Content-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", free_port())) as listener:
        thread = threading.Thread(target=trickle, args=(listener,), daemon=True)
        thread.start()
        target = target_of(f"http://127.0.0.1:{listener.getsockname()[1]}/", where="here")
        with pytest.raises(NoAnswerError, match=r"no answer within 1 s") as late:
            fetcher(timeout_s=1).fetch("GET", target, headers={})
        thread.join(timeout=60)
    assert late.value.is_late
    assert not thread.is_alive()
