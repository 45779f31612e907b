"""Lambda functions and their aliases as AWS describes them, reduced to what actions decide on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recoverops.model import PermanentError, Record
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.policy import arn_of

TAGS_OF_FUNCTION = Grant(
    action="lambda:ListTags",
    on=Kind.LAMBDA,
    why="to see the function's tags, which say what is in scope",
    changes=False,
)


class Alias(Record, frozen=True, kw_only=True):
    function: str
    name: str
    version: str
    also: Mapping[str, float]
    """further versions, and their share of the calls"""
    revision: str
    """AWS's own id of this state of the alias; an update that names it fails when the alias has changed"""

    @property
    def told(self) -> str:
        """`7`, or `7 +8@0.1` when version 8 gets a tenth of the calls."""
        return " ".join((self.version, *(f"+{one}@{share:g}" for one, share in sorted(self.also.items()))))


def alias_called(calls: Calls, place: Place, function: str, name: str) -> Alias:
    """Raises `NotFoundError` when it is not there."""
    given = calls.read(place, "lambda:GetAlias", FunctionName=function, Name=name)
    routing = given.get("RoutingConfig") or {}
    return Alias(
        function=function,
        name=name,
        version=given["FunctionVersion"],
        also=routing.get("AdditionalVersionWeights") or {},
        revision=given["RevisionId"],
    )


def routing_of(told: str) -> tuple[str, dict[str, float]]:
    """Version and further shares of `Alias.told`."""
    version, *others = told.split(" +")
    return version, {one: float(share) for one, _, share in (other.partition("@") for other in others)}


def versions_of(calls: Calls, place: Place, function: str) -> Sequence[Mapping[str, Any]]:
    return calls.pages(place, "lambda:ListVersionsByFunction", "Versions", FunctionName=function)


def tags_of(calls: Calls, place: Place, function: str) -> Mapping[str, str]:
    found: Mapping[str, str] = calls.read(place, "lambda:ListTags", Resource=arn_of(Kind.LAMBDA, function, place))[
        "Tags"
    ]
    return found


def previous_version(alias: Alias, versions: Iterable[str]) -> str:
    """What to roll back to, as `Alias.told`. Pure. Raises `PermanentError` when there is nothing.

    While further versions get a share it is the main one alone; else the newest published version below it.
    """
    where = f"the alias {alias.name} of {alias.function}"
    if alias.also:
        return alias.version
    if not alias.version.isdecimal():
        raise PermanentError(f"{where} is {alias.version}, which has no version before it; publish versions")
    earlier = [int(one) for one in versions if one.isdecimal() and int(one) < int(alias.version)]
    if not earlier:
        raise PermanentError(f"{where} is version {alias.version}, and there is no earlier one")
    return str(max(earlier))
