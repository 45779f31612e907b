"""What is said of an address that cannot be taken, and whether it is worth another try."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator

import pytest

from recoverops.app import listening
from recoverops.app.door import Door
from recoverops.model import MisconfiguredError, UnreachableError
from recoverops.testing.ports import HOST, free_port


def door(host: str, port: int) -> Door:
    return Door(host, port, now=time.monotonic)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as other:
        yield int(other.getsockname()[1])


def test_a_port_that_another_process_holds_is_worth_another_try(taken: int) -> None:
    with pytest.raises(UnreachableError, match=f"^api.port: {HOST}:{taken} is in use by another process"):
        door(HOST, taken).bind()


def test_an_address_that_is_not_up_is_worth_another_try_and_not_called_in_use() -> None:
    with pytest.raises(UnreachableError, match=r"^api.host: 192.0.2.1 is no address of this machine now") as told:
        door("192.0.2.1", free_port()).bind()
    assert "in use" not in str(told.value)


def test_a_name_that_nobody_resolves_is_worth_another_try() -> None:
    with pytest.raises(UnreachableError, match=r'^api.host: "nowhere.invalid" has no address'):
        door("nowhere.invalid", free_port()).bind()


@pytest.mark.parametrize(("number", "way_out"), [(errno.EACCES, "1024 or more"), (errno.EINVAL, "correct api.host")])
def test_what_only_a_person_corrects_is_a_mistake(monkeypatch: pytest.MonkeyPatch, number: int, way_out: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(listening, "_bind", refuse)
    with pytest.raises(MisconfiguredError, match=way_out):
        door(HOST, 80).bind()


def test_what_can_be_no_name_is_a_mistake() -> None:
    with pytest.raises(MisconfiguredError, match="can be no name of a host"):
        door("a" * 70 + ".example", 80).bind()


def test_who_binds_first_and_does_not_listen_lets_nobody_in_and_is_told_when_another_was_faster() -> None:
    port = free_port()
    first, second = door(HOST, port), door(HOST, port)
    first.bind()
    second.bind()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
    first.listen()
    with pytest.raises(UnreachableError, match="in use"):
        second.listen()
    first.close()
    second.close()
