"""A real engine as a child process beside a real supervisord, for the acceptance tests.

The services append one line to their own ledger at each start, so "how often did it act?" is answered by the target.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML

from recoverops.testing import free_port
from recoverops.testing.supervisor import Program, Supervisor, running_supervisor

T = TypeVar("T")

LEDGER_PROGRAM = textwrap.dedent(
    """
    import os, sys, time
    descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{os.getpid()} {time.time()}\\n".encode())
    os.fsync(descriptor)
    while True:
        time.sleep(3600)
    """
)


READY_WITHIN_S = 60.0
"""An engine starts in some seconds; on a machine that is busy with other tests it may take many more."""


def eventually(what: str, look: Callable[[], T | None], *, within_s: float = 20.0) -> T:
    """The first answer that is true; fails naming what never came.

    Looked for every 50 ms at first and ever more rarely up to every 300 ms: a look costs the engine time as well.
    """
    ends, pause_s = time.monotonic() + within_s, 0.05
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 0.3)
    raise AssertionError(f"{what} did not happen within {within_s:g} s")


class Site:
    """A directory with services under a supervisord, a configuration, and at most one engine at a time."""

    def __init__(self, directory: Path, supervisor: Supervisor, names: Sequence[str]) -> None:
        self.directory = directory
        self.supervisor = supervisor
        self.names = names
        self.port = free_port()
        self.config = directory / "recoverops.yaml"
        self.data_dir = directory / "data"
        self.log = directory / "engine.log"
        self.environment: dict[str, str] = {}
        self._engine: subprocess.Popen[bytes] | None = None
        self.configure()

    def configure(self, *, rule: Mapping[str, Any] | None = None, **sections: Any) -> None:
        """Writes the configuration; `rule` changes the one rule, `sections` replace whole sections.

        Without arguments everything that concerns decisions is the untouched default. Nothing is judged by its own past
        here, because no test lasts for the quarter of an hour that has to be watched first, and loading the kernels
        is a third of a start; `detection` replaces that.
        """
        content: dict[str, Any] = {
            "data_dir": str(self.data_dir),
            "api": {"port": self.port},
            "services": [{"name": name, "address": {"supervisor": name}} for name in self.names],
            "plugins": [
                {"name": "linux", "settings": {"supervisor": {"url": self.supervisor.url, "every": "200ms"}}},
                {"name": "console"},
                {"name": "prometheus"},
            ],
            "runbooks": self._write_runbook(),
            "detection": {"baselines": []},
            **sections,
        }
        if rule is not None:
            whole = {"name": "restart", "when": 'kind == "service_down"', "runbook": "restart-service", **rule}
            content["rules"] = self._write("rules.yaml", {"version": 1, "rules": [whole]})
        self._write("recoverops.yaml", content)

    def _write_runbook(self) -> str:
        """The shipped runbook with a shorter hold, so that the tests are quick."""
        (self.directory / "runbooks").mkdir(exist_ok=True)
        book = {"name": "restart-service", "action": "restart-service", "verify": {"hold": "1s", "timeout": "20s"}}
        self._write("runbooks/restart-service.yaml", book)
        return "runbooks"

    def _write(self, name: str, content: Any) -> str:
        with (self.directory / name).open("w") as file:
            YAML(typ="safe").dump(content, file)
        return name

    # the services

    def starts(self, name: str) -> int:
        """How often the service was started, by its own ledger."""
        ledger = self.directory / f"{name}.ledger"
        return len(ledger.read_text().splitlines()) if ledger.exists() else 0

    def crash(self, name: str) -> None:
        self.supervisor.kill_program(name)

    # the engine

    def up(self, *, wait: bool = True) -> None:
        assert self._engine is None, "one engine at a time"
        with self.log.open("ab") as log:
            self._engine = subprocess.Popen(
                [sys.executable, "-m", "recoverops", "up", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        if wait:
            eventually("the engine's readiness", self.is_ready, within_s=READY_WITHIN_S)

    def is_ready(self) -> bool:
        assert self._engine is not None
        assert self._engine.poll() is None, f"the engine ended: {self.log.read_text()[-3000:]}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL, as the kernel's out-of-memory killer would."""
        assert self._engine is not None
        os.kill(self._engine.pid, signal.SIGKILL)
        self._engine.wait(10)
        self._engine = None

    def down(self) -> int:
        """SIGTERM; the exit code."""
        assert self._engine is not None
        self._engine.terminate()
        code = self._engine.wait(30)
        self._engine = None
        return code

    def ends_by_itself(self) -> int:
        """Its exit status, when it has ended without being asked."""
        assert self._engine is not None
        code = self._engine.wait(30)
        self._engine = None
        return code

    def close(self) -> None:
        if self._engine is not None and self._engine.poll() is None:
            self._engine.kill()
            self._engine.wait(10)

    # the doors

    def key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`recoverops ARGUMENTS --config ...`, as a person would type it."""
        done = subprocess.run(
            [sys.executable, "-m", "recoverops", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **self.environment},
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.command(*arguments, "--json").stdout)

    def incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/api/v1/incidents")[1]["incidents"]
        return found

    def story(self, incident_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("GET", f"/api/v1/incidents/{incident_id}")[1]
        return told

    def incident_in(self, state: str, *, within_s: float = 25.0) -> dict[str, Any]:
        """The newest incident, once it is in this state."""

        def look() -> dict[str, Any] | None:
            found = self.incidents()
            return found[0] if found and found[0]["state"] == state else None

        try:
            return eventually(f"an incident {state}", look, within_s=within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.incidents()}; {self.log.read_text()[-3000:]}") from error

    def pending_approval(self) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.ask("GET", "/api/v1/approvals")[1]["approvals"]
            return found[0] if found else None

        return eventually("a question", look)


@contextmanager
def site(directory: Path, names: Sequence[str] = ("checkout",), *, startsecs: int = 0) -> Iterator[Site]:
    script = directory / "service.py"
    script.write_text(LEDGER_PROGRAM)
    programs = [
        Program(
            name=name,
            command=(sys.executable, "-S", str(script), str(directory / f"{name}.ledger")),
            startsecs=startsecs,
        )
        for name in names
    ]
    with running_supervisor(directory / "supervisor", programs) as supervisor:
        made = Site(directory, supervisor, names)
        for name in names:
            eventually(f"the first start of {name}", lambda name=name: made.starts(name) == 1)  # type: ignore[misc]
        try:
            yield made
        finally:
            made.close()
