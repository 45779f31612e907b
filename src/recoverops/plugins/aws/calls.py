"""The one way to call AWS: pagination, retries, errors of ours, a count of every call.

A call that changes something is repeated only when AWS said that it did nothing (throttling, expired credentials);
when the answer is lost it is `OutcomeUnknownError`, and the caller probes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from recoverops.model import (
    ForbiddenError,
    MisconfiguredError,
    OutcomeUnknownError,
    RecoverOpsError,
    RetryableError,
    UnreachableError,
)
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.errors import ExpiredError, ThrottledError, is_dry_run_success, lost, translated
from recoverops.plugins.aws.sessions import Sessions
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.ports import Clock, PluginContext
from recoverops.redact import redact

_SERVICES = {"tag": "resourcegroupstaggingapi", "elasticloadbalancing": "elbv2"}
"""IAM's prefix -> the SDK's name, where they differ."""
_MOST_PAGES = 1000
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 5.0

Count = Callable[[str, str], None]
"""Told each call, and its outcome: `ok`, `denied`, `expired`, `throttled`, `no_answer` or `refused`."""


class Clients(Protocol):
    """Where clients of the SDK come from: `sessions.Sessions`, or `s3_endpoint.EndpointSessions`."""

    def client(self, place: Place, service: str, *, changes: bool) -> Any: ...

    def own_key(self) -> str | None: ...

    def renew(self, account: str) -> None: ...


class Calls:
    """Thread-safe."""

    def __init__(self, settings: AwsSettings, *, sessions: Clients, clock: Clock, count: Count) -> None:
        self._settings = settings
        self._sessions = sessions
        self._clock = clock
        self._count = count

    @classmethod
    def of(cls, settings: AwsSettings, context: PluginContext, sessions: Clients | None = None) -> Calls:
        """`sessions`: others than those of the accounts."""

        def count(call: str, outcome: str) -> None:
            if context.telemetry is not None:
                context.telemetry.count("recoverops_plugin_calls_total", plugin="aws", call=call, outcome=outcome)

        translate = partial(_told, changes=False)
        usual = sessions or Sessions(settings, clock=context.clock, secret=context.secret, translate=translate)
        return cls(settings, sessions=usual, clock=context.clock, count=count)

    def own_key(self) -> str | None:
        """The id of the access key in use, which nobody may deactivate."""
        return self._sessions.own_key()

    def read(self, place: Place, call: str, **parameters: Any) -> Any:
        """`call` is `service:Api` as IAM writes it. Raises what `errors.py` makes of the SDK's errors."""
        return self._renewed(place, call, lambda: self._once(place, call, parameters, changes=False))

    def pages(self, place: Place, call: str, key: str, **parameters: Any) -> list[Any]:
        """Everything under `key`, of all pages."""
        found: list[Any] = []
        token: dict[str, Any] = {}
        for _ in range(_MOST_PAGES):
            page = self.read(place, call, **parameters, **token)
            found += page.get(key, [])
            given = next((name for name in _TOKENS if page.get(name)), None)
            if given is None:
                return found
            token = {_TOKENS[given]: page[given]}
        raise RetryableError(f"{call} in {place}: more than {_MOST_PAGES} pages; narrow it down")

    def may(self, place: Place, call: str, **parameters: Any) -> None:
        """Whether a change would be allowed, by the API's own `DryRun`. Raises as `change` would; changes nothing."""
        self._renewed(place, call, lambda: self._dry(place, call, parameters))

    def change(self, place: Place, call: str, **parameters: Any) -> Any:
        """Do it, once. Raises `OutcomeUnknownError` when it may have happened."""
        wait_s = _FIRST_WAIT_S
        for left in reversed(range(self._settings.attempts)):
            try:
                return self._renewed(place, call, lambda: self._once(place, call, parameters, changes=True))
            except ThrottledError:
                if not left:
                    raise
                self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        raise AssertionError("the last attempt returns or raises")

    def _renewed(self, place: Place, call: str, work: Callable[[], Any]) -> Any:
        """Expired credentials did nothing: get new ones, once, and do it again."""
        try:
            return work()
        except ExpiredError:
            self._sessions.renew(place.account)
        try:
            return work()
        except ExpiredError as error:
            raise ForbiddenError(
                f"{call} in {place}: the credentials had expired, and so had the new ones; check the clock of this "
                "machine, and whoever issues them"
            ) from error

    def _dry(self, place: Place, call: str, parameters: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        try:
            self._once(place, call, {**parameters, "DryRun": True}, changes=False)
        except RecoverOpsError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or not is_dry_run_success(cause):
                raise

    def _once(self, place: Place, call: str, parameters: dict[str, Any], *, changes: bool) -> Any:
        service, _, api = call.partition(":")
        client = self._sessions.client(place, _SERVICES.get(service, service), changes=changes)
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = getattr(client, xform_name(api))(**parameters)
        except (ClientError, BotoCoreError) as error:
            told = _told(error, call, str(place), changes=changes)
            self._count(call, "ok" if is_dry_run_success(error) else _OUTCOMES.get(type(told), "refused"))
            raise told from error
        self._count(call, "ok")
        return answer


def _told(error: Any, call: str, where: str, *, changes: bool) -> RecoverOpsError:
    from botocore import exceptions as sdk

    if isinstance(error, sdk.ClientError):
        return translated(error, call, where, changes=changes)
    if isinstance(
        error,
        sdk.NoCredentialsError | sdk.PartialCredentialsError | sdk.CredentialRetrievalError | sdk.ParamValidationError,
    ):
        return MisconfiguredError(f"{call} in {where}: the SDK cannot make this call: {redact(str(error))}")
    never = (sdk.ConnectTimeoutError, sdk.EndpointConnectionError, sdk.ProxyConnectionError)
    return lost(error, call, where, changes=changes, was_sent=not isinstance(error, never))


_OUTCOMES: dict[type[RecoverOpsError], str] = {
    ForbiddenError: "denied",
    ExpiredError: "expired",
    ThrottledError: "throttled",
    UnreachableError: "no_answer",
    OutcomeUnknownError: "no_answer",
}
_TOKENS = {
    "NextToken": "NextToken",
    "nextToken": "nextToken",
    "PaginationToken": "PaginationToken",
    "Marker": "Marker",
    "NextMarker": "Marker",
    "NextContinuationToken": "ContinuationToken",
}
"""The token of an answer -> the parameter that asks for the next page."""
