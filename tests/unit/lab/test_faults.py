"""Faults are real: each one hurts real customers of a real shop, shows where it has to, and the real remedy heals it.

RecoverOps takes no part. What a fault is called is known to the lab alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.lab.held_shop import Shop, eventually, held_shop, named_in

from recoverops.lab import front
from recoverops.lab.faults import FAULTS, Fault, Needs
from recoverops.lab.faults.crash import send
from recoverops.lab.mounts import seen_by
from recoverops.lab.policy import OUT_OF_UPSTREAM, REMEDIES
from recoverops.lab.scene import Target
from recoverops.model import PermanentError


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with held_shop() as held:
        yield held


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Where a fault shows, and what a person would do about it."""

    shows: Callable[[Shop], object]
    remedy: Callable[[Shop], object]
    felt_within_s: float | None = 10.0
    """None: it shows long before customers feel it."""
    healed_within_s: float = 20.0


def state_of(shop: Shop, service: str) -> str:
    pid = shop.scene.target(service).pid
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def cores_used(shop: Shop, service: str) -> float:
    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    pid = shop.scene.target(service).pid
    before, began = used(), time.monotonic()
    time.sleep(1)
    return (used() - before) / (time.monotonic() - began)


def free_bytes(shop: Shop) -> int:
    stat = os.statvfs(shop.scene.dumps().parent)
    return stat.f_bavail * stat.f_frsize


def mean_seconds(shop: Shop, service: str) -> float:
    """Of the requests that were answered while it looked."""
    before = shop.metrics(service)
    count, total = "http_request_duration_seconds_count", "http_request_duration_seconds_sum"
    eventually("ten more answers", lambda: shop.metrics(service)[count] >= before[count] + 10, within_s=15)
    after = shop.metrics(service)
    return (after[total] - before[total]) / (after[count] - before[count])


def remove_dumps(shop: Shop) -> None:
    for dump in shop.scene.dumps().iterdir():
        dump.unlink()


def switch_back(shop: Shop, service: str) -> None:
    home = shop.layout.home(service)
    (home / "current.new").symlink_to("releases/1")
    (home / "current.new").replace(home / "current")
    shop.scene.restart(service)


def free_port(shop: Shop) -> None:
    shop.scene.end_strays()
    assert shop.scene.start("catalogue")


def restart(service: str) -> Callable[[Shop], object]:
    return lambda shop: shop.scene.restart(service)


def grows(shop: Shop, service: str) -> bool:
    """By more than a MiB a second, for three seconds."""
    before = shop.metrics(service)["process_resident_memory_bytes"]
    time.sleep(3)
    return shop.metrics(service)["process_resident_memory_bytes"] - before > 3 * 2**20


def shift_load_away(shop: Shop, service: str) -> None:
    """As a person does it; nobody loses a request."""
    upstream, backend = shop.layout.upstream, shop.layout.backend(service)
    upstream.write_text(upstream.read_text().replace(f"server {backend};", f"server {backend} down;"))
    subprocess.run(front.command(shop.layout, "-s", "reload"), check=True, timeout=15)
    eventually("it grows no more", lambda: not grows(shop, service), within_s=20)


PROOFS: dict[str, Proof] = {
    "crash": Proof(
        shows=lambda shop: shop.scene.supervisor.info("payments")["statename"] == "EXITED",
        remedy=lambda shop: shop.scene.start("payments"),
    ),
    "hang": Proof(shows=lambda shop: state_of(shop, "orders") == "T", remedy=restart("orders")),
    "cpu-burn": Proof(
        shows=lambda shop: cores_used(shop, "catalogue") > 0.2, remedy=restart("catalogue"), felt_within_s=30
    ),
    "memory-leak": Proof(
        shows=lambda shop: shop.metrics("catalogue")["process_resident_memory_bytes"] > 250e6,
        remedy=restart("catalogue"),
        felt_within_s=60,
    ),
    "sick-backend": Proof(
        shows=lambda shop: grows(shop, "gateway-2") and not grows(shop, "gateway"),
        remedy=lambda shop: shift_load_away(shop, "gateway-2"),
        felt_within_s=None,
    ),
    "disk-fill": Proof(shows=lambda shop: free_bytes(shop) < 64 * 1024, remedy=remove_dumps),
    "bad-deployment": Proof(
        shows=lambda shop: (
            shop.metrics("orders")['http_requests_total{code="500"}'] > 0
            and "KeyError: 'tax_percent'" in shop.logged("orders")
            and shop.layout.release("orders").resolve().name == "2"
        ),
        remedy=lambda shop: switch_back(shop, "orders"),
    ),
    "pool-exhausted": Proof(
        shows=lambda shop: (
            shop.metrics("orders")["db_pool_in_use"] == shop.metrics("orders")["db_pool_size"] == 5
            and "QueuePool limit of size 5 overflow 0 reached" in shop.logged("orders")
        ),
        remedy=restart("orders"),
    ),
    "slow-dependency": Proof(
        shows=lambda shop: (
            mean_seconds(shop, "payments") > 1.5
            and "payments did not answer POST /charge within 0.8 s" in shop.logged("orders")
        ),
        remedy=restart("payments"),
    ),
    "port-taken": Proof(
        shows=lambda shop: (
            shop.scene.supervisor.info("catalogue")["statename"] in {"FATAL", "EXITED"}
            and "Address already in use" in shop.logged("catalogue")
        ),
        remedy=free_port,
    ),
    "broken-permission": Proof(
        shows=lambda shop: "PermissionError: [Errno 13] Permission denied" in shop.logged("catalogue"),
        remedy=lambda shop: switch_back(shop, "catalogue"),
    ),
}


def test_every_fault_is_listed_under_its_own_name_and_has_its_proof_and_its_remedy() -> None:
    assert [fault.name for fault in FAULTS.values()] == list(FAULTS)
    assert set(PROOFS) == set(FAULTS)
    runbooks = {cause: one.runbook for one in REMEDIES for cause in one.causes}
    assert {fault.cause_expected for fault in FAULTS.values()} == set(runbooks)
    for fault in FAULTS.values():
        expected = OUT_OF_UPSTREAM.runbook if fault.needs is Needs.NGINX else runbooks[fault.cause_expected]
        assert expected in fault.allowed


def lacks(shop: Shop, fault: Fault) -> bool:
    """Whether this machine cannot have it."""
    has_mount, has_nginx = shop.scene.facts.has_small_disk, shop.layout.has_nginx
    return (fault.needs is Needs.MOUNT and not has_mount) or (fault.needs is Needs.NGINX and not has_nginx)


def shows(shop: Shop, proof: Proof) -> bool:
    """A service that has just been started may not listen yet, or may not have counted yet what will be wrong."""
    try:
        return bool(proof.shows(shop))
    except (OSError, KeyError):
        return False


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_hurts_customers_and_the_remedy_done_by_hand_heals_it(
    shop: Shop, name: str, record_property: Callable[[str, object], None]
) -> None:
    # given a healthy shop
    fault, proof = FAULTS[name], PROOFS[name]
    shop.wait_until_well()
    if lacks(shop, fault):
        with pytest.raises(PermanentError, match=r"needs root|told nothing of gateway-2"):
            fault.inject(shop.scene, shop.scene.target(fault.service))
        return
    target = shop.scene.target(fault.service)

    # when the fault is injected
    began = datetime.now(UTC)
    fault.inject(shop.scene, target)

    # then customers feel it, it shows where it has to, and its name stands nowhere
    try:
        if proof.felt_within_s is not None:
            shop.wait_until_customers_fail(since=began, within_s=proof.felt_within_s)
        eventually("it shows", lambda: shows(shop, proof), within_s=15)
        seen = shop.visible()
        assert {
            f"{other} in {where}" for other in FAULTS for where, text in seen.items() if named_in(text, other)
        } == set()

        # and it does not go away by itself: the last customers before the remedy still fail
        remedied = datetime.now(UTC)
        proof.remedy(shop)
        if proof.felt_within_s is None:
            assert shop.failed_since(began) == []
            return
        healed_s = shop.wait_until_served_again(since=began, within_s=proof.healed_within_s + 4)
        healed_s -= (remedied - began).total_seconds()
        record_property("healed_by_hand_s", round(healed_s, 2))
        assert -0.5 < healed_s < proof.healed_within_s
    finally:
        fault.restore(shop.scene, target)
    shop.wait_until_well()
    assert not shop.layout.has_nginx or " down" not in shop.layout.upstream.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_the_lab_puts_everything_back_when_nobody_has_healed_it(shop: Shop, name: str) -> None:
    fault = FAULTS[name]
    if lacks(shop, fault):
        return
    shop.wait_until_well()
    target = shop.scene.target(fault.service)
    fault.inject(shop.scene, target)

    fault.restore(shop.scene, target)

    shop.wait_until_well()
    release = shop.layout.release(fault.service)
    assert os.readlink(release) == "releases/1"
    assert time.time() - release.lstat().st_mtime > 3600
    assert [one.name for one in release.parent.joinpath("releases").iterdir()] == ["1"]


def test_putting_back_leaves_alone_what_is_well(shop: Shop) -> None:
    shop.wait_until_well()
    fault = FAULTS["hang"]
    before = shop.scene.target(fault.service)
    fault.inject(shop.scene, before)
    shop.scene.restart(fault.service)
    healed = shop.scene.target(fault.service)

    fault.restore(shop.scene, before)

    assert shop.scene.target(fault.service) == healed != before


def test_the_small_disk_is_seen_by_the_shop_alone_and_is_small(shop: Shop) -> None:
    folder = shop.layout.data_of("database")
    if not shop.scene.facts.has_small_disk:
        assert (folder / "orders.sqlite").exists()
        return
    assert list(folder.iterdir()) == []
    inside = os.statvfs(seen_by(shop.scene.facts.supervisor_pid, folder))
    assert inside.f_blocks * inside.f_frsize == 8 * 1024 * 1024
    assert str(folder) not in Path("/proc/self/mounts").read_text()


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_a_signal_is_never_sent_to_a_process_group_or_init(pid: int) -> None:
    with pytest.raises(PermanentError, match=f"process id {pid}"):
        send(Target(name="orders", pid=pid), signal.SIGKILL)


def test_a_process_that_is_gone_gets_no_signal() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(15)

    with pytest.raises(PermanentError, match=f"orders \\(process {process.pid}\\) was gone"):
        send(Target(name="orders", pid=process.pid), signal.SIGKILL)


@pytest.mark.parametrize("text", ["a Crash", "HANG=1", "/tmp/cpu_burn/x", "memory leak", "portTaken", "DISK-FILL"])
def test_the_search_for_names_finds_them_however_they_are_written(text: str) -> None:
    assert any(named_in(text, name) for name in FAULTS)


@pytest.mark.parametrize("text", ["unchanged", "restart-crashed-service", "disk full", "exchange"])
def test_the_search_for_names_is_not_fooled_by_other_words(text: str) -> None:
    assert not any(named_in(text, name) for name in FAULTS)
