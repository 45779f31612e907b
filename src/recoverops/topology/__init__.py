"""What there is, what belongs together, and how far an action reaches. Pure."""

from __future__ import annotations

from recoverops.topology.blast_radius import BlastRadius, blast_radius
from recoverops.topology.inventory import Inventory
from recoverops.topology.nearness import mistaken_for
from recoverops.topology.patterns import covered, has_wildcard, never_matches
from recoverops.topology.settings import ServiceSettings

__all__ = [
    "BlastRadius",
    "Inventory",
    "ServiceSettings",
    "blast_radius",
    "covered",
    "has_wildcard",
    "mistaken_for",
    "never_matches",
]
