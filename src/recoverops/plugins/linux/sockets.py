"""Who listens on a TCP port of this host: every process that holds such a socket, not just the first.

psutil names one process a socket; a port that is held by a parent and the children that it forked is free only when the
last of them has ended. Only /proc is read.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"
_STATES = {"01": "ESTABLISHED", "06": "TIME_WAIT", "08": "CLOSE_WAIT", _LISTEN: "LISTEN"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Socket:
    address: Address
    port: int
    state: str
    inode: int

    @property
    def is_listening(self) -> bool:
        return self.state == "LISTEN"


@dataclass(frozen=True, slots=True)
class Holders:
    inodes: Mapping[int, frozenset[int]]
    """pid -> the wanted sockets that it holds"""
    is_complete: bool
    """False when RecoverOps was not allowed to look into every process."""


def sockets() -> tuple[Socket, ...]:
    """All TCP sockets of this network namespace."""
    found: list[Socket] = []
    for table in _TABLES:
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        found.extend(parse(line) for line in lines if line.strip())
    return tuple(found)


def parse(line: str) -> Socket:
    """One line of /proc/net/tcp or tcp6."""
    fields = line.split()
    address, _, port = fields[1].partition(":")
    return Socket(_address(address), int(port, 16), _STATES.get(fields[3], "other"), int(fields[9]))


def listeners(port: int, host: str, known: Iterable[Socket]) -> tuple[Socket, ...]:
    """The sockets that keep others from listening on `host:port`: at this address or at all. Pure for an address.

    The host is taken as one of this machine; of one that nobody knows every address counts.
    """
    wanted = addresses_of(host)
    return tuple(
        one
        for one in known
        if one.is_listening and one.port == port and (one.address.is_unspecified or not wanted or one.address in wanted)
    )


def holders(inodes: Iterable[int]) -> Holders:
    """Every process that has one of the sockets open."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, set[int]] = defaultdict(set)
    is_complete = True
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            for link in _links(f"/proc/{name}/fd"):
                if link in wanted:
                    found[int(name)].add(wanted[link])
        except PermissionError:
            is_complete = False
        except OSError:
            continue
    return Holders({pid: frozenset(inodes) for pid, inodes in found.items()}, is_complete)


def inodes_of(pid: int) -> frozenset[int]:
    """The sockets that one process has open; none when it is gone or closed to us."""
    try:
        links = list(_links(f"/proc/{pid}/fd"))
    except OSError:
        return frozenset()
    return frozenset(int(link[8:-1]) for link in links if link.startswith("socket:["))


def _links(folder: str) -> Iterable[str]:
    for descriptor in os.listdir(folder):
        try:
            yield os.readlink(f"{folder}/{descriptor}")
        except FileNotFoundError:
            continue


def _address(text: str) -> Address:
    """The kernel writes each group of four bytes in the order of the machine, here: the little end first."""
    words = bytes.fromhex(text)
    raw = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def addresses_of(host: str) -> frozenset[Address]:
    """The addresses that a host's name or number means; none when nobody knows it."""
    try:
        return frozenset({ipaddress.ip_address(host)})
    except ValueError:
        pass
    try:
        known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in known)
