"""Which intakes there are under given settings, and the check that tells of a trusted double."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

from recoverops.egress import Fetcher
from recoverops.model import MisconfiguredError, PermanentError
from recoverops.plugins.aws.intake import eventbridge, sns
from recoverops.plugins.aws.intake.refusals import METRIC
from recoverops.plugins.aws.owners import Owners
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.ports import LiveCheck, PluginContext, PushSource


def intakes(settings: AwsSettings, context: PluginContext) -> Iterator[PushSource]:
    """Raises `PermanentError` when what verifies signatures is not installed."""
    owners = Owners(context.services, settings.accounts)
    if settings.sns is not None:
        if find_spec("cryptography") is None:
            raise PermanentError("it needs cryptography, which is not installed: pip install 'recoverops[aws]'")
        fetcher = Fetcher(timeout_s=sns.TIMEOUT_S, max_bytes=sns.LARGEST, clock=context.clock)
        count = partial(_count, context, sns.NAME)
        yield sns.SnsIntake(settings.sns, owners, fetcher=fetcher, clock=context.clock, count=count)
    if settings.eventbridge is not None:
        count = partial(_count, context, eventbridge.NAME)
        window = settings.eventbridge.window
        yield eventbridge.EventBridgeIntake(owners, window=window, clock=context.clock, count=count)


def intake_checks(settings: AwsSettings) -> Iterator[LiveCheck]:
    if settings.sns is not None and settings.sns.double is not None:
        yield DoubleCheck(settings.sns.double)


class DoubleCheck:
    """Implements `ports.LiveCheck`: it always fails."""

    name = "aws sns.double"

    def __init__(self, url: str) -> None:
        self._url = url

    def look(self) -> str:
        raise MisconfiguredError(
            f"FOR TESTS ONLY: alarms are believed that {self._url} signs, which is not AWS: whoever has a server there "
            "can raise any alarm. Leave out `sns.double` of the plugin aws"
        )


def _count(context: PluginContext, source: str, reason: str) -> None:
    if context.telemetry is not None:
        context.telemetry.count(METRIC, source=source, reason=reason)
