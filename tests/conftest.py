"""What every test may ask for: a clock that stands still, records to fill a store with, stores on real databases.

PostgreSQL is a real server, started once a session on a free loopback port with its files in a temporary directory;
each test gets a database of its own. It is required, not optional: what was not run was not tested.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from _pytest import runner
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from tests.databases import prepared

from recoverops.clock import SystemClock
from recoverops.model import (
    ActionRecord,
    Alert,
    AlertStatus,
    Approval,
    ApprovalId,
    Decision,
    DecisionId,
    DecisionMode,
    EffectClass,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    Notification,
    NotificationId,
    Plan,
    Reason,
    Resource,
    ResourceKind,
    Run,
    RunId,
    RunState,
    Severity,
)
from recoverops.storage import SqlStore, StorageSettings, open_store
from recoverops.testing import free_port
from recoverops.testing.aws import Aws, running_aws

hypothesis_settings.register_profile("usual", max_examples=40, deadline=None, derandomize=True)
hypothesis_settings.register_profile("thorough", max_examples=400, deadline=None)
hypothesis_settings.load_profile("usual")  # `make test-all` takes the other one


def _leave_the_environment_alone(item: pytest.Item, when: str | None) -> None:
    """In place of what names the running test in PYTEST_CURRENT_TEST.

    No operator changes the environment of a running engine. Who walks through it in another thread, as urllib does in
    search of proxies, fails with a KeyError when a variable goes meanwhile, whatever the test is about.
    """


runner._update_current_test_var = _leave_the_environment_alone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until it is told to move."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self._since = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self._since).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=max(0.0, seconds))

    def advance(self, by: timedelta) -> datetime:
        self.at += by
        return self.at


class Records:
    """Valid records with short names, all at noon of one day unless a test says otherwise."""

    at = NOON

    def service(self, name: str = "checkout") -> Resource:
        return Resource(kind=ResourceKind.SERVICE, name=name)

    def alert(self, fingerprint: str = "f1", **changes: Any) -> Alert:
        fields: dict[str, Any] = {
            "source": "alertmanager",
            "fingerprint": fingerprint,
            "status": AlertStatus.FIRING,
            "starts_at": NOON,
            "labels": {"alertname": "ServiceDown", "service": "checkout"},
        }
        return Alert(**fields | changes)

    def incident(self, name: str = "inc-1", **changes: Any) -> Incident:
        fields: dict[str, Any] = {
            "id": IncidentId(name),
            "fingerprint": Fingerprint(f"availability of {name}"),
            "resource": self.service(),
            "symptom": "availability",
            "severity": Severity.HIGH,
            "state": IncidentState.OPEN,
            "title": "checkout does not answer",
            "opened_at": NOON,
            "updated_at": NOON,
        }
        return Incident(**fields | changes)

    def plan(self, name: str = "checkout") -> Plan:
        return Plan(
            action="linux.restart",
            effect=EffectClass.RESTORATIVE,
            target=self.service(name),
            arguments={"unit": name},
            touches=(self.service(name),),
            summary=f"restart {name}",
            timeout_s=30.0,
        )

    def decision(self, name: str = "dec-1", incident: str = "inc-1", **changes: Any) -> Decision:
        fields: dict[str, Any] = {
            "id": DecisionId(name),
            "incident_id": IncidentId(incident),
            "at": NOON,
            "mode": DecisionMode.ASK,
            "reason": Reason.APPROVAL_NEEDED,
            "statement": "asks a person",
        }
        return Decision(**fields | changes)

    def run(self, name: str = "run-1", incident: str = "inc-1", **changes: Any) -> Run:
        fields: dict[str, Any] = {
            "id": RunId(name),
            "incident_id": IncidentId(incident),
            "decision_id": DecisionId("dec-1"),
            "runbook": "restart-service",
            "runbook_digest": "0" * 64,
            "plan": self.plan(),
            "state": RunState.RUNNING,
            "requested_by": "rule:restart-dead-service",
            "started_at": NOON,
            "not_after": NOON + timedelta(minutes=5),
        }
        return Run(**fields | changes)

    def intent(self, key: str = "run-1:1", run: str = "run-1", step: int = 1) -> ActionRecord:
        return ActionRecord(
            key=key,
            run_id=RunId(run),
            step=step,
            plan=self.plan(),
            intent_at=NOON,
            not_after=NOON + timedelta(minutes=5),
        )

    def approval(self, name: str = "apr-1", incident: str = "inc-1", **changes: Any) -> Approval:
        fields: dict[str, Any] = {
            "id": ApprovalId(name),
            "incident_id": IncidentId(incident),
            "decision_id": DecisionId("dec-1"),
            "plan": self.plan(),
            "plan_hash": self.plan().hash,
            "requested_by": "rule:restart-dead-service",
            "requested_at": NOON,
            "expires_at": NOON + timedelta(hours=1),
        }
        return Approval(**fields | changes)

    def notification(self, name: str = "ntf-1", incident: str | None = "inc-1", **changes: Any) -> Notification:
        fields: dict[str, Any] = {
            "id": NotificationId(name),
            "incident_id": incident,
            "event": "incident.opened",
            "severity": Severity.HIGH,
            "title": "checkout does not answer",
            "body": "connection refused since 12:00",
            "at": NOON,
        }
        return Notification(**fields | changes)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def a() -> Records:
    """Reads as in `a.run("run-1")`."""
    return Records()


# --- stores -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Database:
    """One empty database of one kind, and how to open the store on it."""

    kind: str
    settings: StorageSettings
    data_dir: Path

    def open(self, clock: ManualClock) -> SqlStore:
        if self.kind == "sqlite":
            prepared(self.data_dir)
        return open_store(self.settings, data_dir=self.data_dir, clock=clock)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    kind: str = request.param
    url = request.getfixturevalue("postgres_schema_url") if kind == "postgresql" else ""
    return Database(kind, StorageSettings(url=SecretStr(url)), tmp_path / "data")


@pytest.fixture
def store(database: Database, clock: ManualClock) -> Iterator[SqlStore]:
    with database.open(clock) as opened:
        yield opened


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until the condition holds, and fails after ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "did not happen within 10 s"
            time.sleep(0.01)

    return wait


# --- a real PostgreSQL ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostgresServer:
    port: int

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    binaries = _postgres_binaries()
    home = Path(tempfile.mkdtemp(prefix="recoverops-postgres-"))
    user = _unprivileged_user()
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    process = None
    try:
        _create_cluster(binaries, home, user)
        port = free_port()
        with (home / "log").open("wb") as log:
            process = _start(binaries, home, user, port, log)
            server = PostgresServer(port)
            _wait_until_it_answers(server, process, home / "log")
            yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # fast shutdown: ends sessions instead of waiting for them
            process.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database, gone after the test."""
    with _made_database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_schema_url(postgres_server: PostgresServer, _postgres_schema: str) -> Iterator[str]:
    """A fresh database with this release's schema in it, gone after the test."""
    with _made_database(postgres_server, template=_postgres_schema) as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_schema(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of the database from which the others are copied."""
    with _made_database(postgres_server) as url, tempfile.TemporaryDirectory() as folder:
        settings = StorageSettings(url=SecretStr(url))
        open_store(settings, data_dir=Path(folder), clock=SystemClock()).close()
        yield url.rpartition("/")[2]


@contextmanager
def _made_database(server: PostgresServer, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


def _postgres_binaries() -> Path:
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in candidates:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    pytest.fail(
        "PostgreSQL is not installed, and the store is tested on a real one; on Debian and Ubuntu run: "
        "apt-get install postgresql",
        pytrace=False,
    )


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; then it runs as `postgres`, or else `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("the tests run as root and there is neither a user postgres nor nobody to run PostgreSQL as")


def _spawn(command: list[str], home: Path, user: pwd.struct_passwd | None, output: Any) -> subprocess.Popen[bytes]:
    as_user: dict[str, Any] = {}
    if user is not None:
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return subprocess.Popen(
        command,
        cwd=home,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=_die_with_the_tests,  # noqa: PLW1509 - one call into libc that takes no lock
        **as_user,
    )


def _die_with_the_tests() -> None:
    """In the child: also a killed test run leaves no server behind (Linux only, elsewhere it does nothing)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _create_cluster(binaries: Path, home: Path, user: pwd.struct_passwd | None) -> None:
    command = [str(binaries / "initdb"), "-D", str(home / "cluster"), "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", "--locale=C", "--no-sync"]
    process = _spawn(command, home, user, subprocess.PIPE)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, f"initdb failed: {output.decode(errors='replace')}"


def _start(binaries: Path, home: Path, user: pwd.struct_passwd | None, port: int, log: Any) -> subprocess.Popen[bytes]:
    # The database dies with the tests, so nothing has to survive a power cut.
    options = {
        "fsync": "off",
        "full_page_writes": "off",
        "listen_addresses": "127.0.0.1",
        "max_connections": "200",
        "unix_socket_directories": str(home),
    }
    command = [str(binaries / "postgres"), "-D", str(home / "cluster"), "-p", str(port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return _spawn(command, home, user, log)


def _wait_until_it_answers(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            said = log.read_text(errors="replace")
            assert process.poll() is None, f"PostgreSQL ended at once: {said}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {said}"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """The double of AWS: one for all tests of a process, because moto keeps what it knows in its modules."""
    with running_aws() as running:
        yield running
