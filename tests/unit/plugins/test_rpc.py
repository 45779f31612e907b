"""Calls to supervisord when something else listens, or nothing."""

from __future__ import annotations

import subprocess
import sys
import xmlrpc.client
from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.model import UnreachableError
from recoverops.plugins.linux.faults import Fault
from recoverops.plugins.linux.rpc import CallNotMadeError, FaultError, SupervisorClient
from recoverops.plugins.linux.source import SupervisorSource
from recoverops.testing import Receiver, Reply


def call(url: str) -> object:
    return SupervisorClient(url, clock=SystemClock()).call("getAllProcessInfo", timeout_s=2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"<methodResponse>",
        b"\xff\xfe\x00",
        b"<methodResponse><params></params></methodResponse>",
        b"<methodResponse><params><param><value><int>x</int></value></param></params></methodResponse>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><methodResponse>&a;</methodResponse>',
    ],
)
def test_what_does_not_speak_xml_rpc_is_unreachable(body: bytes, receiver: Receiver) -> None:
    receiver.reply = Reply(body=body)
    with pytest.raises(UnreachableError, match="does not speak XML-RPC"):
        call(receiver.url)


@pytest.mark.parametrize("status", [301, 404, 500])
def test_another_status_is_unreachable(status: int, receiver: Receiver) -> None:
    receiver.reply = Reply(status=status)
    with pytest.raises(UnreachableError, match=f"HTTP status {status}"):
        call(receiver.url)


def test_silence_is_unreachable_within_the_timeout(receiver: Receiver) -> None:
    receiver.reply = Reply(hang=True)
    with pytest.raises(UnreachableError, match=r"did not answer getAllProcessInfo within 2 s") as error:
        call(receiver.url)
    assert not isinstance(error.value, CallNotMadeError), "it was delivered, so it may have taken effect"


def test_a_missing_socket_certainly_had_no_effect(tmp_path: Path) -> None:
    with pytest.raises(CallNotMadeError, match="no such file or directory; is supervisord running"):
        call(f"unix://{tmp_path / 'gone.sock'}")


def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.reply = Reply(body=b" " * (17 * 2**20))
    with pytest.raises(UnreachableError):
        SupervisorClient(receiver.url, clock=SystemClock()).call("getAllProcessInfo", timeout_s=20)


def test_a_daemon_that_shuts_down_says_nothing_of_its_processes(receiver: Receiver) -> None:
    fault = xmlrpc.client.Fault(int(Fault.SHUTDOWN_STATE), "SHUTDOWN_STATE")
    receiver.reply = Reply(body=xmlrpc.client.dumps(fault, methodresponse=True).encode())
    with pytest.raises(FaultError):
        call(receiver.url)
    clock = SystemClock()
    second = timedelta(seconds=1)
    source = SupervisorSource(
        SupervisorClient(receiver.url, clock=clock), {}, clock=clock, every=second, timeout=second
    )
    with pytest.raises(UnreachableError, match="SHUTDOWN_STATE"):
        source.poll()


def test_looking_at_a_plugin_imports_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "import recoverops.plugins.linux, recoverops.plugins.http, recoverops.plugins.slack\n"
        "import recoverops.plugins.console, recoverops.plugins.prometheus\n"
        "print(sorted({'httpx', 'xmlrpc.client', 'ssl', 'anyio'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
