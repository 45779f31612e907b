"""A real supervisord for tests and the lab: started in a directory, ready when handed over, surely ended.

It needs the extra `lab` (the package `supervisor`). Children that outlive a killed daemon are found by the address of
their supervisord in their environment, which no other process has.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, UnreachableError

_LONGEST_SOCKET_PATH = 100
_READY_S = 15.0
_END_S = 10.0
_LOOK_AGAIN_S = 0.02
_CALL_S = 30.0
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to supervise, not started twice by supervisord itself unless `autorestart`."""

    name: str
    command: Sequence[str]
    """Handed over word by word; no shell is involved."""
    autostart: bool = True
    autorestart: bool = False
    startsecs: int = 1
    """Seconds that it has to live before it counts as RUNNING."""
    startretries: int = 0
    stopwaitsecs: int = 2
    """Seconds from SIGTERM to SIGKILL."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stdout: Path | None = None
    """Where its output goes, errors included; by default `<name>.log` in the directory."""
    directory: Path | None = None
    group: str | None = None
    """Programs of one group are called `group:name`; by default each is a group of its own."""

    @property
    def full_name(self) -> str:
        return self.name if self.group is None else f"{self.group}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """A running supervisord."""

    url: str
    """`unix:///...`, as the linux plugin's setting wants it."""
    pid: int
    directory: Path
    http_url: str = ""
    """The same over HTTP on loopback, when a port was given."""
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    def info(self, name: str) -> dict[str, Any]:
        """supervisord's own description: `statename`, `pid`, `start`, `stop`, `exitstatus`, ..."""
        return dict(self.call("getProcessInfo", name))

    def start(self, name: str) -> None:
        self.call("startProcess", name)

    def stop(self, name: str) -> None:
        self.call("stopProcess", name)

    def log(self, name: str) -> str:
        """What the program has written so far, when it writes to its default file."""
        file = self.directory / f"{name}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def wait_for(self, name: str, *states: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """The description once the program is in one of the states; raises `UnreachableError` when it stays out."""
        seen: dict[str, Any] = {}

        def is_there() -> bool:
            seen.update(self.info(name))
            return seen["statename"] in states

        if not _within(timeout_s, is_there):
            raise UnreachableError(
                f"{name} is {seen.get('statename')} after {timeout_s} s, expected {' or '.join(states)}"
            )
        return seen

    def kill_program(self, name: str) -> int:
        """SIGKILL for the program as a crash would come, and wait until supervisord knows; returns the old pid."""
        pid = int(self.info(name)["pid"])
        if pid == 0:
            raise UnreachableError(f"{name} does not run, so it cannot be killed")
        os.kill(pid, signal.SIGKILL)
        if not _within(10.0, lambda: int(self.info(name)["pid"]) != pid):
            raise UnreachableError(f"{name} (pid {pid}) outlived SIGKILL for 10 s")
        return pid

    def kill_daemon(self) -> None:
        """SIGKILL for supervisord itself. Its children live on until the context ends."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if not _within(10.0, lambda: not self.is_answering()):
            raise UnreachableError("supervisord outlived SIGKILL for 10 s")

    def is_answering(self) -> bool:
        try:
            self.call("getState")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def call(self, method: str, *arguments: str | bool) -> Any:
        """One XML-RPC call; raises `xmlrpc.client.Fault` and OSError."""
        connection = _UnixConnection(self.url.removeprefix("unix://"))
        try:
            body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml", **self._authorization()})
            values, _ = xmlrpc.client.loads(connection.getresponse().read())
        finally:
            connection.close()
        return values[0]

    def _authorization(self) -> dict[str, str]:
        if self.credentials is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(':'.join(self.credentials).encode()).decode()}"}


@contextmanager
def running_supervisor(
    directory: Path,
    programs: Sequence[Program],
    *,
    credentials: tuple[str, str] | None = None,
    http_port: int | None = None,
) -> Iterator[Supervisor]:
    """supervisord over the programs, in the foreground of nothing: its files are in `directory`.

    Handed over when it answers and no program is STARTING any more; whether each one is RUNNING is for the caller to
    ask. Ends with SIGTERM, then SIGKILL, and leaves no process behind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _socket_path(directory) as path:
        configuration = directory / "supervisord.conf"
        configuration.write_text(
            _configuration(directory, _doors(path, credentials, http_port), programs), encoding="utf-8"
        )
        output = (directory / "supervisord.out").open("ab")
        with output:
            daemon = subprocess.Popen(  # noqa: S603 - our own interpreter, and arguments that no outsider gives
                [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        supervisor = Supervisor(
            url=f"unix://{path}",
            pid=daemon.pid,
            directory=directory,
            http_url="" if http_port is None else f"http://127.0.0.1:{http_port}",
            credentials=credentials,
        )
        try:
            _wait_until_ready(supervisor, daemon, programs)
            yield supervisor
        finally:
            _end(daemon, supervisor.url)


def _wait_until_ready(supervisor: Supervisor, daemon: subprocess.Popen[bytes], programs: Sequence[Program]) -> None:
    def is_ready() -> bool:
        if daemon.poll() is not None or not supervisor.is_answering():
            return daemon.poll() is not None
        return all(
            supervisor.info(program.full_name)["statename"] not in {"STARTING", "BACKOFF"} for program in programs
        )

    is_settled = _within(_READY_S + max((program.startsecs for program in programs), default=0), is_ready)
    if daemon.poll() is not None or not is_settled:
        said = (supervisor.directory / "supervisord.out").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise UnreachableError(f"supervisord did not get ready in {supervisor.directory}; it said: {said}")


def _end(daemon: subprocess.Popen[bytes], url: str) -> None:
    """SIGTERM lets supervisord end its programs; whatever is left after that is killed by pid."""
    daemon.terminate()
    with suppress(ProcessLookupError):
        os.kill(daemon.pid, signal.SIGCONT)
    try:
        daemon.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait(timeout=_END_S)
    _within(_END_S, lambda: not _kill_leftovers(url))


def _kill_leftovers(url: str) -> bool:
    """Kills every process that was started by this supervisord; True when there was one."""
    mark = f"SUPERVISOR_SERVER_URL={url}".encode()
    found = False
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                found = True
    return found


@contextmanager
def _socket_path(directory: Path) -> Iterator[Path]:
    """In the directory, or in a short one of its own when the kernel would refuse the length."""
    path = directory.resolve() / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rops-", dir="/tmp") as short:
        yield Path(short) / "supervisor.sock"


def _doors(socket_path: Path, credentials: tuple[str, str] | None, http_port: int | None) -> list[str]:
    asked = [] if credentials is None else [f"username={_value(credentials[0])}", f"password={_value(credentials[1])}"]
    lines = ["[unix_http_server]", f"file={_value(str(socket_path))}", "chmod=0700", *asked]
    if http_port is not None:
        lines += ["[inet_http_server]", f"port=127.0.0.1:{http_port}", *asked]
    return lines


def _configuration(directory: Path, doors: Sequence[str], programs: Sequence[Program]) -> str:
    root = directory.resolve()
    lines = [
        *doors,
        "[supervisord]",
        f"logfile={_value(str(root / 'supervisord.log'))}",
        f"pidfile={_value(str(root / 'supervisord.pid'))}",
        f"childlogdir={_value(str(root))}",
        "nodaemon=true",
        "silent=true",
        "minfds=256",
        "minprocs=50",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for program in programs:
        lines += _section(program, root)
    for group in dict.fromkeys(program.group for program in programs if program.group is not None):
        if not _NAME.fullmatch(group):
            raise MisconfiguredError(f"group name {group!r} has characters outside letters, digits, `_`, `.`, `-`")
        members = ",".join(program.name for program in programs if program.group == group)
        lines += [f"[group:{group}]", f"programs={members}"]
    return "\n".join(lines) + "\n"


def _section(program: Program, root: Path) -> list[str]:
    if not _NAME.fullmatch(program.name):
        raise MisconfiguredError(f"program name {program.name!r} has characters outside letters, digits, `_`, `.`, `-`")
    lines = [
        f"[program:{program.name}]",
        f"command={_value(shlex.join(program.command))}",
        f"autostart={str(program.autostart).lower()}",
        f"autorestart={str(program.autorestart).lower()}",
        f"startsecs={program.startsecs}",
        f"startretries={program.startretries}",
        f"stopwaitsecs={program.stopwaitsecs}",
        "stopasgroup=true",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(str(program.stdout or root / f'{program.name}.log'))}",
    ]
    if program.directory is not None:
        lines.append(f"directory={_value(str(program.directory))}")
    if program.environment:
        pairs = ",".join(f"{key}={_quoted(value)}" for key, value in program.environment.items())
        lines.append(f"environment={_value(pairs)}")
    return lines


def _value(text: str) -> str:
    """The text as supervisord's configuration file carries it; refuses what that format cannot carry."""
    if re.search(r"[\r\n\0]|\s[;#]", text):
        raise MisconfiguredError(f"supervisord's configuration cannot carry {text!r}; put the code into a file")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """The text in the quotes that it does not have itself: supervisord knows no escapes there."""
    quote = "'" if '"' in text else '"'
    if quote in text:
        raise MisconfiguredError(f"supervisord's configuration cannot carry {text!r}, which has both kinds of quotes")
    return f"{quote}{text}{quote}"


def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so within the time; asked at once, and then every 20 ms."""
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not is_so():
        if clock.monotonic() > deadline:
            return False
        clock.sleep(_LOOK_AGAIN_S)
    return True


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CALL_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CALL_S)
        self.sock.connect(self._path)
