"""Which faults a demo shows, in their order.

A fault comes in here when RecoverOps has what it takes: the source that sees it, the diagnosis that names it, and the
action of its runbook. `recoverops demo` runs all of these; the lab's tests prove every fault, in here or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from recoverops.lab.faults import FAULTS, Fault
from recoverops.model import IncidentKind, MisconfiguredError

SCENARIOS: tuple[str, ...] = (
    "crash",
    "hang",
    "port-taken",
    "disk-fill",
    "bad-deployment",
    "cpu-burn",
    "slow-dependency",
    "broken-permission",
    "pool-exhausted",
    "sick-backend",
    "memory-leak",
)


def chosen(only: Collection[str]) -> tuple[Fault, ...]:
    """Those named, in the order of the list; without a name all of `SCENARIOS`. Raises MisconfiguredError."""
    for name in only:
        if name not in FAULTS:
            near = get_close_matches(name, FAULTS, n=1)
            hint = f'did you mean "{near[0]}"?' if near else "known are " + ", ".join(FAULTS)
            raise MisconfiguredError(f'there is no fault "{name}"; {hint}')
    return tuple(fault for name, fault in FAULTS.items() if name in (only or SCENARIOS))


def causes_of(faults: Iterable[Fault]) -> frozenset[IncidentKind]:
    """What RecoverOps has rules for while it is shown these: always the whole list's causes, and theirs."""
    return frozenset(fault.cause_expected for fault in (*(FAULTS[name] for name in SCENARIOS), *faults))
