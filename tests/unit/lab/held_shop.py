"""A whole shop with its customers for the lab's tests, without RecoverOps: nobody but the test heals it."""

from __future__ import annotations

import http.client
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recoverops.clock import SystemClock
from recoverops.lab import front
from recoverops.lab.layout import HOST, Layout
from recoverops.lab.recovery import Recovery, judge_recovery, served_for
from recoverops.lab.scene import Scene
from recoverops.lab.tether import tethered_world
from recoverops.lab.traffic import Request, RequestLog

QUIET = timedelta(seconds=2)


def eventually(what: str, is_so: Callable[[], object], *, within_s: float) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > until:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.05)


@dataclass(frozen=True, kw_only=True)
class Shop:
    scene: Scene
    log: RequestLog

    @property
    def layout(self) -> Layout:
        return self.scene.layout

    def get(self, service: str, path: str, *, timeout_s: float = 5.0) -> tuple[int, str]:
        """Status and body of one page of one service."""
        connection = http.client.HTTPConnection(HOST, self.layout.ports[service], timeout=timeout_s)
        try:
            connection.request("POST" if path == "/buy" else "GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self, service: str) -> dict[str, float]:
        lines = self.get(service, "/metrics")[1].splitlines()
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines if one[0] != "#")}

    def logged(self, service: str) -> str:
        return self.layout.log_of(service).read_text()

    # the customers

    def failed_since(self, at: datetime) -> list[Request]:
        self.log.read_new()
        return [one for one in self.log.requests if not one.ok and one.finished_at >= at]

    def wait_until_customers_fail(self, *, since: datetime, within_s: float) -> None:
        eventually("customers feel it", lambda: len(self.failed_since(since)) >= 5, within_s=within_s)

    def wait_until_served_again(self, *, since: datetime, within_s: float) -> float:
        """Seconds from `since` to the first request after the last failed one."""
        verdicts: list[Recovery] = []

        def is_recovered() -> bool:
            self.log.read_new()
            verdict = judge_recovery(self.log.requests, fault_at=since, quiet=QUIET)
            if isinstance(verdict, Recovery):
                verdicts.append(verdict)
            return isinstance(verdict, Recovery)

        eventually("customers are served again", is_recovered, within_s=within_s)
        return verdicts[-1].recovered_s

    def wait_until_well(self) -> None:
        """Every service runs, and nobody has failed for a second."""
        now = datetime.now(UTC)

        def is_well() -> bool:
            self.log.read_new()
            are_served = served_for(self.log.requests, since=now) >= timedelta(seconds=1)
            return are_served and all(self.scene.is_running(service) for service in self.layout.ports)

        eventually("the shop is well", is_well, within_s=30)

    # what an engine could see of it

    def visible(self) -> dict[str, str]:
        """Everything of the shop that anybody else could look at, by where it stands."""
        seen = {f"log {one.name}": one.read_text() for one in (self.layout.directory / "logs").iterdir()}
        seen["paths"] = "\n".join(str(one) for one in self.layout.directory.rglob("*"))
        for service in self.layout.services:
            with suppress(OSError, http.client.HTTPException):
                seen[f"metrics of {service}"] = self.get(service, "/metrics", timeout_s=1.0)[1]
        for pid in self._processes():
            for page in ("cmdline", "environ", "comm"):
                with suppress(OSError):
                    text = Path(f"/proc/{pid}/{page}").read_bytes().replace(b"\0", b"\n")
                    seen[f"{page} of {pid}"] = text.decode(errors="replace")
        return seen

    def _processes(self) -> Iterator[int]:
        """Every process that names this shop's folder or one of its ports: the lab's own, and strays."""
        words = {str(port).encode() for port in self.layout.ports.values()}
        folder = str(self.layout.directory).encode()
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                command = (entry / "cmdline").read_bytes()
                if folder in command or words & set(command.split(b"\0")):
                    yield int(entry.name)


def named_in(text: str, name: str) -> str | None:
    """The name of a fault as it stands in the text, however its words are joined; None when it does not."""
    words = "[-_ ./]?".join(re.escape(word) for word in name.split("-"))
    found = re.search(rf"(?<![a-z]){words}(?![a-z])", text, re.IGNORECASE)
    return found[0] if found else None


@contextmanager
def held_shop() -> Iterator[Shop]:
    """In a short directory, because a unix socket's path is at most 107 bytes long. Behind nginx where there is one."""
    layout = Layout.choose(Path(tempfile.mkdtemp(prefix="ro-")), has_nginx=front.program() is not None)
    try:
        with tethered_world(layout) as world:
            eventually("the shop is up", world.facts, within_s=60)
            facts = world.facts()
            assert facts is not None
            scene = Scene(layout, facts, clock=SystemClock())
            try:
                shop = Shop(scene=scene, log=RequestLog(layout.requests))
                shop.wait_until_well()
                yield shop
            finally:
                scene.close()
    finally:
        shutil.rmtree(layout.directory, ignore_errors=True)
