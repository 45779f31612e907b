"""The HTTP door under senders that begin and do not finish: real sockets against the server that `up` runs."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from recoverops.app.deadlines import Deadlines
from recoverops.app.door import Door
from recoverops.app.http_server import Server
from recoverops.app.listening import REFUSED_IN_ONE_GO, Connections, bound
from recoverops.app.open_files import MOST_CONNECTIONS, most_connections, with_more_files
from recoverops.testing.ports import HOST, free_port

PATIENT_S = 30.0
"""How long a test waits for what has to come; it never comes that late on a machine that has nothing else to do."""
HALF_HEADER = b"GET /health HTTP/1.1\r\nHost: x\r\nX-a: "
HALF_BODY = b"POST /intake HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun"
WHOLE = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE_AND_LAST = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LARGE_BYTES = 12_000_000
"""More than the kernel takes off the server's hands."""
SHORT_S = 2.0
"""A deadline that an honest client of these tests keeps although other programs take its processor for a while."""
SLOW_ANSWER_S = 3.0

Eventually = Callable[[Callable[[], bool]], None]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body that came; /slow takes longer about it than any deadline of these tests."""
    body = await Request(scope, receive).body()
    if scope["path"] == "/slow":
        await asyncio.sleep(SLOW_ANSWER_S)
    if scope["path"] == "/large":
        body = b"!" * LARGE_BYTES
    await PlainTextResponse(b"fine" + body)(scope, receive, send)


@contextlib.contextmanager
def running(
    *, header_s: float = 60.0, body_s: float = 60.0, answer_s: float = 60.0, most: int | None = None
) -> Iterator[int]:
    port = free_port()
    is_ready = threading.Event()
    door = Door(HOST, port, now=time.monotonic, most=most)
    door.bind()
    server = Server(
        application,
        door=door,
        on_ready=lambda _: is_ready.set(),
        deadlines=Deadlines(header_s=header_s, body_s=body_s, answer_s=answer_s),
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.run_here()), daemon=True)
    thread.start()
    assert is_ready.wait(PATIENT_S)
    try:
        yield port
    finally:
        server.ask_to_exit()
        thread.join(PATIENT_S)
        assert not thread.is_alive()


@contextlib.contextmanager
def sent(port: int, first: bytes) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=PATIENT_S) as connection:
        connection.sendall(first)
        yield connection


def is_ended(connection: socket.socket) -> bool:
    """It waits for the other side's word, and there is none."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def answer(port: int, path: str = "/health", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENT_S)
    with contextlib.closing(connection):
        connection.request("POST" if body else "GET", path, body=body)
        got = connection.getresponse()
        return got.status, got.read()


@pytest.mark.parametrize("begun", [HALF_HEADER, b""])
def test_a_header_that_does_not_end_is_cut_and_others_are_answered_meanwhile(begun: bytes) -> None:
    with running(header_s=SHORT_S) as port, sent(port, begun) as half:
        assert answer(port) == (200, b"fine")
        assert is_ended(half)


def test_a_header_that_comes_byte_by_byte_is_cut_as_well(eventually: Eventually) -> None:
    with running(header_s=SHORT_S) as port, sent(port, HALF_HEADER) as half:
        half.settimeout(0.05)

        def is_cut() -> bool:
            try:
                half.sendall(b"a")
                return half.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_cut)


def test_a_body_that_does_not_end_is_cut_by_its_own_deadline() -> None:
    with running(body_s=0.5) as port, sent(port, HALF_BODY) as half:
        assert is_ended(half)


def test_a_request_that_is_whole_is_answered_however_long_that_takes() -> None:
    large = b"!" * 200_000
    with running(header_s=SHORT_S, body_s=SHORT_S) as port, ThreadPoolExecutor() as clients:
        without, with_body = clients.submit(answer, port, "/slow"), clients.submit(answer, port, "/slow", large)
        assert without.result() == (200, b"fine")
        assert with_body.result() == (200, b"fine" + large)


def test_the_second_request_of_a_connection_has_the_deadline_too() -> None:
    with running(header_s=SHORT_S) as port, sent(port, WHOLE) as kept:
        assert b"fine" in _read_until(kept, b"fine")
        kept.sendall(HALF_HEADER)
        assert is_ended(kept)


def _read_until(connection: socket.socket, mark: bytes) -> bytes:
    read = b""
    while mark not in read:
        read += _some(connection)
    return read


def _some(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    assert got, "the connection was ended"
    return got


def test_beyond_the_cap_connections_are_closed_at_once_and_those_within_it_are_served() -> None:
    with running(most=4) as port, contextlib.ExitStack() as open_ones:
        served, *_ = [open_ones.enter_context(sent(port, HALF_HEADER)) for _ in range(4)]
        for _ in range(40):
            with contextlib.suppress(OSError):
                assert is_ended(open_ones.enter_context(sent(port, b"")))
        served.sendall(b"\r\n\r\n")
        assert b"fine" in _read_until(served, b"fine")


def test_a_connection_that_ends_makes_room_for_another_one(eventually: Eventually) -> None:
    with running(most=1) as port:
        for _ in range(5):
            eventually(lambda: _answers(port))


def _answers(port: int) -> bool:
    try:
        return answer(port)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_without_a_file_left_the_door_waits_and_serves_again(
    few_files: Callable[[], None], eventually: Eventually
) -> None:
    with running(most=1000) as port:
        few_files()
        held = [one for one in (_opened() for _ in range(200)) if one]
        assert len(held) < 200
        held.pop().close()
        with socket.create_connection((HOST, port), timeout=PATIENT_S):
            for one in held:
                one.close()
            eventually(lambda: _answers(port))


def _opened() -> socket.socket | None:
    try:
        return socket.socket()
    except OSError:
        return None


@pytest.fixture
def few_files() -> Iterator[Callable[[], None]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def lowered() -> None:
        """So that a few are left now: what other tests of this process have open counts, too."""
        with socket.socket() as lowest:
            few = lowest.fileno() + 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))

    yield lowered
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("asked", [LARGE, LARGE * 2, LARGE_AND_LAST], ids=["one", "two at once", "last"])
def test_clients_that_do_not_read_make_room_for_others(asked: bytes, eventually: Eventually) -> None:
    with running(answer_s=SHORT_S, most=3) as port, contextlib.ExitStack() as open_ones:
        for _ in range(3):
            open_ones.enter_context(small(port, asked))
        eventually(lambda: _answers(port))


@contextlib.contextmanager
def small(port: int, asked: bytes, *, receives: int = 4096) -> Iterator[socket.socket]:
    """Its side holds little that was not read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        connection.settimeout(PATIENT_S)
        connection.connect((HOST, port))
        connection.sendall(asked)
        yield connection


def test_a_slow_reader_gets_its_answer_however_long_that_takes() -> None:
    with running(answer_s=SHORT_S) as port, small(port, LARGE, receives=65536) as slow:
        read = 0
        until = time.monotonic() + 3 * SHORT_S
        while time.monotonic() < until:
            read += len(slow.recv(20_000))
            time.sleep(0.1)
        while read < LARGE_BYTES:
            read += len(_some(slow))


def test_clients_that_do_not_read_do_not_hold_up_the_end() -> None:
    with contextlib.ExitStack() as open_ones, running() as port:
        for asked in (LARGE, LARGE * 2, LARGE_AND_LAST):
            open_ones.enter_context(small(port, asked))
        assert answer(port) == (200, b"fine")


def test_those_beyond_the_cap_are_closed_in_several_goes() -> None:
    with contextlib.ExitStack() as open_ones:
        (door,) = bound(HOST, 0, Connections(most=0, now=time.monotonic))
        open_ones.enter_context(door)
        door.listen()
        door.setblocking(False)
        port = door.getsockname()[1]
        clients = [open_ones.enter_context(sent(port, b"")) for _ in range(REFUSED_IN_ONE_GO + 1)]
        with pytest.raises(BlockingIOError):
            door.accept()
        assert all(is_ended(one) for one in clients[:-1])
        clients[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            clients[-1].recv(1)
        clients[-1].settimeout(PATIENT_S)
        with pytest.raises(BlockingIOError):
            door.accept()
        assert is_ended(clients[-1])


LACKING_FAMILY = 44
"""Linux has none with this number."""


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Every name has one address in each of these families."""

    def resolve(*families: int) -> None:
        found = [(family, socket.SOCK_STREAM, 0, "", (HOST, 0)) for family in families]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return resolve


def test_an_address_of_a_family_that_the_machine_lacks_is_left_out(resolved: Callable[..., None]) -> None:
    resolved(LACKING_FAMILY, socket.AF_INET)
    (door,) = bound("localhost", 0, Connections(most=1, now=time.monotonic))
    with door:
        assert door.family == socket.AF_INET


def test_without_an_address_that_is_left_the_door_says_why(resolved: Callable[..., None]) -> None:
    resolved(LACKING_FAMILY)
    with pytest.raises(OSError, match="not supported"):
        bound("localhost", 0, Connections(most=1, now=time.monotonic))


def test_what_is_refused_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    minute = iter([*[0.0] * 100, 61.0])
    connections = Connections(most=1, now=lambda: next(minute))
    for _ in range(101):
        connections.refused("as many as may be")
    assert [one.__dict__["refused"] for one in caplog.records] == [1, 100]


@pytest.mark.parametrize(("files", "most"), [(200, 100), (1024, 512), (8192, MOST_CONNECTIONS), (1, 1)])
def test_the_door_leaves_half_of_the_files_to_the_others(files: int, most: int) -> None:
    assert most_connections(files) == most


def test_the_limit_of_open_files_is_raised_as_far_as_this_process_may(few_files: Callable[[], None]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few_files()
    assert with_more_files() == min(8192, hard)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(8192, hard), hard)
