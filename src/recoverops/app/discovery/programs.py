"""The processes of this machine, through psutil. What another user's process does not show is left empty."""

from __future__ import annotations

import re
from pathlib import Path

from recoverops.app.discovery.facts import Program

_UNIT = re.compile(r"/([A-Za-z0-9:_.\\@-]+\.service)(?:/|$)", re.MULTILINE)


def running() -> tuple[Program, ...]:
    import psutil

    found: list[Program] = []
    for process in psutil.process_iter():
        try:
            found.append(_program(process))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return tuple(found)


def _program(process: object) -> Program:
    import psutil

    assert isinstance(process, psutil.Process)
    with process.oneshot():
        name, command = process.name(), tuple(process.cmdline())
        ancestors = tuple(parent.pid for parent in process.parents())
    try:
        directory = process.cwd()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        directory = ""
    return Program(
        pid=process.pid,
        name=name,
        command=command,
        directory=directory,
        ancestors=ancestors,
        unit=_unit_of(process.pid),
    )


def _unit_of(pid: int) -> str:
    try:
        return unit_in(Path(f"/proc/{pid}/cgroup").read_text())
    except OSError:
        return ""


def unit_in(cgroup: str) -> str:
    """The systemd service in the text of /proc/PID/cgroup; empty when there is none. Pure."""
    found = _UNIT.findall(cgroup)
    return found[-1] if found else ""


def nginx_files(programs: tuple[Program, ...]) -> tuple[str, ...]:
    """The configuration of every running nginx master. Pure."""
    found: list[str] = []
    for program in programs:
        line = " ".join(program.command)
        if program.name != "nginx" or "master process" not in line:
            continue
        named = re.search(r"\s-c\s*(\S+)", line)
        found.append(named[1] if named else "/etc/nginx/nginx.conf")
    return tuple(dict.fromkeys(found))
