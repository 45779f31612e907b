"""Stands before moto's services: who asks, may they, and does the call meet a fault.

It takes the place of moto's own enforcement for as long as the server runs. Errors leave in the protocol of the service
that was asked, with the codes and the wording of AWS.
"""

from __future__ import annotations

import json
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn

from recoverops.testing.aws.faults import Fault, Faults
from recoverops.testing.aws.named import (
    Call,
    Named,
    action_of,
    context_of,
    passed_roles,
    resources_of,
    tagged_at_creation,
)
from recoverops.testing.aws.policies import Asked, allows, trusts

_ANONYMOUS = frozenset({"s3", "sns"})
"""May be asked without credentials: objects by a signed address, and confirmations of subscriptions."""
_JSON = frozenset({"ecs", "kinesis", "lambda", "logs", "pricing", "secretsmanager", "ssm", "tag"})
"""Services whose errors are named with `Exception` at the end."""
_FREE = frozenset({"sts:GetCallerIdentity"})
"""Always allowed, as in AWS."""


class RefusedError(Exception):
    """The request is not done. Becomes an error of AWS with this code."""

    def __init__(self, code: str, message: str, *, status: int = 0) -> None:
        """`status`: of HTTP; without it the one that the protocol has for this code."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class NoAnswerError(ConnectionAbortedError):
    """The web server drops a request whose handler raises this."""


Answers = Mapping[str, Callable[[Call], Mapping[str, Any]]]
"""`service:Api` -> what the double itself answers in the place of moto; it may raise `RefusedError`."""


@contextmanager
def guarded(admins: frozenset[str], faults: Faults, answers: Answers) -> Iterator[None]:
    """Every call of moto's services in this process passes the door for the time of the context."""
    from moto.core.responses import BaseResponse

    moto = BaseResponse.call_action
    BaseResponse.call_action = lambda response: _passed(response, partial(_done, moto, answers), admins, faults)
    try:
        yield
    finally:
        BaseResponse.call_action = moto


def _passed(response: Any, usual: Callable[[Any], Any], admins: frozenset[str], faults: Faults) -> Any:
    key = response.get_access_key()
    if "Authorization" not in response.headers and response.service_name not in _ANONYMOUS:
        told = "Request is missing Authentication Token"
        return _refused(response, RefusedError("MissingAuthenticationToken", told))
    if key in admins or "Authorization" not in response.headers:
        return usual(response)
    call = _call_of(response)
    fault = faults.met_by(f"{call.service}:{call.api}")
    if fault is Fault.SILENT:
        hang_up(response)
    try:
        if fault is Fault.THROTTLED:
            raise RefusedError(*_throttled(call))
        if fault is Fault.REFUSED:
            raise RefusedError("InvalidRequest", "The request is refused, as the test wants it.")
        if fault is Fault.NO_ROOM:
            told = "We currently do not have sufficient capacity in the Availability Zone you requested."
            raise RefusedError("InsufficientInstanceCapacity", told, status=500)
        who = judge(response, key, call, faults)
    except RefusedError as error:
        return _refused(response, error)
    with faults.turn:
        answer = usual(response)
    if answer[0] < 400:  # a dry run is told as an error
        faults.was_done(who, f"{call.service}:{call.api}")
    if fault is Fault.LOST:
        hang_up(response)
    return answer


def _done(moto: Callable[[Any], Any], answers: Answers, response: Any) -> Any:
    """By us where moto has nothing, or pretends; else by moto."""
    from moto.core.responses import ActionResult

    if "Authorization" not in response.headers:
        return moto(response)
    call = _call_of(response)
    answer = answers.get(f"{call.service}:{call.api}")
    if answer is None:
        return moto(response)
    try:
        return response.serialized(ActionResult(answer(call)))
    except RefusedError as error:
        return _refused(response, error)


def hang_up(response: Any) -> NoReturn:
    response.normalized_request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise NoAnswerError("the connection ends without an answer")


def _call_of(response: Any) -> Call:
    scope = response.headers["Authorization"].partition("Credential=")[2].partition(",")[0].split("/")
    body: Any = {}
    with suppress(ValueError, TypeError):
        body = json.loads(response.body or "{}")
    form = {key: value if isinstance(value, list) else [value] for key, value in response.querystring.items()}
    service = {"monitoring": "cloudwatch", "tagging": "tag"}.get(scope[3], scope[3])
    return Call(
        service=service,
        api=response._get_action(),
        region=scope[2],
        account=response.current_account,
        form=form,
        body=body if isinstance(body, Mapping) else {},
        path=response.path,
    )


def judge(response: Any, key: str, call: Call, faults: Faults) -> str:
    """The name of the user or role. Raises `RefusedError`."""
    from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, create_access_key

    try:
        owner = create_access_key(call.account, "aws", key, response.headers)
    except CreateAccessKeyFailure:
        code = "AuthFailure" if call.service == "ec2" else "InvalidClientTokenId"
        raise RefusedError(code, "The security token included in the request is invalid") from None
    action, who = action_of(call), str(owner.arn).split("/")[1]
    if faults.expires_now(who, action):
        faults.expire(key)
    if faults.is_expired(key, is_assumed=isinstance(owner, AssumedRoleAccessKey)):
        code = {
            "ec2": "RequestExpired",
            "ecs": "ExpiredTokenException",
            "kinesis": "ExpiredTokenException",
            "logs": "ExpiredTokenException",
            "ssm": "ExpiredTokenException",
        }.get(call.service, "ExpiredToken")
        raise RefusedError(code, "The security token included in the request is expired")
    if action in _FREE:
        return who
    policies = [_document(one) for one in owner.collect_policies()]
    for named in resources_of(call):
        asked = Asked(action=action, resource=named.arn, context=context_of(call, named))
        if not allows(policies, asked) or not _is_trusted(action, named, asked, owner.arn):
            raise RefusedError(*_denied(call, action, owner.arn, named))
    for named in tagged_at_creation(call):
        context = {**context_of(call, named), "ec2:createaction": (call.api,)}
        asked = Asked(action="ec2:CreateTags", resource=named.arn, context=context)
        if not allows(policies, asked):
            raise RefusedError(*_denied(call, asked.action, owner.arn, named))
    for role, service in passed_roles(call):
        passing = Asked(action="iam:PassRole", resource=role, context={"iam:passedtoservice": (service,)})
        if not allows(policies, passing):
            raise RefusedError(*_denied(call, passing.action, owner.arn, Named(arn=role)))
    return who


def _is_trusted(action: str, named: Named, asked: Asked, principal: str) -> bool:
    """A role is assumed only if it is there and trusts who asks; for everything else this is no question."""
    if action != "sts:AssumeRole":
        return True
    from moto.iam.models import iam_backends

    backend = iam_backends[named.arn.split(":")[4]]["aws"]
    role = next((one for one in backend.roles.values() if one.arn == named.arn), None)
    return role is not None and trusts(json.loads(role.assume_role_policy_document), asked, principal)


def _document(policy: Any) -> Mapping[str, Any]:
    """Inline policies of moto are texts or mappings, managed ones have versions."""
    if isinstance(policy, str):
        text = policy
    elif isinstance(policy, Mapping):
        text = policy["policy_document"]
    else:
        text = next(one.document for one in policy.versions if one.is_default)
    document: Mapping[str, Any] = json.loads(text)
    return document


def _denied(call: Call, action: str, principal: str, named: Named) -> tuple[str, str]:
    where = "" if named.arn == "*" else f" on resource: {named.arn}"
    told = (
        f"User: {principal} is not authorized to perform: {action}{where} because no identity-based policy allows the "
        f"{action} action"
    )
    if call.service == "sns":
        return "AuthorizationError", told
    if call.service == "ec2":
        return "UnauthorizedOperation", f"You are not authorized to perform this operation. {told}"
    return ("AccessDeniedException" if call.service in _JSON else "AccessDenied"), told


def _throttled(call: Call) -> tuple[str, str]:
    if call.service == "ec2":
        return "RequestLimitExceeded", "Request limit exceeded."
    if call.service == "kinesis" and call.api.startswith("Get"):
        return "ProvisionedThroughputExceededException", "Rate exceeded for shard."
    return ("ThrottlingException" if call.service in {"ecs", "logs", "ssm"} else "Throttling"), "Rate exceeded"


def _refused(response: Any, error: RefusedError) -> Any:
    from moto.core.responses import ActionResult

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # moto misses our code in the service's own list of errors
        status, headers, body = response.serialized(ActionResult(error))
    return error.status or max(status, 400), headers, body
