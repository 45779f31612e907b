"""Scenes of the actions on Lambda functions. Nobody calls the functions."""

from __future__ import annotations

import io
import zipfile

from tests.live.aws.acting import Act, acted
from tests.live.aws.prices import Use
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

_REQUESTS = (Use(what="requests"),)


def _function(stage: Stage) -> str:
    """A function with two published versions."""
    from botocore.exceptions import ClientError

    client, name = stage.client("lambda"), stage.called()
    role = stage.role("runs", service="lambda.amazonaws.com")

    def made() -> bool:
        try:
            client.create_function(
                FunctionName=name,
                Runtime="python3.12",
                Role=role,
                Handler="main.answer",
                Code={"ZipFile": _code(1)},
                Publish=True,
                Tags=stage.tags,
            )
        except ClientError as error:
            if "cannot be assumed" not in str(error):
                raise
            return False  # the role is new
        return True

    stage.ground.until("that Lambda may take the new role", made)
    stage.kept("function", name)
    _settled(stage, name)
    client.update_function_code(FunctionName=name, ZipFile=_code(2), Publish=True)
    _settled(stage, name)
    return name


def _settled(stage: Stage, name: str) -> None:
    def is_settled() -> bool:
        found = stage.client("lambda").get_function_configuration(FunctionName=name)
        states = {found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")}
        return states == {"Active", "Successful"}

    stage.ground.until("that the function is ready", is_settled)


def _code(number: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", f"def answer(event, context):\n    return {number}\n")
    return packed.getvalue()


def _alias(stage: Stage) -> None:
    client, name = stage.client("lambda"), _function(stage)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="2")

    def eyes() -> object:
        return client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]

    acted(stage, Act(action="lambda-rollback", address=f"lambda id={name}", arguments={"alias": "live"}, eyes=eyes))


def _concurrency(stage: Stage) -> None:
    """None at all: that takes nothing away from the other functions of the account."""
    client, name = stage.client("lambda"), _function(stage)

    def eyes() -> object:
        return client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")

    acted(stage, Act(action="lambda-concurrency", address=f"lambda id={name}", arguments={"reserved": "0"}, eyes=eyes))


FUNCTIONS = (
    Scene(name="lambda-rollback", uses=_REQUESTS, play=_alias),
    Scene(name="lambda-concurrency", uses=_REQUESTS, play=_concurrency),
)
