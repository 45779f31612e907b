"""Listening TCP ports on loopback or on every address, with their processes; and whether a health page answers there.

A GET is sent only where HTTP is likely: a database would write a line about it into its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import httpx

from recoverops.app.discovery.facts import Port, Program

HEALTH_PATHS = ("/health", "/healthz", "/")
ANSWERS_WITHIN_S = 1.0
MOST_PORTS = 64
OTHER_PROTOCOLS = frozenset({21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 2049, 2181, 3306, 5432, 5672})
OTHER_PROGRAMS = (
    "sshd", "postgres", "mysqld", "mariadbd", "redis-server", "memcached", "mongod", "master", "exim4", "rpcbind",
    "systemd-resolve", "dnsmasq", "named", "cupsd", "beam.smp", "chronyd",
)  # fmt: skip
_HERE = {"127.0.0.1": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "::1": "[::1]"}  # noqa: S104


def listening(programs: Iterable[Program]) -> tuple[Port, ...]:
    import psutil

    known = {program.pid: program for program in programs}
    try:
        sockets = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ()
    heard = [(*one.laddr[:2], one.pid) for one in sockets if one.laddr and one.status == psutil.CONN_LISTEN]
    return ports_of(heard, known)


def ports_of(heard: Iterable[tuple[str, int, int | None]], programs: Mapping[int, Program]) -> tuple[Port, ...]:
    """Each port once, reachable ones only, in their order. Pure."""
    found: dict[int, Port] = {}
    for address, port, pid in sorted(heard, key=lambda one: (one[1], one[0])):
        host = _HERE.get(address)
        if host is not None and port not in found:
            found[port] = Port(host=host, port=port, program=programs.get(pid) if pid else None)
    return tuple(found.values())


def may_speak_http(port: Port) -> bool:
    """Whether a GET does no harm there. Pure; a process that nobody may see is left in peace."""
    return port.program is not None and port.port not in OTHER_PROTOCOLS and port.program.name not in OTHER_PROGRAMS


def health_of(port: Port) -> str:
    """The first health page that answers with a status below 400; empty when none does."""
    for path in HEALTH_PATHS:
        url = f"http://{port.host}:{port.port}{path}"
        try:
            # Streamed, so that only the head is read: a page may be endless.
            with httpx.stream("GET", url, timeout=ANSWERS_WITHIN_S, trust_env=False) as answer:
                if answer.status_code < httpx.codes.BAD_REQUEST:
                    return url
        except httpx.HTTPError:
            return ""
    return ""
