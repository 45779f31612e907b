"""ECS services as AWS describes them, reduced to what actions decide on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls

_BACK = re.compile(r"roll(?:ing|ed) back to", re.IGNORECASE)
"""The words of ECS in a service's events, before the id of the deployment."""


class Deployment(Record, frozen=True, kw_only=True):
    id: str
    is_primary: bool
    revision: str
    """`family:number`"""
    is_failed: bool = False
    """ECS gave it up."""


class EcsService(Record, frozen=True, kw_only=True):
    ident: str
    """`cluster/service`"""
    revision: str
    """its task definition, as `family:number`"""
    running: int
    desired: int
    deployments: tuple[Deployment, ...]
    events: tuple[str, ...]
    tags: Mapping[str, str]
    is_daemon: bool = False
    was_rolled_back: bool = False
    """The primary deployment is one to which ECS went back by itself."""

    @property
    def primary(self) -> str:
        """The id of the deployment that is wanted now; empty when there is none."""
        return next((one.id for one in self.deployments if one.is_primary), "")

    @property
    def evidence(self) -> dict[str, str]:
        rollouts = "; ".join(
            f"{one.id} {one.revision}{' primary' if one.is_primary else ''}" for one in self.deployments
        )
        return {
            "service": f"{self.revision}, {self.running} of {self.desired} tasks run",
            "deployments": rollouts,
            "events": " | ".join(self.events),
        }


def ecs_service(calls: Calls, place: Place, ident: str) -> EcsService:
    """Raises `PermanentError` when it is not there."""
    cluster, _, name = ident.partition("/")
    answer = calls.read(place, "ecs:DescribeServices", cluster=cluster, services=[name], include=["TAGS"])
    active = [one for one in answer["services"] if one["status"] == "ACTIVE"]
    if not active:
        raise PermanentError(f"there is no active ECS service {ident} in {place}")
    return described_service(ident, active[0])


def described_service(ident: str, given: Mapping[str, Any]) -> EcsService:
    told = [one["message"] for one in given.get("events", ())]
    primary = next((one["id"] for one in given.get("deployments", ()) if one["status"] == "PRIMARY"), "")
    return EcsService(
        ident=ident,
        revision=revision_of(given["taskDefinition"]),
        running=given["runningCount"],
        desired=given["desiredCount"],
        deployments=tuple(
            Deployment(
                id=one["id"],
                is_primary=one["status"] == "PRIMARY",
                revision=revision_of(one["taskDefinition"]),
                is_failed=one.get("rolloutState") == "FAILED",
            )
            for one in given.get("deployments", ())
        ),
        events=tuple(told[:5]),
        tags={one["key"]: one["value"] for one in given.get("tags", ())},
        is_daemon=given.get("schedulingStrategy") == "DAEMON",
        was_rolled_back=bool(primary)
        and any(primary in _BACK.split(one, maxsplit=1)[-1] for one in told if _BACK.search(one)),
    )


def revision_of(task_definition: str) -> str:
    """`family:number` of an ARN or of itself."""
    return task_definition.rpartition("/")[2]


def previous_revision(service: EcsService, active: Iterable[str]) -> str:
    """What to roll back to. Pure. Raises `PermanentError` when there is nothing.

    While a deployment is on its way it is the one that is being replaced; else the newest active revision of the family
    below the current one. A service that is on its way back, or has come back by itself, is left alone: what it
    replaces is what had failed.
    """
    replaced = [one for one in service.deployments if not one.is_primary and one.revision != service.revision]
    newer = next((one for one in replaced if _is_newer(one.revision, service.revision)), None)
    if newer is not None:
        raise PermanentError(
            f"{service.ident} is on its way back already, from {newer.revision} to {service.revision}; wait for it"
        )
    if service.was_rolled_back:
        raise PermanentError(
            f"{service.ident} runs {service.revision}, to which ECS went back by itself after a deployment had failed; "
            "going further back is for a person"
        )
    good = [one.revision for one in replaced if not one.is_failed]
    if good:
        return good[0]
    failed = {one.revision for one in replaced}
    family, _, number = service.revision.rpartition(":")
    numbered = [_numbered(one) for one in active if revision_of(one) not in failed]
    earlier = [one for one in numbered if one[0] == family and one[1] < int(number)]
    if not earlier:
        raise PermanentError(f"{service.ident} runs {service.revision}, and no earlier revision is active")
    return f"{family}:{max(number for _, number in earlier)}"


def _is_newer(revision: str, than: str) -> bool:
    (family, number), (other, current) = _numbered(revision), _numbered(than)
    return family == other and number > current


def _numbered(task_definition: str) -> tuple[str, int]:
    family, _, number = revision_of(task_definition).rpartition(":")
    return family, int(number)


def active_revisions(calls: Calls, place: Place, family: str) -> Sequence[str]:
    return calls.pages(
        place, "ecs:ListTaskDefinitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE", sort="DESC"
    )
