"""Whether supervisord knows the process of every service; asked by `recoverops check` alone."""

from __future__ import annotations

import xmlrpc.client
from datetime import timedelta
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.model import Service
from recoverops.plugins.linux.known_processes import KnownProcesses
from recoverops.plugins.linux.rpc import SupervisorClient
from recoverops.plugins.linux.supervised import Supervised
from recoverops.ports import Doubt
from recoverops.testing import Receiver, Reply

PROCESS = {
    "state": 20,
    "statename": "RUNNING",
    "pid": 7,
    "start": 1,
    "stop": 0,
    "now": 2,
    "exitstatus": 0,
    "spawnerr": "",
}


def look(url: str, *addresses: str) -> str:
    services = {at: Service(name=f"s-{at}", group="shop", address={"supervisor": at}) for at in addresses}
    supervised = Supervised(SupervisorClient(url, clock=SystemClock()), timeout=timedelta(seconds=2))
    return KnownProcesses(supervised, services).look()


@pytest.fixture
def url(receiver: Receiver) -> str:
    known = [{**PROCESS, "group": group, "name": name} for group, name in (("checkout", "checkout"), ("shop", "mail"))]
    receiver.reply = Reply(body=xmlrpc.client.dumps((known,), methodresponse=True).encode())
    return receiver.url


def test_known_processes_are_no_doubt(url: str) -> None:
    assert look(url, "checkout", "shop:mail") == "it knows those of 2 services"


@pytest.mark.parametrize(
    ("address", "meant"), [("chekout", 'did you mean "checkout"?'), ("zzz", "it knows: checkout, shop:mail")]
)
def test_a_process_that_supervisord_does_not_know_is_doubted_with_the_nearest(
    url: str, address: str, meant: str
) -> None:
    told = look(url, address, "shop:mail")
    assert isinstance(told, Doubt)
    assert told == f'supervisor has no process "{address}", the address of service "s-{address}"; {meant}'


def test_a_supervisord_that_does_not_answer_says_nothing_about_processes(tmp_path: Path) -> None:
    told = look(f"unix://{tmp_path / 'gone.sock'}", "checkout")
    assert isinstance(told, Doubt)
    assert "did not answer" in told
