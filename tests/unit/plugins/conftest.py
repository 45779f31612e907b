"""What the tests of the bundled plugins share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest

from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, Service
from recoverops.ports import PluginContext
from recoverops.testing import ManualClock, Receiver, running_receiver

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SECRETS = {
    "env:WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "env:SUPERVISOR_PASSWORD": "open-sesame",
}

Contexts = Callable[..., PluginContext]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def context() -> Contexts:
    """A context with the system's clock; secrets and services can be given."""

    def make(*services: Service, secrets: Mapping[str, str] = SECRETS) -> PluginContext:
        def secret(reference: str) -> str:
            try:
                return secrets[reference]
            except KeyError:
                raise MisconfiguredError(f'the secret "{reference}" is not there') from None

        return PluginContext(
            clock=SystemClock(), services={service.name: service for service in services}, secret=secret
        )

    return make
