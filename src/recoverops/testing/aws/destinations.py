"""Targets of EventBridge's rules: API destinations, which moto posts to without a body, and queues, for which it leaves
out the account.

The event goes to the endpoint as JSON, with the header of the connection's API key, or its user name and password. A
delivery that fails is noted and not repeated.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

_TIMEOUT_S = 10.0


class Destinations:
    """What was posted: address and status, in order; status 0 is no answer."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, int]] = []

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
        except (urllib.error.URLError, OSError):
            status = 0
        self.posted.append((url, status))


@contextmanager
def posting(destinations: Destinations) -> Iterator[None]:
    """Rules of moto with such a target post for the time of the context."""
    from moto.events.models import Rule, events_backends

    usual = Rule.send_to_targets

    def sending(rule: Any, original_event: Any, transform_input: bool = True) -> None:
        every = list(rule.targets)
        ours = [one for one in every if ":api-destination/" in one["Arn"]]
        queues = [one for one in every if ":sqs:" in one["Arn"] and "InputTransformer" not in one]
        if ours and rule.event_pattern.matches_event(original_event):
            backend = events_backends[rule.account_id][rule.region_name]
            for one in ours:
                destinations.post(backend, one["Arn"], original_event)
        whole = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        try:
            rule.targets = queues
            usual(rule, whole, False)
            rule.targets = [one for one in every if one not in ours and one not in queues]
            usual(rule, original_event, transform_input)
        finally:
            rule.targets = every

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
