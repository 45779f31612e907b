"""What was found. Everything that a parser or the proposal needs, and nothing that only a running machine knows."""

from __future__ import annotations

from recoverops.model import Record


class Program(Record, frozen=True, kw_only=True):
    """A process that somebody may have to know about."""

    pid: int
    name: str
    command: tuple[str, ...] = ()
    directory: str = ""
    ancestors: tuple[int, ...] = ()
    unit: str = ""
    """Its systemd unit, such as `nginx.service`; empty when it has none."""


class Port(Record, frozen=True, kw_only=True):
    """A TCP port that is listened on, on loopback or on every address."""

    host: str
    """Where it can be reached from here: `127.0.0.1` or `[::1]`."""
    port: int
    program: Program | None = None
    """None: another user's process, and the system does not say whose."""
    health: str = ""
    """The URL that answered a GET with a status below 400; empty when none did, or when it was not asked."""


class Supervised(Record, frozen=True, kw_only=True):
    """One program of a supervisord."""

    group: str
    name: str
    state: str
    pid: int = 0

    @property
    def full_name(self) -> str:
        return self.name if self.group == self.name else f"{self.group}:{self.name}"


class Supervisord(Record, frozen=True, kw_only=True):
    url: str
    """`unix:///run/supervisor.sock` or `http://127.0.0.1:9001`; never with credentials."""
    programs: tuple[Supervised, ...] = ()
    trouble: str = ""
    """Why it could not be asked; empty when it answered."""


class Facts(Record, frozen=True, kw_only=True):
    supervisors: tuple[Supervisord, ...] = ()
    ports: tuple[Port, ...] = ()
    units: tuple[str, ...] = ()
    """Running systemd services."""
    systemd: str = ""
    """Why systemd could not be asked; empty when it answered."""
    nginx: tuple[str, ...] = ()
    """Configuration files of running nginx masters; the usual one where the command line names none."""
    prometheus: tuple[str, ...] = ()
    """URLs that say that they are ready."""
    alertmanager: tuple[str, ...] = ()
