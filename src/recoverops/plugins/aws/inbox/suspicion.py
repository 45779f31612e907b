"""What in the records of CloudTrail is suspicious, as alerts. Pure: a state, records, and the next state.

The state is a part of the position in the stream, so that it is committed together with the alerts that it led to and
survives a restart. It holds digests of access keys, never the keys, and is bounded.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from recoverops.model import Alert, AlertStatus, Record, digest
from recoverops.plugins.aws.inbox.trail import TrailRecord
from recoverops.plugins.aws.inbox_settings import SuspicionSettings
from recoverops.plugins.aws.intake.reading import bounded
from recoverops.redact import redact

MOST_KEYS, MOST_NETWORKS, MOST_PRINCIPALS, MOST_OPEN = 1000, 64, 500, 500


class Key(msgspec.Struct, frozen=True):
    """Where an access key was used from."""

    since: datetime
    networks: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """An alert that fires."""

    name: str
    about: str
    since: datetime
    last: datetime


class Watch(msgspec.Struct, frozen=True):
    """What has been seen so far."""

    keys: dict[str, Key] = {}
    denied: dict[str, dict[str, datetime]] = {}
    """principal -> refused calls by the id of their record: one that is delivered twice counts once"""
    failed: dict[str, dict[str, datetime]] = {}
    """account -> failed log-ins, likewise"""
    open: dict[str, Standing] = {}


class Sign(Record, frozen=True, kw_only=True):
    """One thing that was noticed, or the end of one."""

    name: str
    about: str
    at: datetime
    severity: str
    told: str
    fires: bool = True


def step(
    watch: Watch, records: Iterable[TrailRecord], *, settings: SuspicionSettings, now: datetime, source: str
) -> tuple[Watch, tuple[Alert, ...]]:
    """The next state and what it says. What was not repeated for `quiet` ends."""
    keys, denied, failed = dict(watch.keys), dict(watch.denied), dict(watch.failed)
    signs: list[Sign] = []
    for record in sorted(records, key=lambda one: one.at):
        signs += _seen_at_once(record)
        signs += _bursts(record, denied, failed, settings)
        signs += _places(record, keys, settings)
    standing, alerts = dict(watch.open), list[Alert]()
    for sign in signs:
        alerts += _told(sign, standing, source)
    for mark, one in list(standing.items()):
        if now - one.last > settings.quiet:
            del standing[mark]
            alerts.append(_alert(_end_of(one, now), one.since, source))
    return (
        Watch(
            keys=_newest(keys, MOST_KEYS, lambda one: one.since),
            denied=_newest(_fresh(denied, now - settings.denied_within), MOST_PRINCIPALS, _last),
            failed=_newest(_fresh(failed, now - settings.failed_within), MOST_PRINCIPALS, _last),
            open=_newest(standing, MOST_OPEN, lambda one: one.last),
        ),
        tuple(alerts),
    )


def _seen_at_once(record: TrailRecord) -> Iterator[Sign]:
    if record.error_code:
        return
    who, name = record.user_identity, f"{record.service}:{record.name}"
    if record.name == "ConsoleLogin" and who.type == "Root" and _login(record) == "Success":
        yield _sign(record, "AwsRootLogin", record.account, "critical", "the root user logged in to the console")
    if name in {"cloudtrail:StopLogging", "cloudtrail:DeleteTrail"}:
        trail = _trail(record)
        yield _sign(record, "AwsTrailStopped", trail, "critical", f"{who.shown} called {name} on {trail}")
    if name in {"cloudtrail:StartLogging", "cloudtrail:CreateTrail"}:
        yield _sign(record, "AwsTrailStopped", _trail(record), "critical", f"{who.shown} called {name}", fires=False)
    if record.service == "s3":
        yield from _public_bucket(record)


def _trail(record: TrailRecord) -> str:
    """Its name, also where its ARN stands."""
    return record.asked("name").rpartition("/")[2]


def _public_bucket(record: TrailRecord) -> Iterator[Sign]:
    bucket, request = record.asked("bucketName"), record.request_parameters or {}
    told = f"{record.user_identity.shown} called s3:{record.name} on {bucket}"
    if record.name == "PutBucketPolicy":
        is_public = is_open_to_all(request.get("bucketPolicy"))
    elif record.name == "PutBucketAcl":
        is_public = "public-" in str(request.get("x-amz-acl", "")) or "global/AllUsers" in str(request)
    elif record.name == "DeleteBucketPolicy":
        is_public = False
    elif record.name in {"DeleteBucketPublicAccessBlock", "DeletePublicAccessBlock"}:
        yield _sign(record, "AwsPublicAccessAllowed", bucket, "high", told)
        return
    elif record.name in {"PutBucketPublicAccessBlock", "PutPublicAccessBlock"}:
        yield _sign(record, "AwsPublicAccessAllowed", bucket, "high", told, fires=False)
        return
    else:
        return
    by = "acl" if record.name == "PutBucketAcl" else "policy"
    yield _sign(record, "AwsPublicBucket", f"{bucket} ({by})", "critical", told, fires=is_public)


def is_open_to_all(policy: Any) -> bool:
    """Whether some statement lets everybody in, without any condition."""
    statements = policy.get("Statement", ()) if isinstance(policy, Mapping) else ()
    listed = [statements] if isinstance(statements, Mapping) else statements
    return any(
        isinstance(one, Mapping)
        and one.get("Effect") == "Allow"
        and not one.get("Condition")
        and _is_everybody(one.get("Principal"))
        for one in listed
    )


def _is_everybody(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any(_is_everybody(one) for one in principal.values())
    return "*" in principal if isinstance(principal, list) else principal == "*"


def _bursts(
    record: TrailRecord,
    denied: dict[str, dict[str, datetime]],
    failed: dict[str, dict[str, datetime]],
    settings: SuspicionSettings,
) -> Iterator[Sign]:
    if record.is_refused and not record.user_identity.invoked_by:
        who = bounded(record.user_identity.shown)
        if _filled(denied, who, record, settings.denied_within, settings.denied_calls):
            told = f"{settings.denied_calls} calls of {who} were refused within {settings.denied_within}"
            yield _sign(record, "AwsDeniedCalls", who, "high", f"{told}, the last one {record.service}:{record.name}")
    if record.name == "ConsoleLogin" and _login(record) == "Failure":
        account = record.account
        if _filled(failed, account, record, settings.failed_within, settings.failed_logins):
            told = f"{settings.failed_logins} log-ins to the console failed within {settings.failed_within}"
            yield _sign(record, "AwsFailedLogins", account, "high", f"{told}, the last one from {record.address}")


def _filled(seen: dict[str, dict[str, datetime]], who: str, record: TrailRecord, within: timedelta, most: int) -> bool:
    """Whether this one fills the window; then the counting begins anew."""
    times = {ident: at for ident, at in seen.get(who, {}).items() if record.at - at <= within}
    times[record.id] = record.at
    if len(times) < most:
        seen[who] = times
        return False
    seen.pop(who, None)
    return True


def _last(times: Mapping[str, datetime]) -> datetime:
    return max(times.values())


def _places(record: TrailRecord, keys: dict[str, Key], settings: SuspicionSettings) -> Iterator[Sign]:
    """Of long-term keys: those of roles change by themselves."""
    key, network = record.user_identity.access_key_id, network_of(record.address)
    if not key.startswith("AKIA") or not network or record.is_refused:
        return
    mark = digest(key)
    known = keys.get(mark)
    if known is None:
        keys[mark] = Key(since=record.at, networks=(network,))
        return
    if network in known.networks:
        return
    keys[mark] = Key(since=known.since, networks=(*known.networks, network)[-MOST_NETWORKS:])
    if record.at - known.since > settings.learn_places:
        who = record.user_identity.shown
        told = f"an access key of {who} was used from {network}, for the first time since {known.since:%Y-%m-%d}"
        yield _sign(record, "AwsKeyFromNewPlace", f"{who} from {network}", "high", told)


def network_of(address: str) -> str:
    """`198.51.0.0/16`, `2001:db8::/32`; empty for the name of a service of AWS, and for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, 16 if found.version == 4 else 32), strict=False))


def _login(record: TrailRecord) -> str:
    answer = record.response_elements
    return str(answer.get("ConsoleLogin", "")) if isinstance(answer, Mapping) else ""


def _sign(record: TrailRecord, name: str, about: str, severity: str, told: str, *, fires: bool = True) -> Sign:
    place = f"{record.account}/{about}" if about != record.account else about
    return Sign(name=name, about=place, at=record.at, severity=severity, told=told, fires=fires)


def _told(sign: Sign, standing: dict[str, Standing], source: str) -> Iterator[Alert]:
    """A repetition is no alert of its own; an end is one only of what fires."""
    mark = digest(sign.name, sign.about)
    known = standing.get(mark)
    if sign.fires:
        since = sign.at if known is None else known.since
        standing[mark] = Standing(name=sign.name, about=bounded(sign.about), since=since, last=sign.at)
        if known is None:
            yield _alert(sign, sign.at, source)
    elif known is not None:
        del standing[mark]
        yield _alert(sign, known.since, source)


def _end_of(one: Standing, now: datetime) -> Sign:
    return Sign(name=one.name, about=one.about, at=now, severity="high", told="it was not repeated", fires=False)


def _alert(sign: Sign, since: datetime, source: str) -> Alert:
    labels = {"alertname": sign.name, "severity": sign.severity, "about": redact(bounded(sign.about))}
    return Alert(
        source=source,
        fingerprint=digest(sign.name, sign.about),
        status=AlertStatus.FIRING if sign.fires else AlertStatus.RESOLVED,
        starts_at=since,
        ends_at=None if sign.fires else sign.at,
        labels=labels,
        annotations={"summary": redact(bounded(sign.told))},
    )


def _fresh(seen: Mapping[str, dict[str, datetime]], oldest: datetime) -> dict[str, dict[str, datetime]]:
    return {who: times for who, times in seen.items() if times and _last(times) >= oldest}


def _newest(kept: Mapping[str, Any], most: int, at: Callable[[Any], datetime]) -> dict[str, Any]:
    if len(kept) <= most:
        return dict(kept)
    order = sorted(kept, key=lambda one: at(kept[one]), reverse=True)
    return {one: kept[one] for one in order[:most]}
