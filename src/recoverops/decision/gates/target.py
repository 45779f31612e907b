"""Which resources may be touched, and how many at once: protected targets, allow list, blast radius."""

from __future__ import annotations

from fnmatch import fnmatchcase

from recoverops.decision.facts import Facts
from recoverops.decision.gates.answers import passed, refused
from recoverops.model import Condition, ConditionStatus, GateName, GateVerdict, Reason
from recoverops.topology import blast_radius


def protected_targets(facts: Facts) -> GateVerdict:
    gate = GateName.PROTECTED_TARGETS
    for resource in facts.felt:
        for pattern in facts.settings.protected:
            if fnmatchcase(str(resource), pattern):
                return refused(
                    gate,
                    Reason.TARGET_PROTECTED,
                    f'{resource} is protected by the pattern "{pattern}" (decision.protected)',
                )
    service = facts.inventory.find(facts.plan.target)
    if service is None:
        return passed(gate, f"no pattern of decision.protected matches {facts.plan.target}")
    last = _last_healthy(facts, service.group)
    if last:
        return refused(
            gate,
            Reason.LAST_HEALTHY_MEMBER,
            f'{", ".join(last)} is the last healthy member of the group "{service.group}"',
        )
    return passed(gate, f"{facts.plan.target} is not protected and not the last healthy member of its group")


def _last_healthy(facts: Facts, group: str) -> tuple[str, ...]:
    """The healthy members that the plan touches, when nobody healthy would be left beside running work."""
    healthy = {
        str(member.resource)
        for member in facts.inventory.members(group)
        if _is_healthy(facts, facts.group_conditions.get(member.name, ()))
    }
    threatened = healthy & {str(resource) for resource in facts.felt}
    left = healthy - threatened - set(facts.usage.targets_in_flight)
    return () if left else tuple(sorted(threatened))


def _is_healthy(facts: Facts, conditions: tuple[Condition, ...]) -> bool:
    """Seen normal in everything that still tells about now; a member that nobody has heard of is not."""
    told = [one for one in conditions if facts.is_fresh(one)]
    return bool(told) and all(one.status is ConditionStatus.NORMAL for one in told)


def allow_list(facts: Facts) -> GateVerdict:
    gate = GateName.ALLOW_LIST
    for resource in facts.felt:
        if facts.inventory.find(resource) is None:
            return refused(gate, Reason.TARGET_UNKNOWN, f"{resource} is not in the inventory (services:)")
        if not any(fnmatchcase(str(resource), pattern) for pattern in facts.settings.allow):
            return refused(gate, Reason.NOT_ON_ALLOW_LIST, f"no pattern of decision.allow matches {resource}")
    return passed(gate, f"{', '.join(map(str, facts.felt))} may be acted on")


def blast_radius_gate(facts: Facts) -> GateVerdict:
    gate, settings = GateName.BLAST_RADIUS, facts.settings
    radii = blast_radius(facts.inventory, facts.felt, facts.usage.targets_in_flight)
    for radius in radii:
        told = f'{radius.touched} of {radius.size} members of "{radius.group}" would be touched at the same time'
        if radius.touched > settings.max_targets:
            return refused(gate, Reason.BLAST_RADIUS_COUNT, f"{told}, allowed are {settings.max_targets} (max_targets)")
        if radius.size > 1 and radius.share > settings.max_share_of_group:
            return refused(
                gate,
                Reason.BLAST_RADIUS_SHARE,
                f"{told}, allowed is a share of {settings.max_share_of_group:.0%} (max_share_of_group)",
            )
    told = "; ".join(f'{radius.touched} of {radius.size} of "{radius.group}"' for radius in radii) or "no group"
    return passed(gate, f"touches {told}")
