"""Which sources and actions there are under given settings, and the policies that they need.

Imported when the plugin is built, not before. An action is one line in `ACTIONS`, a source one in `_sources`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from recoverops.model import MisconfiguredError
from recoverops.plugins.aws.action import AwsAction
from recoverops.plugins.aws.actions.asg_refresh import RefreshGroup
from recoverops.plugins.aws.actions.asg_scale import ScaleGroup
from recoverops.plugins.aws.actions.ebs_delete_unattached import DeleteVolume
from recoverops.plugins.aws.actions.ebs_grow import GrowVolume
from recoverops.plugins.aws.actions.ebs_snapshot import MakeSnapshot
from recoverops.plugins.aws.actions.ec2_isolate import IsolateInstance
from recoverops.plugins.aws.actions.ec2_monitoring import MonitorInstances
from recoverops.plugins.aws.actions.ec2_reboot import RebootInstances
from recoverops.plugins.aws.actions.ec2_resize import ResizeInstance
from recoverops.plugins.aws.actions.ec2_start import StartInstances
from recoverops.plugins.aws.actions.ec2_stop import StopInstances
from recoverops.plugins.aws.actions.ec2_terminate import TerminateMember
from recoverops.plugins.aws.actions.ecs_redeploy import RedeployService
from recoverops.plugins.aws.actions.ecs_rollback import RollBackService
from recoverops.plugins.aws.actions.ecs_scale import ScaleService
from recoverops.plugins.aws.actions.eip_release import ReleaseAddress
from recoverops.plugins.aws.actions.elb_shift_weights import ShiftListener, ShiftRule
from recoverops.plugins.aws.actions.elb_target_out import TakeTargetOut
from recoverops.plugins.aws.actions.emergency_shutdown import EmergencyShutdown
from recoverops.plugins.aws.actions.iam_key_deactivate import DeactivateKey
from recoverops.plugins.aws.actions.lambda_concurrency import ReserveConcurrency
from recoverops.plugins.aws.actions.lambda_rollback import RollBackAlias
from recoverops.plugins.aws.actions.rds_class import ChangeClass
from recoverops.plugins.aws.actions.rds_failover import FailOver
from recoverops.plugins.aws.actions.rds_storage import GrowDatabase
from recoverops.plugins.aws.actions.sg_close_ingress import CloseIngress
from recoverops.plugins.aws.actions.ssm_automation import declared_automations
from recoverops.plugins.aws.actions.ssm_clean_disk import CleanDiskBySsm
from recoverops.plugins.aws.actions.ssm_restart_service import RestartServiceBySsm
from recoverops.plugins.aws.actions.ssm_run import declared_commands
from recoverops.plugins.aws.address import ADDRESS, Address, Kind, address_of
from recoverops.plugins.aws.approvals_switch import ApprovalsSwitch, approvals_parameter
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import FIND_BY_TAGS, Grant
from recoverops.plugins.aws.identity import IdentityCheck
from recoverops.plugins.aws.intake.assembly import intake_checks, intakes
from recoverops.plugins.aws.keeping import ManagedSecrets, Parameters, keeping_grants, keeping_place
from recoverops.plugins.aws.log_groups import LogGroups
from recoverops.plugins.aws.object_store import S3Stores, StoreCheck, own_urls, store_grants, store_place
from recoverops.plugins.aws.policy import policies_of
from recoverops.plugins.aws.rights_check import RightsCheck, check_grants
from recoverops.plugins.aws.s3_endpoint import EndpointSessions
from recoverops.plugins.aws.sessions import need_sdk
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.sns import SnsNotifier, grants_of
from recoverops.plugins.aws.sources import kinesis, logs
from recoverops.plugins.aws.sources.inbox import stream_grants, streams_of
from recoverops.plugins.aws.sources.metrics import GRANTS as METRICS_GRANTS
from recoverops.plugins.aws.sources.metrics import MetricsSource
from recoverops.plugins.aws.sources.monitoring import MonitoringSource
from recoverops.plugins.aws.sources.waste import GRANTS as WASTE_GRANTS
from recoverops.plugins.aws.sources.waste import Survey, WasteCheck, WasteSource
from recoverops.plugins.aws.targets import Reach
from recoverops.ports import (
    CautionSwitch,
    LiveCheck,
    Notifier,
    PluginContext,
    PluginParts,
    Policy,
    Source,
    StreamSource,
)

ACTIONS: tuple[type[AwsAction], ...] = (
    RebootInstances,
    StopInstances,
    StartInstances,
    ResizeInstance,
    TerminateMember,
    MonitorInstances,
    ScaleGroup,
    RefreshGroup,
    RedeployService,
    RollBackService,
    ScaleService,
    TakeTargetOut,
    ShiftListener,
    ShiftRule,
    RollBackAlias,
    ReserveConcurrency,
    FailOver,
    GrowDatabase,
    ChangeClass,
    CloseIngress,
    DeactivateKey,
    IsolateInstance,
    GrowVolume,
    MakeSnapshot,
    RestartServiceBySsm,
    CleanDiskBySsm,
    EmergencyShutdown,
    DeleteVolume,
    ReleaseAddress,
)
_FOUND_OTHERWISE = frozenset({Kind.EC2, Kind.ASG, Kind.SG_RULE, Kind.EBS, Kind.EIP})
"""Kinds whose own describe calls filter by tags."""


def assembled(settings: AwsSettings, context: PluginContext) -> PluginParts:
    """Raises `MisconfiguredError` for addresses that nobody understands, `PermanentError` without boto3."""
    need_sdk()
    addresses = _addresses(settings, context)
    calls = Calls.of(settings, context)
    groups = LogGroups.of(settings.log_groups, context.services, settings.accounts)
    reach = Reach(calls, settings, context.services)
    enabled = enabled_actions(settings)
    kept = partial(keeping_place, settings.keeping, settings.accounts)
    urls, where = own_urls(context.object_urls), partial(store_place, settings)
    store_calls = _store_calls(settings, context, calls)
    own = _grants(settings, enabled, addresses, groups)
    kept_here = store_grants(settings, urls)
    grants = [*own, *_kept_grants(settings, context), *kept_here, *_check_grants(settings)]
    policies = policies_of(settings.accounts, grants, addresses, only_tagged=settings.only_tagged)
    return PluginParts(
        sources=tuple(_sources(settings, context, calls)),
        push_sources=tuple(intakes(settings, context)),
        cautions=tuple(_switches(settings, calls)),
        streams=(*_streams(settings, context, calls, groups), *streams_of(settings, context, calls)),
        secrets=(Parameters(calls, kept), ManagedSecrets(calls, kept)),
        actions=tuple(one(reach, clock=context.clock, timeout=_timeout(one, settings)) for one in enabled),
        notifiers=tuple(_notifiers(settings, calls)),
        checks=(
            *(IdentityCheck(account, calls) for account in settings.accounts),
            *_rights(settings, calls, policies),
            *intake_checks(settings),
            *_waste(settings, context, calls),
            *(StoreCheck(store_calls, where, url) for url in urls),
        ),
        policies=policies,
        object_stores=(S3Stores(store_calls, where),),
    )


def _store_calls(settings: AwsSettings, context: PluginContext, calls: Calls) -> Calls:
    """A server that is not AWS has keys of its own."""
    if settings.object_store.endpoint_url is None:
        return calls
    return Calls.of(settings, context, EndpointSessions(settings, secret=context.secret))


def _check_grants(settings: AwsSettings) -> Iterator[Grant]:
    for account in settings.accounts if settings.check_permissions else ():
        yield from check_grants(account, is_user=settings.access_key is not None)


def _rights(settings: AwsSettings, calls: Calls, policies: Sequence[Policy]) -> Iterator[RightsCheck]:
    """One for each account. Its policies are the last ones: before them may be that of the credentials in use."""
    own = policies[len(policies) - len(settings.accounts) :]
    for account, policy in zip(settings.accounts, own, strict=True):
        yield RightsCheck(account, calls, policy.document)


def _kept_grants(settings: AwsSettings, context: PluginContext) -> Iterator[Grant]:
    """Of the secrets that the configuration refers to, and of the switch; of nothing else."""
    switch = () if settings.smartcloudops is None else (approvals_parameter(settings.smartcloudops.env),)
    if context.references or switch:
        place = keeping_place(settings.keeping, settings.accounts)
        yield from keeping_grants(context.references, switch, settings.keeping, place)


def _switches(settings: AwsSettings, calls: Calls) -> Iterator[CautionSwitch]:
    if settings.smartcloudops is not None:
        place, given = keeping_place(settings.keeping, settings.accounts), settings.smartcloudops
        yield ApprovalsSwitch(calls, place, env=given.env, every=given.every)


def _timeout(action: type[AwsAction], settings: AwsSettings) -> timedelta:
    return settings.bounds.slow_timeout if action.is_slow else settings.action_timeout


def enabled_actions(settings: AwsSettings) -> tuple[type[AwsAction], ...]:
    """Those that `actions` names, and those that it makes of declared documents."""
    named = tuple(one for one in ACTIONS if one.name in settings.actions)
    return (*named, *declared_commands(settings), *declared_automations(settings))


def _addresses(settings: AwsSettings, context: PluginContext) -> tuple[Address, ...]:
    found, problems = [], list[str]()
    for service in context.services.values():
        if ADDRESS not in service.address:
            continue
        try:
            found.append(address_of(service, settings.accounts))
        except MisconfiguredError as error:
            problems.extend(error.problems)
    if problems:
        raise MisconfiguredError(*problems)
    return tuple(found)


def _sources(settings: AwsSettings, context: PluginContext, calls: Calls) -> Iterator[Source]:
    if settings.metrics is not None:
        yield MetricsSource(calls, context.services, settings.accounts, settings=settings.metrics, clock=context.clock)
    if MonitorInstances.name in settings.actions:
        yield MonitoringSource(calls, context.services, settings.accounts, clock=context.clock)
    if settings.waste is not None:
        survey = Survey(calls, settings.accounts, settings=settings.waste, clock=context.clock)
        yield WasteSource(survey, context.services)


def _streams(settings: AwsSettings, context: PluginContext, calls: Calls, groups: LogGroups) -> Iterator[StreamSource]:
    services, accounts, clock = context.services, settings.accounts, context.clock
    for stream in settings.kinesis:
        yield kinesis.KinesisSource(calls, stream, groups, services, accounts, clock=clock)
    if settings.logs is not None:
        yield logs.LogsSource(calls, settings.logs, groups, clock=clock)


def _waste(settings: AwsSettings, context: PluginContext, calls: Calls) -> Iterator[LiveCheck]:
    if settings.waste is not None:
        survey = Survey(calls, settings.accounts, settings=settings.waste, clock=context.clock)
        yield from (WasteCheck(survey, account) for account in settings.accounts)


def _notifiers(settings: AwsSettings, calls: Calls) -> Iterator[Notifier]:
    for name, topic in settings.publish_to.items():
        _, _, _, region, ident, _ = topic.split(":")
        account = next(one for one in settings.accounts if one.id == ident and region in one.regions)
        yield SnsNotifier(name, topic, account=account, calls=calls)


def _grants(
    settings: AwsSettings, enabled: Sequence[type[AwsAction]], addresses: tuple[Address, ...], groups: LogGroups
) -> Iterator[Grant]:
    """Of what is enabled, as far as some service has an address that it is for."""
    if settings.metrics is not None:
        yield from METRICS_GRANTS
    yield from stream_grants(settings)
    for stream in settings.kinesis:
        yield from kinesis.grants_of(stream)
    if settings.logs is not None:
        yield from logs.grants_of(groups)
    if settings.waste is not None:
        yield from WASTE_GRANTS
    yield from grants_of(settings.publish_to)
    for action in enabled:
        own = [address for address in addresses if address.kind is action.kind]
        if own:
            yield from action.grants_under(settings)
        if any(address.id is None and address.kind not in _FOUND_OTHERWISE for address in own):
            yield FIND_BY_TAGS
