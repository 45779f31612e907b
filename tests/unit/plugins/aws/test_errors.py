"""What AWS answers, as our errors, sorted by what the caller does next."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from recoverops.clock import SystemClock
from recoverops.model import (
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    OutcomeUnknownError,
    PermanentError,
    Service,
    UnreachableError,
)
from recoverops.plugins.aws import AwsSettings, plugin
from recoverops.plugins.aws.errors import ExpiredError, ThrottledError, lost, translated
from recoverops.ports import PluginContext, PluginParts

CALL, WHERE = "ec2:RebootInstances", "shop (111111111111) in eu-central-1"
DENIED = (
    "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to perform: "
    "ec2:CreateTags on resource: arn:aws:ec2:eu-central-1:1:instance/i-1 because no identity-based policy allows it"
)


def answered(code: str, message: str = "", *, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "RebootInstances"
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UnauthorizedOperation", ForbiddenError),
        ("AccessDeniedException", ForbiddenError),
        ("ExpiredTokenException", ExpiredError),
        ("InvalidClientTokenId", MisconfiguredError),
        ("RequestLimitExceeded", ThrottledError),
        ("InvalidInstanceID.NotFound", NotFoundError),
        ("ServiceNotFoundException", NotFoundError),
        ("IncorrectInstanceState", PermanentError),
    ],
)
def test_a_code_of_aws_is_the_error_that_says_what_to_do_next(code: str, expected: type[Exception]) -> None:
    assert type(translated(answered(code), CALL, WHERE, changes=True)) is expected


def test_a_denial_names_the_permission_that_aws_names_and_the_resource() -> None:
    told = str(translated(answered("UnauthorizedOperation", DENIED), CALL, WHERE, changes=True))
    assert "the permission ec2:CreateTags is missing on arn:aws:ec2:eu-central-1:1:instance/i-1" in told


def test_a_denial_that_names_nothing_names_the_call() -> None:
    told = str(translated(answered("AccessDenied", "no"), CALL, WHERE, changes=True))
    assert f"the permission {CALL} is missing in {WHERE}" in told


def test_trouble_inside_aws_is_unknown_for_a_change_and_unreachable_for_a_look() -> None:
    trouble = answered("InternalError", "sorry", status=500)
    assert type(translated(trouble, CALL, WHERE, changes=True)) is OutcomeUnknownError
    assert type(translated(trouble, CALL, WHERE, changes=False)) is UnreachableError


@pytest.mark.parametrize("code", ["InsufficientInstanceCapacity", "InsufficientAddressCapacity"])
def test_a_zone_without_room_did_nothing_though_aws_calls_it_an_error_of_its_own(code: str) -> None:
    refused = translated(answered(code, "no room", status=500), CALL, WHERE, changes=True)
    assert type(refused) is PermanentError
    assert f"AWS has no room for it now ({code}" in str(refused)


def test_an_answer_that_never_came_is_unknown_only_if_a_change_was_sent() -> None:
    error = TimeoutError()
    assert type(lost(error, CALL, WHERE, changes=True, was_sent=True)) is OutcomeUnknownError
    assert type(lost(error, CALL, WHERE, changes=True, was_sent=False)) is UnreachableError
    assert type(lost(error, CALL, WHERE, changes=False, was_sent=True)) is UnreachableError


def test_a_secret_in_a_message_of_aws_is_hidden() -> None:
    told = str(translated(answered("Whatever", "key AKIAABCDEFGHIJKLMNOP is odd"), CALL, WHERE, changes=True))
    assert "AKIA" not in told


def test_without_boto3_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(PermanentError, match=r"needs boto3, which is not installed: pip install 'recoverops\[aws\]'"):
        build(context())


def test_the_sdk_is_not_imported_before_its_first_use() -> None:
    code = (
        "import sys; import recoverops.plugins.aws.assembly; "
        "assert not {'boto3', 'botocore'} & set(sys.modules), 'imported too early'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_address_that_nobody_understands_is_a_mistake_in_the_configuration() -> None:
    services = [Service(name=name, group="shop", address={"aws": "vm id=1"}) for name in ("a", "b")]
    with pytest.raises(MisconfiguredError) as told:
        build(context(*services))
    assert len(told.value.problems) == 2


def test_without_actions_and_sources_there_are_none_and_the_policy_is_empty() -> None:
    parts = build(context(Service(name="web", group="web", address={"aws": "asg id=web"})))
    assert (parts.actions, parts.sources) == ((), ())
    assert [one.explained for one in parts.policies] == [{}]


def context(*services: Service) -> PluginContext:
    known = {one.name: one for one in services}
    return PluginContext(clock=SystemClock(), services=known, secret=lambda reference: reference)


def build(given: PluginContext) -> PluginParts:
    account = {"name": "shop", "id": "111111111111", "regions": ["eu-central-1"]}
    return plugin.build(AwsSettings.model_validate({"accounts": [account]}), given)
