"""One `recoverops up` under measurement: its configuration, its process, its doors."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.processes import end, free_port, start
from benchmarks.wire import Connection

READY_WITHIN_S = 30.0
_LOOK_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A directory with a configuration in it. Starting it a second time finds its data there."""

    directory: Path
    port: int
    environment: Mapping[str, str]

    @property
    def config(self) -> Path:
        return self.directory / "recoverops.yaml"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "engine.log"


def write_setup(
    directory: Path,
    configuration: Mapping[str, Any],
    *,
    files: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Setup:
    """`files`: further YAML files, by their path in the directory."""
    directory.mkdir(parents=True)
    setup = Setup(directory=directory, port=free_port(), environment=environment or {})
    for name, content in (files or {}).items():
        (directory / name).parent.mkdir(exist_ok=True)
        YAML(typ="safe").dump(content, directory / name)
    YAML(typ="safe").dump({"data_dir": "data", "api": {"port": setup.port}, **configuration}, setup.config)
    return setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    setup: Setup
    process: subprocess.Popen[bytes]
    ready_s: float
    """From the spawn to the first 200 of /ready."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return self.setup.port

    @property
    def key(self) -> str:
        return (self.setup.data / "admin.key").read_text().strip()

    def connection(self, *, timeout_s: float = 10.0) -> Connection:
        return Connection(self.port, timeout_s=timeout_s)


@contextmanager
def up(setup: Setup) -> Iterator[Engine]:
    """The running engine, ready; ended when the block is left. Raises RuntimeError with its last words otherwise."""
    began = time.monotonic()
    process = start(
        ["-m", "recoverops", "up", "--config", str(setup.config)], log=setup.log, environment=setup.environment
    )
    try:
        _wait_until_ready(process, setup, until=began + READY_WITHIN_S)
        yield Engine(setup=setup, process=process, ready_s=time.monotonic() - began)
    finally:
        end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], setup: Setup, *, until: float) -> None:
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"`recoverops up` ended with exit code {process.returncode}:\n{_last_words(setup)}")
        if _is_ready(setup.port):
            return
        time.sleep(_LOOK_S)
    raise RuntimeError(f"`recoverops up` was not ready within {READY_WITHIN_S:g} s:\n{_last_words(setup)}")


def _is_ready(port: int) -> bool:
    try:
        with Connection(port, timeout_s=2.0) as connection:
            return connection.get("/ready").status == 200
    except OSError:
        return False


def _last_words(setup: Setup) -> str:
    return "\n".join(setup.log.read_text(errors="replace").splitlines()[-15:])


def metrics(engine: Engine) -> dict[str, float]:
    """The numbers of /metrics, by name with labels as written there."""
    with engine.connection() as connection:
        page = connection.get("/metrics").body.decode()
    pairs = (line.rpartition(" ") for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def total(numbers: Mapping[str, float], name: str, *, label: str = "") -> float:
    """The sum over every labelled value of this metric whose labels contain `label`."""
    return sum(value for key, value in numbers.items() if (key == name or key.startswith(f"{name}{{")) and label in key)
