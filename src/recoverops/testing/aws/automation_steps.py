"""What the steps of Automation documents do in the double: API calls over HTTP, with the rights of the document's role.

Waiting is shortened: a property is looked at every 100 ms, and `aws:sleep` sleeps 200 ms at most.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_LOOK_S = 0.1
_LONGEST_SLEEP_S = 0.2
_DEFAULT_TIMEOUT_S = 60.0
_OPEN = frozenset({"Pending", "InProgress", "Delayed"})

Clients = Callable[[str], Any]
"""The SDK's client of a service, with the role's credentials."""


class StepError(Exception):
    """A step failed, with this message."""


Answer = Mapping[str, Any]
StepAction = Callable[[Mapping[str, Any], Mapping[str, Any], Clients, threading.Event], Answer]
"""Inputs, the whole step, clients, and the wish to stop -> what outputs select from."""


def _call(inputs: Mapping[str, Any], clients: Clients, without: Sequence[str] = ()) -> Answer:
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    parameters = {key: one for key, one in inputs.items() if key not in {"Service", "Api", *without}}
    try:
        client = clients(str(inputs["Service"]).lower())
        answer: Answer = getattr(client, xform_name(str(inputs["Api"])))(**parameters)
    except (ClientError, BotoCoreError) as error:
        raise StepError(str(error)) from error
    return answer


def _execute(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, _: threading.Event) -> Answer:
    return _call(inputs, clients)


_SELECTS = ("PropertySelector", "DesiredValues")


def _assert(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, _: threading.Event) -> Answer:
    answer = _call(inputs, clients, _SELECTS)
    found = selected(answer, inputs["PropertySelector"])
    if str(found) not in [str(one) for one in inputs["DesiredValues"]]:
        raise StepError(f"{inputs['PropertySelector']} is {found}, expected one of {inputs['DesiredValues']}")
    return answer


def _wait(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, stopping: threading.Event) -> Answer:
    last = StepError("it was stopped")
    for _ in range(int(float(step.get("timeoutSeconds", _DEFAULT_TIMEOUT_S)) / _LOOK_S)):
        try:
            return _assert(inputs, step, clients, stopping)
        except StepError as error:
            last = error
        if stopping.wait(_LOOK_S):
            break
    raise last


def _run(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, stopping: threading.Event) -> Answer:
    from botocore.exceptions import BotoCoreError, ClientError

    sent = _call({"Service": "ssm", "Api": "SendCommand", **inputs}, clients)["Command"]
    ssm = clients("ssm")
    (instance,) = sent["InstanceIds"]
    for _ in range(int(float(step.get("timeoutSeconds", _DEFAULT_TIMEOUT_S)) / _LOOK_S)):
        if stopping.wait(_LOOK_S):
            break
        try:
            found = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=instance)
        except ssm.exceptions.InvocationDoesNotExist:
            continue
        except (ClientError, BotoCoreError) as error:
            raise StepError(str(error)) from error
        if found["Status"] in _OPEN:
            continue
        if found["Status"] != "Success":
            raise StepError(
                f"the command {sent['CommandId']} ended as {found['Status']}: {found['StandardErrorContent']}"
            )
        return {
            "CommandId": sent["CommandId"],
            "Status": found["Status"],
            "ResponseCode": found["ResponseCode"],
            "Output": found["StandardOutputContent"],
        }
    raise StepError(f"the command {sent['CommandId']} did not end in time")


def _sleep(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, stopping: threading.Event) -> Answer:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", str(inputs["Duration"]))
    if match is None:
        raise StepError(f"{inputs['Duration']} is not a duration such as PT10S")
    hours, minutes, seconds = (int(one or 0) for one in match.groups())
    stopping.wait(min(3600 * hours + 60 * minutes + seconds, _LONGEST_SLEEP_S))
    return {}


def _branch(inputs: Mapping[str, Any], step: Mapping[str, Any], clients: Clients, _: threading.Event) -> Answer:
    for choice in inputs["Choices"]:
        compare = next((_COMPARE[key], one) for key, one in choice.items() if key in _COMPARE)
        if compare[0](choice["Variable"], compare[1]):
            return {"NextStep": choice["NextStep"]}
    if "Default" in inputs:
        return {"NextStep": inputs["Default"]}
    return {}


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "StringEquals": lambda value, wanted: str(value) == str(wanted),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericGreater": lambda value, wanted: float(value) > float(wanted),
    "NumericLesser": lambda value, wanted: float(value) < float(wanted),
    "BooleanEquals": lambda value, wanted: str(value).lower() == str(wanted).lower(),
}
ACTIONS: Mapping[str, StepAction] = {
    "aws:executeAwsApi": _execute,
    "aws:assertAwsResourceProperty": _assert,
    "aws:waitForAwsResourceProperty": _wait,
    "aws:runCommand": _run,
    "aws:sleep": _sleep,
    "aws:branch": _branch,
}


def outputs_of(step: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """The outputs that the step declares, and those that its action has by itself."""
    found = {one["Name"]: selected(answer, one["Selector"]) for one in step.get("outputs", ())}
    own = {"CommandId", "Status", "ResponseCode", "Output"} if step["action"] == "aws:runCommand" else set()
    return {**{name: answer[name] for name in own}, **found}


def selected(answer: Any, selector: str) -> Any:
    """The part of JSONPath that documents use: `$.Reservations[0].Instances[0].State.Name`, with `$..` left out."""
    if not re.fullmatch(r"\$(\.[A-Za-z0-9_]+|\[\d+\])+", selector):
        raise StepError(f"the double does not know the selector {selector}")
    found = answer
    for name, number in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", selector):
        try:
            found = found[name] if name else found[int(number)]
        except (KeyError, IndexError, TypeError) as error:
            raise StepError(f"{selector} selects nothing") from error
    return found
