"""The account that a run works in: whose it is, its clients, its name on everything that it makes, and its time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests.live.aws.prices import CLEANING
from tests.live.aws.settings import LiveSettings

from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError

TAG = "recoverops-live"
"""On everything that a run makes; its value is the run."""
EXPIRES = "recoverops-live-expires"
PREFIX = "recoverops-live-"
"""Begins the name of everything that has a name."""
PATH = "/recoverops-live/"
"""Of roles, users and instance profiles."""
_RUN = re.compile(r"([0-9]{8}t[0-9]{4})-[0-9a-f]{4}")
T = TypeVar("T")


class OutOfTimeError(Exception):
    """A wait took too long, or the run's time is over."""


@dataclass(kw_only=True)
class Ground:
    """One run in one account and region."""

    account: str
    region: str
    run: str
    session: Any
    endpoint: str | None
    deadline: datetime
    clock: SystemClock = field(default_factory=SystemClock)
    pause_s: float = 5.0
    """Between two looks; 0.05 in a rehearsal."""
    cleans_for: timedelta = timedelta(minutes=15)
    """How long the clean-up of a scene, and that at the end, wait until all is gone."""
    machine: Callable[[str], str] | None = None
    """A rehearsal's hands: it makes a machine for an instance that SSM is to manage, and says its folder."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            made = self.session.client(service, region_name=self.region, endpoint_url=self.endpoint)
            self._clients[service] = made
        return self._clients[service]

    @property
    def tags(self) -> dict[str, str]:
        return {TAG: self.run, EXPIRES: f"{expiry_of(self.run):%Y-%m-%dT%H:%MZ}"}

    def listed(self, **more: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in {**self.tags, **more}.items()]

    def called(self, what: str) -> str:
        return f"{PREFIX}{self.run}-{what}"

    def until(self, what: str, look: Callable[[], T | None], *, within: timedelta = timedelta(minutes=5)) -> T:
        """The first answer that is something. Raises `OutOfTimeError` at the run's end, or after `within`."""
        end = self.clock.monotonic() + within.total_seconds()
        while True:
            found = look()
            if found:
                return found
            if self.clock.monotonic() >= end:
                raise OutOfTimeError(f"{what}: not within {within}")
            if self.clock.now() >= self.deadline:
                raise OutOfTimeError(f"{what}: the time of the run is over; AWS_LIVE_MINUTES gives it more")
            self.clock.sleep(self.pause_s)


def new_run(now: datetime, lasts: timedelta) -> str:
    """Its name says when its time is over, so that whatever carries the name says it too."""
    return f"{now.astimezone(UTC) + lasts + CLEANING:%Y%m%dt%H%M}-{secrets.token_hex(2)}"


def expiry_of(run: str) -> datetime:
    """Raises `MisconfiguredError` for what is no run."""
    found = _RUN.fullmatch(run)
    if found is None:
        raise MisconfiguredError(f'"{run}" is no run; one is called like 20260301t1200-0af3')
    return datetime.strptime(found[1], "%Y%m%dt%H%M").replace(tzinfo=UTC)


def is_run(text: str) -> bool:
    return _RUN.fullmatch(text) is not None


def entered(settings: LiveSettings, session: Any, *, pause_s: float = 5.0) -> Ground:
    """Raises `MisconfiguredError` when the credentials are of another account than was said, or of its root user."""
    clock = SystemClock()
    now = clock.now()
    ground = Ground(
        account=settings.account,
        region=settings.region,
        run=new_run(now, settings.lasts),
        session=session,
        endpoint=settings.endpoint,
        deadline=now + settings.lasts,
        clock=clock,
        pause_s=pause_s,
    )
    if session.get_credentials() is None:
        raise MisconfiguredError("there are no credentials for AWS: set AWS_PROFILE, or what else the SDK looks at")
    who = ground.client("sts").get_caller_identity()
    if who["Account"] != settings.account:
        raise MisconfiguredError(
            f"AWS_LIVE_ACCOUNT is {settings.account}, but the credentials in use are of {who['Account']} "
            f"({who['Arn']}); nothing was done"
        )
    if who["Arn"].endswith(":root"):
        raise MisconfiguredError(f"the credentials in use are of the root user ({who['Arn']}), who assumes no roles")
    return ground
