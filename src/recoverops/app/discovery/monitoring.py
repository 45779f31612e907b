"""Prometheus and Alertmanager: which URLs may be theirs, and which of those say that they are ready."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import httpx

from recoverops.app.discovery.facts import Port, Program

USUAL_PORTS = {"prometheus": 9090, "alertmanager": 9093}
ANSWERS_WITHIN_S = 2.0
_LISTEN = re.compile(r"--web\.listen-address[= ](\S*):(\d{1,5})")


def runs_as(program: Program) -> str:
    """`prometheus`, `alertmanager`, or empty. Debian calls the second prometheus-alertmanager. Pure."""
    first = Path(program.command[0]).name if program.command else program.name
    # The kernel cuts names to 15 characters, so the command comes first.
    return {"prometheus": "prometheus", "alertmanager": "alertmanager", "prometheus-alertmanager": "alertmanager"}.get(
        first, ""
    )


def candidates(what: str, programs: Iterable[Program], ports: Iterable[Port]) -> tuple[str, ...]:
    """The usual URL, and those of running processes. Pure."""
    heard = list(ports)
    urls = [f"http://127.0.0.1:{USUAL_PORTS[what]}"]
    for program in programs:
        if runs_as(program) != what:
            continue
        named = [int(found[2]) for found in _LISTEN.finditer(" ".join(program.command))]
        own = [port.port for port in heard if port.program is not None and port.program.pid == program.pid]
        urls.extend(f"http://127.0.0.1:{port}" for port in (*named, *([] if named else own)))
    return tuple(dict.fromkeys(urls))


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=ANSWERS_WITHIN_S, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
