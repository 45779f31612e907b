"""The source `ec2-monitoring`: instances that are monitored in detail for a while. It ends what has lasted long enough.

That is the one thing that it changes, and only what the action of the same name has begun and noted on the instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from recoverops.model import RecoverOpsError, Sample, Service, UnreachableError
from recoverops.plugins.aws.address import ADDRESS, Address, Kind, Place, address_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.instances import Instance, carrying
from recoverops.plugins.aws.monitored import TAG, switch_off, until
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.ports import Clock
from recoverops.redact import redact

NAME = "ec2-monitoring"
METRIC = "observation.raised"
_EVERY = timedelta(minutes=1)


class MonitoringSource:
    """Implements `ports.Source`."""

    name = NAME
    every = _EVERY

    def __init__(
        self, calls: Calls, services: Mapping[str, Service], accounts: Sequence[AccountSettings], *, clock: Clock
    ) -> None:
        self._calls = calls
        self._services = services
        self._accounts = accounts
        self._clock = clock

    def poll(self) -> tuple[Sample, ...]:
        """1 for a service of which some instance is monitored in detail for a while, 0 for the others.

        Raises `UnreachableError` when no place answered.
        """
        ours = list(self._ours())
        samples: list[Sample] = []
        failures: list[RecoverOpsError] = []
        places = sorted({address.place for _, address in ours}, key=str)
        for place in places:
            try:
                samples += self._poll_place(place, [one for one in ours if one[1].place == place])
            except RecoverOpsError as error:
                failures.append(error)
        if places and len(failures) == len(places):
            raise UnreachableError(f"EC2 does not tell: {redact(str(failures[0]))}") from failures[0]
        return tuple(samples)

    def _ours(self) -> Iterator[tuple[Service, Address]]:
        for service in self._services.values():
            if ADDRESS in service.address:
                address = address_of(service, self._accounts)
                if address.kind is Kind.EC2:
                    yield service, address

    def _poll_place(self, place: Place, ours: Sequence[tuple[Service, Address]]) -> Iterator[Sample]:
        now = self._clock.now()
        marked = [one for one in carrying(self._calls, place, TAG) if any(is_of(one, address) for _, address in ours)]
        troubles = {one.id: told for one in marked if (told := self._ended(place, one, now)) is not None}
        for service, address in ours:
            own = [one for one in marked if is_of(one, address) and troubles.get(one.id) != ""]
            yield Sample(
                resource=service.resource,
                metric=METRIC,
                value=1.0 if own else 0.0,
                at=now,
                source=NAME,
                detail="; ".join(troubles[one.id] for one in own if one.id in troubles),
            )

    def _ended(self, place: Place, one: Instance, now: datetime) -> str | None:
        """Empty when it is ended now, None when it still lasts, else why it could not be ended yet."""
        end = until(one)
        if end is None:
            return f"the tag {TAG} of {one.id} does not say until when; somebody has changed it"
        if now < end:
            return None
        try:
            switch_off(self._calls, place, [one.id])
        except RecoverOpsError as error:
            return f"{one.id} could not be restored yet: {redact(str(error))}"
        return ""


def is_of(one: Instance, address: Address) -> bool:
    """Whether an address means this instance. Pure."""
    return one.id == address.id if address.id is not None else address.tags.items() <= one.tags.items()
