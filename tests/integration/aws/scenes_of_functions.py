"""The scenes of the actions on Lambda functions."""

from __future__ import annotations

import io
import zipfile

from tests.integration.aws.scene import Scene, unique_tags

from recoverops.testing.aws import Aws


def alias_scene(aws: Aws) -> Scene:
    """Three published versions, and the alias `live`."""
    tags, functions = unique_tags(), aws.admin("lambda")
    name = tags["service"]
    _function(aws, name, tags)
    for number in range(3):
        functions.update_function_code(FunctionName=name, ZipFile=_code(number))
        functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="3")

    def told() -> object:
        found = functions.get_alias(FunctionName=name, Name="live")
        return found["FunctionVersion"], (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    def point(version: str) -> None:
        functions.update_alias(
            FunctionName=name, Name="live", FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": {}}
        )

    return Scene(
        address=f"lambda id={name}",
        by_tags=f"lambda tag:service={name}",
        break_it=lambda: point("3"),
        snapshot=told,
        tamper=lambda: point("1"),
        arguments={"alias": "live"},
    )


def concurrency_scene(aws: Aws) -> Scene:
    """Nothing reserved; five are wanted."""
    tags, functions = unique_tags(), aws.admin("lambda")
    name = tags["service"]
    _function(aws, name, tags)
    return Scene(
        address=f"lambda id={name}",
        by_tags=f"lambda tag:service={name}",
        break_it=lambda: functions.delete_function_concurrency(FunctionName=name),
        snapshot=lambda: functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions"),
        tamper=lambda: functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=9),
        arguments={"reserved": "5"},
    )


def _function(aws: Aws, name: str, tags: dict[str, str]) -> None:
    made = aws.admin("iam").create_role(RoleName=f"role-of-{name}", AssumeRolePolicyDocument="{}")
    aws.admin("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=made["Role"]["Arn"],
        Handler="main.answer",
        Code={"ZipFile": _code(0)},
        Tags=tags,
    )


def _code(number: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", f"def answer(event, context):\n    return {number}\n")
    return packed.getvalue()
