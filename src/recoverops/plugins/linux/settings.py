"""The linux plugin's part of the configuration."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recoverops.model import Duration
from recoverops.plugins.linux.action_settings import (
    AbsolutePath,
    EndingSettings,
    FreePortSettings,
    NginxSettings,
    RotationSettings,
    ScriptsSettings,
    SpareFilesSettings,
    WorkersSettings,
)
from recoverops.plugins.linux.source_settings import (
    HostSettings,
    LogSettings,
    PolledSettings,
    ProcessSettings,
    ReleaseSettings,
)

_LONGEST_SOCKET_PATH = 107
"""Bytes; the kernel's limit for the address of a unix socket."""


class SupervisorSettings(BaseModel):
    """One supervisord that keeps services of the inventory running."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str = Field(
        description="Where supervisord listens: `unix:///run/supervisor.sock` for its `[unix_http_server]`, "
        "`http://127.0.0.1:9001` for its `[inet_http_server]`. No default: whoever can write there can start programs.",
    )
    username: str | None = Field(
        default=None, description="User name, when supervisord asks for one. Default none; needs `password` as well."
    )
    password: str | None = Field(
        default=None,
        description="Reference to the password, e.g. `env:SUPERVISOR_PASSWORD` or `file:/run/secrets/supervisor`; "
        "never the password itself. Default none.",
    )
    every: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How often all process states are read, 100ms to 1h. Default 1s: one local call that costs "
        "supervisord about a millisecond, and a dead process is noticed within a second.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=100),
        le=timedelta(seconds=9),
        description="How long one reading may take, 100ms to 9s (a poll has to end within ten seconds). Default 5s: "
        "supervisord has one thread and is busy for moments while it forks.",
    )
    restart_timeout: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=30),
        description="How long one restart may take, 1s to 30min; has to exceed the program's `stopwaitsecs` plus its "
        "`startsecs`. Default 30s: supervisor's own defaults are 10s and 1s.",
    )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
            if len(parts.path.encode()) > _LONGEST_SOCKET_PATH:
                raise ValueError(f'"{url}": the kernel takes at most {_LONGEST_SOCKET_PATH} bytes as a socket path')
            return url
        if "@" in parts.netloc:
            raise ValueError("credentials do not belong into the URL; use `username` and `password`")
        if parts.scheme == "http" and parts.hostname and parts.path in {"", "/", "/RPC2"}:
            return url
        raise ValueError(f'"{url}" is neither like unix:///run/supervisor.sock nor like http://127.0.0.1:9001')

    @model_validator(mode="after")
    def _both_or_none(self) -> SupervisorSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together; one of them is missing")
        return self


class SystemdSettings(BaseModel):
    """The systemd of this host, for services with an address `systemd`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    systemctl: AbsolutePath = Field(
        default="/usr/bin/systemctl", description="The program systemctl. Default `/usr/bin/systemctl`."
    )
    sudo: AbsolutePath | None = Field(
        default=None,
        description="The program sudo, e.g. `/usr/bin/sudo`, when units are changed through it; looking never is. "
        "Default none: the change is asked of systemd itself, and polkit decides.",
    )
    every: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=200),
        le=timedelta(hours=1),
        description="How often all units are read, 200ms to 1h. Default 2s: each reading starts systemctl once.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=100),
        le=timedelta(seconds=9),
        description="How long one reading may take, 100ms to 9s (a poll has to end within ten seconds). Default 5s.",
    )
    restart_timeout: Duration = Field(
        default=timedelta(seconds=100),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=30),
        description="How long one restart, start or stop may take, 1s to 30min; has to exceed the unit's "
        "`TimeoutStopSec` plus what its start takes. Default 100s: systemd's own default for stopping is 90s.",
    )


class LinuxSettings(BaseModel):
    """What runs on this host, what is measured of it, and what may be done to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    supervisor: SupervisorSettings | None = Field(
        default=None,
        description="The supervisord to read from and to act through. Default none: then there is neither the source "
        "`supervisor` nor `process`, and no action on its programs.",
    )
    systemd: SystemdSettings | None = Field(
        default=SystemdSettings(),
        description="The systemd to read from and to act through. Default on when a service has an address `systemd`; "
        "`null` turns the source and the actions on units off.",
    )
    process: ProcessSettings | None = Field(
        default=ProcessSettings(),
        description="The source `process`: CPU, memory and state of each supervised service's processes. Default on "
        "when there is a supervisor; `null` turns it off.",
    )
    disk: PolledSettings | None = Field(
        default=PolledSettings(),
        description="The source `disk`: how full the file system under a service's address `disk` is. Default on "
        "when a "
        "service has one; `null` turns it off.",
    )
    log_files: LogSettings | None = Field(
        default=LogSettings(),
        description="The source `log-files`: error lines and known troubles in the file under a service's address "
        "`log`. "
        "Default on when a service has one; `null` turns it off.",
    )
    release: ReleaseSettings | None = Field(
        default=ReleaseSettings(),
        description="The source `release` and the action `switch-release`, for services with an address `release`. "
        "Default on when a service has one; `null` turns both off.",
    )
    host: HostSettings | None = Field(
        default=None,
        description="The source `host`: CPU, memory, disk, load and network of this host. Default none: most have "
        "it from "
        "Prometheus already; `host: {}` turns it on.",
    )
    end_process: EndingSettings = Field(
        default=EndingSettings(),
        description="How `end-process` and `free-port` end a process. Default: a grace of five seconds.",
    )
    free_port: FreePortSettings = Field(
        default=FreePortSettings(),
        description="What `free-port` may end besides processes of ordinary users. Default nothing.",
    )
    free_disk: tuple[SpareFilesSettings, ...] = Field(
        default=(),
        strict=False,
        description="Files that may go when a disk is full: with `quarantine` the action `quarantine-files` moves "
        "them, "
        "without it `free-disk` removes them. Default none: then neither action exists.",
    )
    workers: WorkersSettings = Field(
        default=WorkersSettings(),
        description="Bounds of `scale-workers`, for services with an address `workers`. Default one to eight.",
    )
    rotate_logs: tuple[RotationSettings, ...] = Field(
        default=(),
        strict=False,
        description="Services whose log is rotated by renaming it and sending a signal. Default none: `rotate-logs` "
        "copies, "
        "compresses and empties the log of every other service that has an address `log`.",
    )
    scripts: ScriptsSettings | None = Field(
        default=None, description="What `run-script` may run. Default none: then there is no such action."
    )
    nginx: NginxSettings | None = Field(
        default=None,
        description="The nginx whose upstream `shift-load` changes, for services with an address `nginx`. Default "
        "none: "
        "then there is no such action.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=30),
        description="How long any action but `run-script`, `restart-service` and those on units of systemd may take, "
        "1s to 30min. Default 60s: "
        "moving "
        "some gigabytes to quarantine takes longest.",
    )
