"""Which streams there are under given settings, and the rights that they need."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.owners import Owners
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.sources import objects, queues
from recoverops.ports import PluginContext, StreamSource


def streams_of(settings: AwsSettings, context: PluginContext, calls: Calls) -> Iterator[StreamSource]:
    """Raises `MisconfiguredError` for a queue or a bucket of which it is not clear where it is."""
    inbox, accounts = settings.inbox, settings.accounts
    owners = Owners(context.services, accounts)
    for one in inbox.objects:
        objects.place_of(one, accounts)
    if inbox.queues is not None:
        queues.check(inbox.queues, settings)
        yield queues.QueueStream(calls, owners, accounts, settings=inbox, queues=inbox.queues, clock=context.clock)
    if any(one.listed for one in inbox.objects):
        yield objects.ObjectStream(calls, owners, accounts, settings=inbox, clock=context.clock)


def stream_grants(settings: AwsSettings) -> Iterator[Grant]:
    if settings.inbox.queues is not None:
        yield from queues.grants_of(settings.inbox.queues, settings.accounts)
    for one in settings.inbox.objects:
        yield from objects.grants_of(one, settings.accounts)
    services = [name for name, used in (("s3", settings.inbox.objects), ("sqs", settings.inbox.queues)) if used]
    for key, service in itertools.product(settings.inbox.keys, services):
        yield Grant(
            action="kms:Decrypt",
            arn=key,
            why="to read what is encrypted with your own key, by way of the service that has it",
            condition={"StringEquals": {"kms:ViaService": f"{service}.{key.split(':')[3]}.amazonaws.com"}},
            changes=False,
        )
