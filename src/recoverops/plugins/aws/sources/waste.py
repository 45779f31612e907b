"""The source `aws-waste`: whether a service's instances are idle, its volume unattached, its address unused.

Reads only. The same look, at everything in the accounts and not at the services alone, is what `recoverops check` tells
(`WasteCheck`). What is not known is not said: an instance without a value for every hour is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from recoverops.model import Record, RecoverOpsError, Sample, Service, UnreachableError
from recoverops.plugins.aws.address import ADDRESS, Address, Kind, Place, address_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, Grant
from recoverops.plugins.aws.instances import Instance, running
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.unused import ElasticAddress, Volume, addresses, volumes
from recoverops.plugins.aws.waste_settings import WasteSettings
from recoverops.ports import Clock
from recoverops.redact import redact

NAME = "aws-waste"
IDLE, UNATTACHED, UNUSED = "aws.waste.idle", "aws.waste.unattached", "aws.waste.unassociated"
BATCH = 500
_LATE = timedelta(minutes=10)
"""Values of the last minutes of an hour may not have arrived yet."""
_SHOWN = 10
_NONE = "AWS has no resource-level permission for it"

GRANTS = (
    DESCRIBE_INSTANCES,
    Grant(
        action="cloudwatch:GetMetricData",
        why="to see whether instances are idle, by their CPU",
        no_resource=_NONE,
        changes=False,
    ),
    Grant(action="ec2:DescribeVolumes", why="to see which volumes are unattached", no_resource=_NONE, changes=False),
    Grant(action="ec2:DescribeAddresses", why="to see which addresses are unused", no_resource=_NONE, changes=False),
)


class Found(Record, frozen=True, kw_only=True):
    """What there is in one place."""

    place: Place
    instances: tuple[Instance, ...]
    idle: Mapping[str, bool]
    """Instance -> whether it is idle; the ones that cannot be judged are not there."""
    volumes: tuple[Volume, ...]
    addresses: tuple[ElasticAddress, ...]


class Survey:
    """Looks at every account and region. What there is it asks at each look, whether it is idle once an hour."""

    def __init__(
        self, calls: Calls, accounts: Sequence[AccountSettings], *, settings: WasteSettings, clock: Clock
    ) -> None:
        self._calls = calls
        self.accounts = accounts
        self.settings = settings
        self._clock = clock
        self._judged: dict[Place, tuple[datetime, dict[str, bool | None]]] = {}

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(
            Place(account=one.name, account_id=one.id, region=region) for one in self.accounts for region in one.regions
        )

    def now(self) -> datetime:
        return self._clock.now()

    def look(self, place: Place) -> Found:
        """Raises what `calls` raises."""
        found = running(self._calls, place)
        return Found(
            place=place,
            instances=found,
            idle=self._idle(place, [one.id for one in found]),
            volumes=volumes(self._calls, place, []),
            addresses=addresses(self._calls, place, []),
        )

    def _idle(self, place: Place, idents: Sequence[str]) -> dict[str, bool]:
        """Asked once an hour for each instance: a value stands for an hour."""
        end = (self._clock.now() - _LATE).replace(minute=0, second=0, microsecond=0)
        until, known = self._judged.get(place, (end, {}))
        if until != end:
            known = {}
        left = iter([one for one in idents if one not in known])
        while batch := list(islice(left, BATCH)):
            values = self._values(place, batch, end)
            for ident in batch:
                known[ident] = is_idle(values.get(ident, ()), hours=self.settings.hours, below=self.settings.idle_below)
        self._judged[place] = end, known
        return {ident: verdict for ident in idents if (verdict := known.get(ident)) is not None}

    def _values(self, place: Place, batch: Sequence[str], end: datetime) -> dict[str, list[float]]:
        results = self._calls.pages(
            place,
            "cloudwatch:GetMetricData",
            "MetricDataResults",
            MetricDataQueries=[_query(number, ident) for number, ident in enumerate(batch)],
            StartTime=end - self.settings.idle_for,
            EndTime=end,
        )
        values: dict[str, list[float]] = {}
        for result in results:
            values.setdefault(batch[int(result["Id"][1:])], []).extend(result["Values"])
        return values


def is_idle(percents: Sequence[float], *, hours: int, below: float) -> bool | None:
    """By the highest CPU of each hour, in percent. None: an hour is missing, so nobody knows. Pure."""
    if any(one > 100 * below for one in percents):
        return False
    return True if len(percents) >= hours else None


class WasteSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(self, survey: Survey, services: Mapping[str, Service]) -> None:
        self._survey = survey
        self._services = services

    @property
    def every(self) -> timedelta:
        return self._survey.settings.every

    def poll(self) -> tuple[Sample, ...]:
        """Raises `UnreachableError` when no place answered; else the places that did are told."""
        samples: list[Sample] = []
        failures: list[RecoverOpsError] = []
        for place in self._survey.places:
            try:
                found = self._survey.look(place)
            except RecoverOpsError as error:
                failures.append(error)
            else:
                samples += self._samples(found)
        if len(failures) == len(self._survey.places):
            told = redact("; ".join(dict.fromkeys(map(str, failures))))
            raise UnreachableError(f"AWS does not tell what is wasted: {told}") from failures[0]
        return tuple(samples)

    def _samples(self, found: Found) -> Iterator[Sample]:
        now = self._survey.now()
        for service in self._services.values():
            if ADDRESS not in service.address:
                continue
            address = address_of(service, self._survey.accounts)
            judged = judge(address, found) if address.place == found.place else None
            if judged is not None:
                metric, is_wasted, told = judged
                yield Sample(
                    resource=service.resource,
                    metric=metric,
                    value=float(is_wasted),
                    at=now,
                    source=NAME,
                    detail=redact(told),
                )


def judge(address: Address, found: Found) -> tuple[str, bool, str] | None:
    """The metric, whether it is wasted, and what was seen; None when nobody knows, or it is of another kind. Pure."""
    if address.kind is Kind.EC2:
        own = [one.id for one in found.instances if _is_meant(address, one.id, one.tags)]
        if not own or any(one not in found.idle for one in own):
            return None
        return IDLE, all(found.idle[one] for one in own), f"CPU of {', '.join(own)}"
    if address.kind is Kind.EBS:
        of_ours = [one for one in found.volumes if _is_meant(address, one.id, one.tags)]
        states = "; ".join(f"{one.told} is {one.state}" for one in of_ours)
        return (UNATTACHED, all(one.is_unattached for one in of_ours), states) if of_ours else None
    if address.kind is Kind.EIP:
        known = [one for one in found.addresses if _is_meant(address, one.id, one.tags)]
        uses = "; ".join(f"{one.ip} is used by {one.used_by or 'nothing'}" for one in known)
        return (UNUSED, all(not one.used_by for one in known), uses) if known else None
    return None


def _is_meant(address: Address, ident: str, tags: Mapping[str, str]) -> bool:
    return ident == address.id if address.id is not None else address.tags.items() <= tags.items()


class WasteCheck:
    """Implements `ports.LiveCheck`: everything that is wasted in an account, whether a service names it or not."""

    def __init__(self, survey: Survey, account: AccountSettings) -> None:
        self._survey = survey
        self._account = account
        self.name = f"aws waste in {account.name}"

    def look(self) -> str:
        places = [place for place in self._survey.places if place.account == self._account.name]
        return "; ".join(f"{place.region}: {told_of(self._survey.look(place))}" for place in places)


def told_of(found: Found) -> str:
    """Pure."""
    idle = [one.id for one in found.instances if found.idle.get(one.id)]
    unknown = [one.id for one in found.instances if one.id not in found.idle]
    unattached = [one.told for one in found.volumes if one.is_unattached]
    unused = [f"{one.ip} ({one.id})" for one in found.addresses if not one.used_by]
    parts = [
        _listed("idle instance", idle),
        _listed("unattached volume", unattached),
        _listed("unused address", unused, plural="unused addresses"),
    ]
    not_judged = f"; {len(unknown)} running without a CPU value for every hour, not judged" if unknown else ""
    return ", ".join(parts) + not_judged


def _listed(what: str, found: Iterable[str], *, plural: str = "") -> str:
    known = sorted(found)
    if not known:
        return f"no {what}"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    name = what if len(known) == 1 else plural or f"{what}s"
    return f"{len(known)} {name} ({', '.join(known[:_SHOWN])}{more})"


def _query(number: int, instance: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": instance}],
    }
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Maximum"}}
