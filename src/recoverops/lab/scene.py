"""The shop as a fault meets it: what it may touch, and how things are put back. The engine is never asked or told.

Used by `faults`; `demo` and the tests make one per world and close it, which ends every process that a fault started.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import Any

from recoverops.lab import front, mounts, releases
from recoverops.lab.children import end
from recoverops.lab.layout import Facts, Layout
from recoverops.lab.shop.switches import turn
from recoverops.model import PermanentError, Record
from recoverops.ports import Clock
from recoverops.testing.supervisor import Supervisor


class Target(Record, frozen=True, kw_only=True):
    """A running service."""

    name: str
    pid: int
    """Its process, as its supervisor told it a moment ago."""


class Scene:
    def __init__(self, layout: Layout, facts: Facts, *, clock: Clock) -> None:
        self.layout = layout
        self.facts = facts
        self.supervisor = Supervisor(url=facts.supervisor_url, pid=facts.supervisor_pid, directory=layout.supervisor)
        self._clock = clock
        self._strays: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        self.end_strays()

    # processes

    def target(self, service: str) -> Target:
        """Raises PermanentError when it does not run or nobody can tell."""
        state = self._state(service)
        if (pid := int(state["pid"])) == 0:
            raise PermanentError(f"{service} does not run (it is {state['statename']}), so nothing can be done to it")
        return Target(name=service, pid=pid)

    def is_running(self, service: str) -> bool:
        return bool(self._state(service)["pid"])

    def stop(self, service: str) -> None:
        """Returns when it is gone, also when it was before."""
        with suppress(xmlrpc.client.Fault):
            self.supervisor.stop(service)

    def start(self, service: str) -> bool:
        """Whether it runs now."""
        with suppress(xmlrpc.client.Fault):
            self.supervisor.start(service)
        return self.is_running(service)

    def has_ended(self, service: str, *, within_s: float) -> bool:
        """Whether it runs no more. One that fails while it starts may be called running until it does."""
        ends = self._clock.monotonic() + within_s
        while self.is_running(service):
            if self._clock.monotonic() >= ends:
                return False
            self._clock.sleep(0.05)
        return True

    def restart(self, service: str) -> bool:
        self.stop(service)
        return self.start(service)

    def replace(self, target: Target) -> None:
        """Restart the service, unless somebody has done so since it was this process."""
        if int(self._state(target.name)["pid"]) in {0, target.pid}:
            self.restart(target.name)

    def _state(self, service: str) -> dict[str, Any]:
        try:
            return self.supervisor.info(service)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise PermanentError(
                f"the supervisor at {self.supervisor.url} told nothing of {service}: {error}"
            ) from error

    # behaviour

    def turn(self, service: str, **switches: float) -> None:
        """Set switches of a running service over its admin socket."""
        try:
            turn(self.layout.admin(service), switches)
        except OSError as error:
            raise PermanentError(f"{service} could not be told {switches} on its admin socket: {error}") from error

    # files

    def dumps(self) -> Path:
        """The dumps on the small disk, as seen from here. Raises PermanentError where there is no such disk."""
        if not self.facts.has_small_disk:
            raise PermanentError("there is no small disk to fill: the lab may not mount one here (it needs root)")
        return mounts.seen_by(self.facts.supervisor_pid, self.layout.dumps())

    def deploy(self, service: str, files: releases.Files, *, unreadable: tuple[str, ...] = ()) -> Path:
        """Install a release, switch to it and restart the service."""
        home = self.layout.home(service)
        release = releases.install(home, files)
        for name in unreadable:
            (release / name).chmod(0o000)
        releases.switch(home, release)
        self.restart(service)
        return release

    def withdraw(self, service: str) -> None:
        """Back to release 1, the only one left afterwards and in use since yesterday; restarted if it ran another."""
        home = self.layout.home(service)
        first = home / "releases" / "1"
        if releases.in_use(home) != first.resolve():
            releases.switch(home, first)
            self.restart(service)
        for release in (home / "releases").iterdir():
            if release.name != first.name:
                releases.remove(release)
        releases.age(home, first)

    def share_load(self) -> None:
        """Every backend of the shop's nginx is up again."""
        front.share_load(self.layout)

    # other processes

    def occupy(self, port: int) -> int:
        """The pid of a process that holds the port and has nothing to do with the shop. Ended by `end_strays`."""
        stray = subprocess.Popen(
            [sys.executable, "-m", "recoverops.lab.stray", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},
            cwd=self.layout.scratch,
        )
        self._strays.append(stray)
        assert stray.stdout is not None
        if stray.stdout.readline().strip() != b"listening":
            raise PermanentError(f"port {port} could not be occupied: it was taken already")
        return stray.pid

    def end_strays(self) -> None:
        for stray in self._strays:
            end(stray)
            for pipe in (stray.stdin, stray.stdout):
                if pipe is not None:
                    pipe.close()
        self._strays.clear()
