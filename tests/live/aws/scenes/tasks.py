"""Scenes of the actions on ECS services, in a cluster without instances: no task ever runs, and nothing is paid.

So they show the calls, the permissions and the states of a service; not that tasks are replaced.
"""

from __future__ import annotations

from typing import Any

from tests.live.aws.acting import Act, acted
from tests.live.aws.prices import Use
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

_REQUESTS = (Use(what="requests"),)


def _service(stage: Stage) -> str:
    """`cluster/service`, with two revisions; nothing is wanted to run."""
    ecs, name = stage.client("ecs"), stage.called()
    tags = [{"key": key, "value": value} for key, value in stage.tags.items()]
    ecs.create_cluster(clusterName=name, tags=tags)
    stage.kept("ECS cluster", name)
    for number in (1, 2):
        container = {"name": "main", "image": "public.ecr.aws/docker/library/busybox:stable", "memory": 16 * number}
        made = ecs.register_task_definition(family=name, containerDefinitions=[container], tags=tags)
        stage.kept("task definition", made["taskDefinition"]["taskDefinitionArn"])
    ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=f"{name}:2",
        desiredCount=0,
        launchType="EC2",
        tags=tags,
    )
    return f"{name}/{name}"


def _told(stage: Stage, ident: str) -> dict[str, Any]:
    cluster, _, name = ident.partition("/")
    found: dict[str, Any] = stage.client("ecs").describe_services(cluster=cluster, services=[name])["services"][0]
    return found


def _rollback(stage: Stage) -> None:
    ident = _service(stage)

    def eyes() -> object:
        return _told(stage, ident)["taskDefinition"].rpartition("/")[2]

    acted(stage, Act(action="ecs-rollback", address=f"ecs id={ident}", eyes=eyes))


def _redeploy(stage: Stage) -> None:
    ident = _service(stage)

    def eyes() -> object:
        return [one["id"] for one in _told(stage, ident)["deployments"] if one["status"] == "PRIMARY"]

    acted(stage, Act(action="ecs-redeploy", address=f"ecs id={ident}", eyes=eyes))


def _scale(stage: Stage) -> None:
    """A task more is wanted, which finds no instance to run on."""
    ident = _service(stage)
    eyes = lambda: _told(stage, ident)["desiredCount"]  # noqa: E731
    acted(stage, Act(action="ecs-scale", address=f"ecs id={ident}", arguments={"count_delta": "+1"}, eyes=eyes))


TASKS = (
    Scene(name="ecs-rollback", uses=_REQUESTS, play=_rollback),
    Scene(name="ecs-redeploy", uses=_REQUESTS, play=_redeploy),
    Scene(name="ecs-scale", uses=_REQUESTS, play=_scale),
)
