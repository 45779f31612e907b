"""Everything there is to find on this machine, in one record. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from recoverops.app.discovery import monitoring, ports, programs, supervisors, units
from recoverops.app.discovery.facts import Facts


def look(*, sockets: Iterable[str] = supervisors.USUAL_SOCKETS) -> Facts:
    running = programs.running()
    heard = ports.listening(running)
    names, no_systemd = units.running_units()
    asked = [
        msgspec.structs.replace(port, health=ports.health_of(port))
        if ports.may_speak_http(port) and position < ports.MOST_PORTS
        else port
        for position, port in enumerate(heard)
    ]
    return Facts(
        supervisors=supervisors.find(running, sockets=sockets),
        ports=tuple(asked),
        units=names,
        systemd=no_systemd,
        nginx=programs.nginx_files(running),
        prometheus=_ready(monitoring.candidates("prometheus", running, heard)),
        alertmanager=_ready(monitoring.candidates("alertmanager", running, heard)),
    )


def _ready(urls: Iterable[str]) -> tuple[str, ...]:
    return tuple(url for url in urls if monitoring.is_ready(url))
