"""Errors of the SDK as errors of ours, sorted by what the caller does next. Pure; called by `calls.py` alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)
from recoverops.redact import redact

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized"}
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_INVALID = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
    }
)
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
        "SlowDown",
        "EC2ThrottledException",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
    }
)
_AT_ONCE = frozenset({"ConditionalRequestConflict", "OperationAborted"})
"""S3 did nothing because somebody else wrote at the same moment, and asks to do it again."""
_NO_ROOM = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientAddressCapacity",
        "InsufficientVolumeCapacity",
    }
)
"""EC2 answers them as errors of its own (5xx), and did nothing."""
_CHANGED = "PreconditionFailed"
_ABSENT = re.compile(r"NotFound|NoSuch|DoesNotExist|Malformed$")
_WHAT = re.compile(r"not authorized to perform:? ([a-z0-9-]+:\w+)(?: on resource: ([^\s]+))?")
_LONGEST = 400


class ExpiredError(ForbiddenError):
    """The credentials were good and are not any more; the call was not done. `calls.py` gets new ones, once."""


class ThrottledError(RetryableError):
    """AWS did nothing, because too much was asked of it."""


def is_dry_run_success(error: Any) -> bool:
    return code_of(error) == "DryRunOperation"


def translated(error: Any, call: str, where: str, *, changes: bool) -> RecoverOpsError:
    """`error` is a ClientError: AWS answered. `call` is `service:Api`, `changes` says whether it may have an effect."""
    code, message = code_of(error), redact(str(error.response.get("Error", {}).get("Message", "")))[:_LONGEST]
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    refusal = _not_let_in(code, message, call, where)
    if refusal is not None:
        return refusal
    collision = _not_now(code, message, call, where)
    if collision is not None:
        return collision
    if code in _NO_ROOM:
        return PermanentError(f"{call} in {where}: AWS has no room for it now ({code}: {message}); nothing was done")
    if status >= 500 or code in {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"}:
        told = f"{call} in {where}: AWS has trouble of its own ({code}: {message})"
        return OutcomeUnknownError(f"{told}; it may have taken effect") if changes else UnreachableError(told)
    if _ABSENT.search(code):
        return NotFoundError(f"{call} in {where}: {message or code}")
    return PermanentError(f"{call} in {where} is refused: {code}: {message}")


def _not_let_in(code: str, message: str, call: str, where: str) -> RecoverOpsError | None:
    """None when AWS did not complain about credentials or permissions."""
    if code in _DENIED:
        return _forbidden(message, call, where)
    if code in _EXPIRED:
        return ExpiredError(f"{call} in {where}: the credentials have expired; renew them")
    if code in _INVALID:
        return MisconfiguredError(
            f"{call} in {where}: AWS does not know these credentials ({code}); check the key, and that the region is "
            "enabled for the account"
        )
    return None


def _not_now(code: str, message: str, call: str, where: str) -> RecoverOpsError | None:
    """None unless others were in the way: nothing was done."""
    if code in _THROTTLED:
        return ThrottledError(f"{call} in {where} is throttled by AWS ({code})", delay=timedelta(seconds=5))
    if code in _AT_ONCE:
        return ThrottledError(f"{call} in {where}: another write of the same was under way ({code})")
    if code == _CHANGED:
        return ConflictError(f"{call} in {where}: it is not what it was expected to be ({message})")
    return None


def lost(error: Exception, call: str, where: str, *, changes: bool, was_sent: bool) -> RecoverOpsError:
    """AWS did not answer. A call that changes something and was sent may have taken effect."""
    told = f"{call} in {where}: no answer ({type(error).__name__})"
    if changes and was_sent:
        return OutcomeUnknownError(f"{told}; it may have taken effect")
    return UnreachableError(told)


def code_of(error: Any) -> str:
    """What AWS calls it; empty when AWS did not answer."""
    answer = getattr(error, "response", None) or {}  # None with the SDK's own errors
    return str(answer.get("Error", {}).get("Code", ""))


def _forbidden(message: str, call: str, where: str) -> ForbiddenError:
    match = _WHAT.search(message)
    right, on = (match[1], match[2]) if match else (call, None)
    return ForbiddenError(
        f"the permission {right} is missing{f' on {on}' if on else ''} in {where}; "
        "`recoverops permissions aws` prints the policy that has it"
    )
