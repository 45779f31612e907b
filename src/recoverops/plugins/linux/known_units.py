"""Whether systemd says of every unit whether it runs: of one that stays active without a process it does not.

Asked by `recoverops check`. The source leaves such a unit out, so nothing is ever detected about it by systemd's word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recoverops.model import MisconfiguredError, RecoverOpsError, Service
from recoverops.plugins.linux.systemctl import Systemctl
from recoverops.plugins.linux.units import ADDRESS, Unit, unit_name
from recoverops.ports import Doubt


class KnownUnits:
    """Implements `ports.LiveCheck`. Only a warning: the service may be watched by a page of its own."""

    name = "units of systemd"

    def __init__(self, systemctl: Systemctl, services: Mapping[str, Service]) -> None:
        self._systemctl = systemctl
        self._services = [service for service in services.values() if ADDRESS in service.address]

    def look(self) -> str:
        """A systemd that does not answer is told by its source; here it only means that nothing is known."""
        try:
            named = {service.name: unit_name(service) for service in self._services}
            units = self._systemctl.all(tuple(named.values()))
        except MisconfiguredError as error:
            return Doubt(str(error))
        except RecoverOpsError:
            return Doubt("not looked at, because it did not answer")
        doubts = list(_silent(named, units))
        return Doubt("; ".join(doubts)) if doubts else f"it says of {len(named)} services whether they run"


def _silent(named: Mapping[str, str], units: Mapping[str, Unit]) -> Iterator[str]:
    for service, name in named.items():
        if units[name].is_silent:
            yield f'nothing is measured of service "{service}": {units[name].why_silent}'
