"""What a person has to say before anything touches a real account. Pure: it reads a mapping.

Without `AWS_LIVE=costs-money` nothing is done at all. There is no default for account, region and price on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from tests.live.aws.prices import REGIONS

from recoverops.model import MisconfiguredError

OPT_IN = "costs-money"
_MOST_USD = Decimal(25)
"""More than a whole run can cost by far: a slip of the keyboard is no permission."""
_KNOWN = frozenset(
    {
        "AWS_LIVE",
        "AWS_LIVE_ACCOUNT",
        "AWS_LIVE_REGION",
        "AWS_LIVE_MAX_USD",
        "AWS_LIVE_MINUTES",
        "AWS_LIVE_ONLY",
        "AWS_LIVE_RUN",
        "AWS_LIVE_ENDPOINT",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What was said."""

    account: str
    """The account that the person means. STS has to name the same one."""
    region: str
    max_usd: Decimal
    lasts: timedelta
    """No scene begins after it, and every wait ends with it; then comes the clean-up."""
    only: tuple[str, ...] = ()
    """Scenes by name; empty for all."""
    run: str = ""
    """For cleaning: the run to clean up, though its time is not over."""
    endpoint: str | None = None
    """For rehearsals against the double: an address of this machine."""


def settings_of(given: Mapping[str, str], *, needs_money: bool = True) -> LiveSettings:
    """Raises `MisconfiguredError` with everything that is missing or wrong."""
    if given.get("AWS_LIVE", "") != OPT_IN:
        raise MisconfiguredError(
            f"this makes real things in a real AWS account, and they cost money: it needs AWS_LIVE={OPT_IN}, and "
            "beside it AWS_LIVE_ACCOUNT, AWS_LIVE_REGION and AWS_LIVE_MAX_USD (docs/aws.md, Against a real account)"
        )
    unknown = sorted(name for name in given if name.startswith("AWS_LIVE") and name not in _KNOWN)
    problems = [f"{name} is no setting; there are {', '.join(sorted(_KNOWN))}" for name in unknown]
    account, region = given.get("AWS_LIVE_ACCOUNT", ""), given.get("AWS_LIVE_REGION", "")
    if not re.fullmatch(r"[0-9]{12}", account):
        problems.append(f'AWS_LIVE_ACCOUNT is "{account}": type the twelve digits of the account that you mean')
    if region not in REGIONS:
        problems.append(f'AWS_LIVE_REGION is "{region}": prices are declared for {", ".join(sorted(REGIONS))} only')
    most = _usd(given.get("AWS_LIVE_MAX_USD", ""), problems) if needs_money else Decimal(0)
    minutes = given.get("AWS_LIVE_MINUTES", "120")
    if not (minutes.isdecimal() and 1 <= int(minutes) <= 360):
        problems.append(f'AWS_LIVE_MINUTES is "{minutes}", expected 1 to 360')
    endpoint = given.get("AWS_LIVE_ENDPOINT") or None
    if endpoint is not None and urlsplit(endpoint).hostname not in {"127.0.0.1", "::1", "localhost"}:
        problems.append(f'AWS_LIVE_ENDPOINT is "{endpoint}": it is for rehearsals against a double on this machine')
    if problems:
        raise MisconfiguredError(*problems)
    return LiveSettings(
        account=account,
        region=region,
        max_usd=most,
        lasts=timedelta(minutes=int(minutes)),
        only=tuple(one for one in given.get("AWS_LIVE_ONLY", "").replace(",", " ").split() if one),
        run=given.get("AWS_LIVE_RUN", ""),
        endpoint=endpoint,
    )


def _usd(text: str, problems: list[str]) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and 0 < found <= _MOST_USD):
        problems.append(f'AWS_LIVE_MAX_USD is "{text}": what the run may cost at most in USD, up to {_MOST_USD}')
    return found
