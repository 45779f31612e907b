"""Targets of EventBridge's rules: API destinations, which moto posts to without a body, and queues, for which it leaves
out the account.

The event goes to the endpoint as JSON, with the header of the connection's API key, or its user name and password. A
delivery that fails is noted, logged and not repeated; whoever put the event never hears of it, as in AWS.
"""

from __future__ import annotations

import base64
import copy
import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

_LOG = logging.getLogger("recoverops.testing.aws")
_TIMEOUT_S = 10.0


class Destinations:
    """What became of events that matched a rule, in order."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, int]] = []
        """Address and status; 0 is no answer."""
        self.undelivered: list[tuple[str, str]] = []
        """ARN of a target that is gone, or to which moto cannot deliver, and why."""

    def post(self, backend: Any, arn: str, event: Mapping[str, Any]) -> None:
        destination = backend.destinations[arn.split("/")[1]]
        connection = next(one for one in backend.connections.values() if one.arn == destination.connection_arn)
        body = {key: value for key, value in event.items() if key != "ingestion-time"}
        at = datetime.fromtimestamp(float(event["time"]), UTC)
        body["time"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        url = destination.invocation_endpoint
        request = urllib.request.Request(  # noqa: S310 - a test's own
            url, data=json.dumps(body).encode(), headers=_headers(connection), method=destination.http_method
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except (OSError, http.client.HTTPException):
            status = 0
        self.posted.append((url, status))


@contextmanager
def posting(destinations: Destinations) -> Iterator[None]:
    """Rules of moto with such a target post for the time of the context."""
    from moto.core.exceptions import JsonRESTError, ServiceException
    from moto.events.models import Rule, events_backends

    usual = Rule.send_to_targets

    def sending(rule: Any, original_event: Any, transform_input: bool = True) -> None:
        if not rule.event_pattern.matches_event(original_event):
            return
        backend = events_backends[rule.account_id][rule.region_name]
        whole = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        for target in list(rule.targets):
            arn = target["Arn"]
            to_it = copy.copy(rule)
            to_it.targets = [target]
            try:
                if ":api-destination/" in arn:
                    destinations.post(backend, arn, original_event)
                elif ":sqs:" in arn and "InputTransformer" not in target:
                    usual(to_it, whole, False)
                else:
                    usual(to_it, original_event, transform_input)
            except (ServiceException, JsonRESTError, NotImplementedError, KeyError) as error:
                told = f"{type(error).__name__}: {error}"
                destinations.undelivered.append((arn, told))
                _LOG.warning("event_not_delivered", extra={"target": arn, "error": told})

    Rule.send_to_targets = sending
    try:
        yield
    finally:
        Rule.send_to_targets = usual


def _headers(connection: Any) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Amazon/EventBridge/ApiDestinations"}
    given = connection.auth_parameters
    if connection.authorization_type == "API_KEY":
        key = given["ApiKeyAuthParameters"]
        return {**headers, key["ApiKeyName"]: key["ApiKeyValue"]}
    basic = given["BasicAuthParameters"]
    told = base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
    return {**headers, "Authorization": f"Basic {told}"}
