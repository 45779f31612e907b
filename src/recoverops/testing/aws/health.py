"""Health of targets, which moto calls healthy all: `call_unhealthy` marks one, `draining` keeps one listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MARK, _SLOW = "unhealthy_targets", "slow_targets"


def call_unhealthy(target_group: str, target: str) -> None:
    """From now on the load balancer calls the target of this target group (an ARN) unhealthy."""
    _group(target_group).__dict__.setdefault(_MARK, set()).add(target)


@contextmanager
def draining(target_group: str, target: str) -> Iterator[None]:
    """A target that is taken out is listed as `draining` for the time of the context."""
    slow = _group(target_group).__dict__.setdefault(_SLOW, set())
    slow.add(target)
    try:
        yield
    finally:
        slow.discard(target)


def _group(target_group: str) -> Any:
    from moto.elbv2.models import elbv2_backends

    _, _, _, region, account, _ = target_group.split(":", 5)
    return elbv2_backends[account][region].target_groups[target_group]


def health_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup

    usual, usual_list = FakeTargetGroup.health_for, ELBv2Backend.describe_target_health

    def health_for(group: Any, target: Any, ec2_backend: Any) -> Any:
        found = usual(group, target, ec2_backend)
        if found.status == "healthy" and target["Id"] in group.__dict__.get(_MARK, ()):
            found.status = "unhealthy"
            found.reason = "Target.FailedHealthChecks"
        return found

    def describe(backend: Any, target_group_arn: str, targets: Any) -> Any:
        found = usual_list(backend, target_group_arn, targets)
        group = backend.target_groups[target_group_arn]
        slow = [one for ident, one in group.deregistered_targets.items() if ident in group.__dict__.get(_SLOW, ())]
        port = group.health_check_port
        return [*found, *(FakeHealthStatus(one["Id"], one["Port"], port, "draining") for one in slow)]

    yield FakeTargetGroup, "health_for", health_for
    yield ELBv2Backend, "describe_target_health", describe
