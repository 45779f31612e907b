"""How much of a group a plan would touch. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recoverops.model import Resource
from recoverops.topology.inventory import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """`touched` of the `size` members of `group` would feel it at the same time, running work included."""

    group: str
    touched: int
    size: int

    @property
    def share(self) -> float:
        """0..1"""
        return self.touched / self.size if self.size else 1.0


def blast_radius(
    inventory: Inventory, touches: Iterable[Resource], in_flight: Iterable[str]
) -> tuple[BlastRadius, ...]:
    """One entry per group that the plan touches, counting what running work (`kind:name`) touches there already."""
    planned = {str(resource): resource for resource in touches}
    everything = set(planned) | set(in_flight)
    groups = {service.group for resource in planned.values() if (service := inventory.find(resource)) is not None}
    return tuple(
        BlastRadius(
            group=group,
            touched=sum(str(member.resource) in everything for member in inventory.members(group)),
            size=len(inventory.members(group)),
        )
        for group in sorted(groups)
    )
