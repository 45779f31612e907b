"""Whether an address, and a supervisord, are of this host: /proc says nothing about another one or another container.

Used before something of this host is changed for the sake of a service. What is not surely here counts as elsewhere: a
port of the loopback may be a tunnel, and a pid that a supervisord names may be anybody's here.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from recoverops.model import UnreachableError
from recoverops.plugins.linux.sockets import addresses_of, inodes_of, listeners, sockets

_LISTENS = 0x10000
"""The flag __SO_ACCEPTCON in /proc/net/unix."""
_BESIDE = "run RecoverOps beside it"


def is_local(host: str) -> bool:
    """Whether a host's name or number means this host; a name that nobody knows does not."""
    import psutil

    entries = (one for several in psutil.net_if_addrs().values() for one in several)
    own = {one.address.partition("%")[0] for one in entries if one.family in {socket.AF_INET, socket.AF_INET6}}
    return any(one.is_loopback or one.is_unspecified or str(one) in own for one in addresses_of(host))


def absence(url: str, pid: int, *, timeout_s: float) -> str | None:
    """Why the supervisord at the url, `pid` by its own word, is not surely of this host; None when it is.

    It is when the process with that number here is the one that listens there. Raises `UnreachableError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        listener = _listener(parts.path, timeout_s)
        if listener == pid:
            return None
        inodes = _listening_at(parts.path, listener)
    else:
        host, port = parts.hostname or "", parts.port or 80
        if not is_local(host):
            return f'"{host}" is no address of this host; run RecoverOps there'
        inodes = {one.inode for one in listeners(port, host, sockets())}
    if inodes & inodes_of(pid):
        return None
    if _is_closed(pid):
        return f"RecoverOps may not see what process {pid} listens on; run it as the same user, or with CAP_SYS_PTRACE"
    return f"process {pid} here does not listen there, the daemon is in another container or behind a tunnel; {_BESIDE}"


def _listener(path: str, timeout_s: float) -> int:
    """Who made the socket listen, as the kernel remembers it; 0 when that process is not of this pid namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError as error:
            raise UnreachableError(
                f"supervisor at unix://{path} cannot be reached: {error.strerror or error}"
            ) from error
    return int(struct.unpack("3i", credentials)[0])


def _listening_at(path: str, listener: int) -> set[int]:
    """The sockets that listen under the name.

    A supervisord that went into the background listens since before its fork, so the kernel remembers its parent; it
    binds `<path>.<pid of that parent>` and renames it.
    """
    name = os.path.basename(path)
    wanted = {name, f"{name}.{listener}"}
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        return set()
    fields = (line.split(maxsplit=7) for line in lines)
    return {
        int(one[6])
        for one in fields
        if len(one) == 8 and int(one[3], 16) & _LISTENS and os.path.basename(one[7]) in wanted
    }


def _is_closed(pid: int) -> bool:
    """Whether there is such a process, and it is not for us to look into."""
    try:
        os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return True
    except OSError:
        return False
    return False
