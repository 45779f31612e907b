"""Whether supervisord knows the process of every service: one whose name is mistyped looks like one that is down."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from recoverops.model import MisconfiguredError, RecoverOpsError, Service
from recoverops.plugins.linux.process import ADDRESS, process_name
from recoverops.plugins.linux.supervised import Supervised
from recoverops.ports import Doubt


class KnownProcesses:
    """Implements `ports.LiveCheck`. Only a warning: the program may be added to supervisord later."""

    name = "processes of supervisor"

    def __init__(self, supervised: Supervised, services: Mapping[str, Service]) -> None:
        self._supervised = supervised
        self._services = [service for service in services.values() if ADDRESS in service.address]

    def look(self) -> str:
        """A supervisord that does not answer is told by its source; here it only means that nothing is known."""
        try:
            known = self._supervised.all()
        except RecoverOpsError:
            return Doubt("not looked at, because it did not answer")
        unknown = list(_unknown(self._services, known))
        return Doubt("; ".join(unknown)) if unknown else f"it knows those of {len(self._services)} services"


def _unknown(services: Collection[Service], known: Collection[str]) -> Iterator[str]:
    for service in services:
        try:
            name = process_name(service)
        except MisconfiguredError as error:
            yield str(error)
            continue
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            meant = f'did you mean "{_written(nearest[0])}"?' if nearest else f"it knows: {_listed(known)}"
            yield f'supervisor has no process "{_written(name)}", the address of service "{service.name}"; {meant}'


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(map(_written, known))) or "none"


def _written(name: str) -> str:
    """As an address is usually written: `checkout` for `checkout:checkout`."""
    group, _, process = name.partition(":")
    return process if group == process else name
