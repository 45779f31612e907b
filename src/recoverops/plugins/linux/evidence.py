"""What is kept of a service right before an action changes it: processes, sockets, disk, the last lines of its log.

It goes into `Execution.after` under keys that begin with `evidence.`; redacted, bounded, and never a reason to fail.
"""

from __future__ import annotations

import ipaddress
import os
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from recoverops.model import Service
from recoverops.plugins.linux.answers import cut
from recoverops.plugins.linux.procfs import Stat, command_line, scan
from recoverops.plugins.linux.sockets import holders, inodes_of, listeners, sockets
from recoverops.redact import redact

_PROCESSES = 10
_LOG_BYTES = 4096
_LOG_LINES = 5
_LONGEST = 800


def evidence(service: Service, tree: Sequence[Stat] = ()) -> dict[str, str]:
    """`tree`: its processes, where the action knows them; else those that listen at its address on this host."""
    tree = tree or _listening(service)
    found = {
        "evidence.processes": _processes(tree),
        "evidence.sockets": _sockets(tree),
        "evidence.disk": disk_of(service),
        "evidence.log": _log(service.address.get("log")),
    }
    return {key: cut(redact(text), _LONGEST) for key, text in found.items() if text}


def _processes(tree: Sequence[Stat]) -> str:
    told = [f"{stat.pid} {stat.state} {stat.rss // 2**20} MiB {command_line(stat.pid)}" for stat in tree[:_PROCESSES]]
    more = [f"and {len(tree) - _PROCESSES} more"] if len(tree) > _PROCESSES else []
    return "; ".join((*told, *more))


def _sockets(tree: Sequence[Stat]) -> str:
    mine = frozenset[int]().union(*(inodes_of(stat.pid) for stat in tree)) if tree else frozenset()
    if not mine:
        return ""
    held = [one for one in sockets() if one.inode in mine]
    listening = sorted({f"{one.address}:{one.port}" for one in held if one.is_listening})
    others = Counter(one.state for one in held if not one.is_listening)
    told = [f"listens on {', '.join(listening)}"] if listening else []
    return "; ".join((*told, *(f"{count} {state}" for state, count in sorted(others.items()))))


def _listening(service: Service) -> tuple[Stat, ...]:
    """Each with its children. Only loopback addresses are looked at: another one may be another host's."""
    wanted = {place for place in map(_place, map(service.address.get, ("nginx", "http"))) if place is not None}
    if not wanted:
        return ()
    known, picture = sockets(), scan()
    inodes = {one.inode for host, port in wanted for one in listeners(port, host, known)}
    found = [stat for pid in sorted(holders(inodes).inodes) for stat in picture.tree(pid)] if inodes else []
    return tuple(dict.fromkeys(found))


def _place(address: str | None) -> tuple[str, int] | None:
    """Host and port on the loopback; None for everything else."""
    if address is None:
        return None
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or 80
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    return ("127.0.0.1" if host == "localhost" else host, port) if is_loopback else None


def disk_of(service: Service) -> str:
    """How full the file system of its address `disk` is; empty when it has none."""
    path = service.address.get("disk")
    if path is None:
        return ""
    try:
        status = os.statvfs(path)
    except OSError as error:
        return f"{path}: {(error.strerror or 'unreadable').lower()}"
    return f"{path}: {status.f_bavail * status.f_frsize} of {status.f_blocks * status.f_frsize} bytes free"


def _log(path: str | None) -> str:
    if path is None:
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            tail = os.pread(descriptor, _LOG_BYTES, max(0, os.fstat(descriptor).st_size - _LOG_BYTES))
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"{path}: {(error.strerror or 'unreadable').lower()}"
    lines = tail.decode(errors="replace").splitlines()[-_LOG_LINES:]
    return " | ".join(redact(line) for line in lines)
