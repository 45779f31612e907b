"""Containers on ECS: lines that `awslogs` passes on, and the objects that FireLens puts around them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from recoverops.plugins.aws.formats.line import Line
from recoverops.plugins.aws.formats.structured import any_line, decoded, json_line

_NAMES = {
    "container_name": "container.name",
    "container_id": "container.id",
    "ecs_task_arn": "aws.ecs.task.arn",
    "ecs_cluster": "aws.ecs.cluster.name",
}


def ecs_line(text: str) -> Line:
    found = decoded(text)
    if found is None:
        return any_line(text)
    wrapped = found.get("log")
    if not isinstance(wrapped, str) or not any(name in found for name in _NAMES):
        return json_line(found, text)
    inner = any_line(wrapped.rstrip("\n"))
    return msgspec.structs.replace(inner, attributes={**_of_container(found), **inner.attributes})


def _of_container(found: Mapping[str, Any]) -> dict[str, str]:
    attributes = {new: found[old] for old, new in _NAMES.items() if isinstance(found.get(old), str)}
    family, colon, revision = str(found.get("ecs_task_definition", "")).partition(":")
    if colon:
        attributes |= {"aws.ecs.task.family": family, "aws.ecs.task.revision": revision}
    return attributes
