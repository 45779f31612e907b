"""`iam:SimulatePrincipalPolicy`, which moto lacks: judged by the same reading of policies as every call of the double.

It knows users and roles, the actions, resources and string conditions of a request; no boundaries, no organisation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recoverops.testing.aws.named import Call
from recoverops.testing.aws.policies import Asked, allows

Answer = Callable[[Call], Mapping[str, Any]]


def answers() -> dict[str, Answer]:
    return {"iam:SimulatePrincipalPolicy": _simulated}


def _simulated(call: Call) -> Mapping[str, Any]:
    policies = list(_policies(call))
    context = dict(_context(call))
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed"
            if allows(policies, Asked(action=action, resource=resource, context=context))
            else "implicitDeny",
        }
        for action in call.values("ActionNames.member")
        for resource in call.values("ResourceArns.member") or ("*",)
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _context(call: Call) -> Iterator[tuple[str, tuple[str, ...]]]:
    """In the spelling of `policies.Asked`."""
    number = 1
    while names := call.values(f"ContextEntries.member.{number}.ContextKeyName"):
        prefix, slash, rest = names[0].partition("/")
        values = call.values(f"ContextEntries.member.{number}.ContextKeyValues.member")
        yield f"{prefix.lower()}{slash}{rest}", values
        number += 1


def _policies(call: Call) -> Iterator[Mapping[str, Any]]:
    """Of the user or role that is asked about."""
    from moto.iam.models import iam_backends

    backend = iam_backends[call.account]["aws"]
    (arn,) = call.values("PolicySourceArn")
    kind, _, path = arn.split(":", 5)[5].partition("/")
    name = path.rpartition("/")[2]
    if kind == "role":
        inline = [backend.get_role_policy(name, one)[1] for one in backend.list_role_policies(name)]
        attached = backend.list_attached_role_policies(name)[0]
    else:
        inline = [backend.get_user_policy(name, one)["policy_document"] for one in backend.list_user_policies(name)]
        attached = backend.list_attached_user_policies(name)[0]
    yield from (json.loads(one) for one in inline)
    yield from (json.loads(next(one.document for one in policy.versions if one.is_default)) for policy in attached)
