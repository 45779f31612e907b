"""Secrets that AWS keeps: read with exactly the rights of the policy, through the real loader, and never told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop
from typer.testing import CliRunner

from recoverops.api.keyring import UnauthenticatedError
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.plugins import load_plugins, vault_of
from recoverops.app.serve import doors_of, reload
from recoverops.app.store_address import with_store_address
from recoverops.cli.commands import application
from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, RecoverOpsError
from recoverops.redact import redact
from recoverops.testing import running_receiver, sample_notification
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.faults import Fault

SECRET = "hunter2-correct-horse-battery"
CONFIGURATION = """
data_dir: data
api: {{keys: [{{name: on-call, role: responder, key: "ssm:/shop/prod/key"}}]}}
plugins:
  - {{name: console}}
  - {{name: slack, settings: {{url: "secretsmanager:shop/slack#webhook"}}}}
  - name: aws
    settings:
      accounts: [{{name: shop, id: "{account}", regions: [{region}]}}]
      access_key: {access_key}
      secret_key: file:{folder}/secret
      endpoint_url: {url}
      attempts: 1
"""


@pytest.fixture(scope="module", autouse=True)
def kept(aws: Aws) -> None:
    put(aws, "/shop/prod/key", SECRET)
    put(aws, "plain", SECRET, kind="String")
    put(aws, "/shop/list", f"{SECRET},b", kind="StringList")
    manager = aws.admin("secretsmanager")
    manager.create_secret(Name="shop/token", SecretString=f"{SECRET}\n")
    manager.create_secret(Name="shop/db", SecretString=json.dumps({"password": SECRET, "port": 5432}))
    manager.create_secret(Name="shop/binary", SecretBinary=SECRET.encode())
    manager.create_secret(Name="shop/slack", SecretString=json.dumps({"webhook": "http://127.0.0.1:9/nobody"}))


def put(aws: Aws, name: str, value: str, *, kind: str = "SecureString") -> None:
    aws.admin("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def resolved(aws: Aws, key: Key, reference: str) -> str:
    scheme, _, name = reference.partition(":")
    parts = Shop(aws=aws, services={}, settings={}).parts(key)
    return next(one for one in parts.secrets if one.scheme == scheme).secret(name)


def configured(aws: Aws, folder: Path, key: Key, *, access_key: str | None = None) -> Path:
    for name, text in (("id", key.id), ("secret", key.secret)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o600)
    file = folder / "recoverops.yaml"
    given = access_key or f"file:{folder}/id"
    text = CONFIGURATION.format(account=ACCOUNT, region=REGION, folder=folder, url=aws.url, access_key=given)
    file.write_text(text, encoding="utf-8")
    return file


def policy_of(aws: Aws, folder: Path, key: Key) -> Mapping[str, Any]:
    done = CliRunner().invoke(
        application, ["permissions", "aws", "--json", "--config", str(configured(aws, folder, key))]
    )
    assert done.exit_code == 0, done.output
    (policy,) = json.loads(done.output)["policies"]
    document: Mapping[str, Any] = json.loads(policy["document"])
    return document


@pytest.mark.parametrize(
    "reference", ["ssm:/shop/prod/key", "ssm:plain", "secretsmanager:shop/token", "secretsmanager:shop/db#password"]
)
def test_a_reference_leads_to_its_secret(aws: Aws, root: Key, reference: str) -> None:
    assert resolved(aws, root, reference).strip() == SECRET


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("ssm:/shop/absent", "there is no such parameter"),
        ("ssm:/shop/list", "it is a StringList"),
        ("ssm:/shop//key", "this is no name of a parameter"),
        ("ssm:/shop/prod/key:3", "this is no name of a parameter"),
        ("secretsmanager:shop/absent", "can't find the specified secret"),
        ("secretsmanager:shop/binary", "it is binary"),
        ("secretsmanager:shop/token#password", "it is no JSON object"),
        ("secretsmanager:shop/db#user", 'its key "user" is not there'),
        ("secretsmanager:shop/db#port", 'its key "port" has another type than text'),
        ("secretsmanager:shop/db#", "this is no name of a secret"),
        ("secretsmanager:shop db", "this is no name of a secret"),
    ],
)
def test_what_is_wrong_is_said_with_the_reference_and_without_the_value(
    aws: Aws, root: Key, reference: str, told: str
) -> None:
    with pytest.raises(RecoverOpsError) as refused:
        resolved(aws, root, reference)
    assert f'the secret "{reference}" cannot be read: ' in str(refused.value)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)


def test_the_policy_names_exactly_what_the_configuration_refers_to_and_nobody_is_asked(
    aws: Aws, root: Key, tmp_path: Path
) -> None:
    aws.faults.forget()
    statements = policy_of(aws, tmp_path, root)["Statement"]
    assert {(one["Action"][0], one["Resource"]) for one in statements} == {
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/prod/key"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/slack-??????"),
    }
    assert aws.faults.calls == {}


def test_with_that_policy_they_are_read_and_without_a_permission_it_is_named(
    aws: Aws, root: Key, tmp_path: Path
) -> None:
    document = policy_of(aws, tmp_path, root)
    user = aws.user(document)
    assert resolved(aws, user, "ssm:/shop/prod/key") == SECRET
    assert resolved(aws, user, "secretsmanager:shop/slack#webhook").startswith("http://")
    for reference, right, where in (
        ("ssm:/shop/prod/key", "ssm:GetParameter", ":parameter/shop/prod/key"),
        ("secretsmanager:shop/slack#webhook", "secretsmanager:GetSecretValue", ":secret:shop/slack-"),
    ):
        left = [one for one in document["Statement"] if right not in one["Action"]]
        with pytest.raises(RecoverOpsError) as refused:
            resolved(aws, aws.user({**document, "Statement": left}), reference)
        assert reference in str(refused.value)
        assert f"the permission {right} is missing on arn:aws:" in str(refused.value)
        assert where in str(refused.value)


def test_a_secret_that_nobody_refers_to_is_out_of_the_policy(aws: Aws, root: Key, tmp_path: Path) -> None:
    user = aws.user(policy_of(aws, tmp_path, root))
    for reference in ("ssm:plain", "secretsmanager:shop/token"):
        with pytest.raises(RecoverOpsError, match="is missing on"):
            resolved(aws, user, reference)


def test_a_key_of_ones_own_is_granted_by_way_of_the_service_only(aws: Aws) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
    shop = Shop(aws=aws, services={}, settings={"keeping": {"keys": [key]}}, references=("ssm:/shop/prod/key",))
    (policy,) = shop.parts(Key(id="AKIANOBODY", secret="nothing")).policies
    (grant,) = [one for one in json.loads(policy.document)["Statement"] if one["Action"] == ["kms:Decrypt"]]
    assert grant["Resource"] == key
    assert grant["Condition"] == {"StringEquals": {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"}}


def test_two_regions_are_never_guessed_between(aws: Aws) -> None:
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": [REGION, "eu-west-1"]}]
    shop = Shop(aws=aws, services={}, settings={"accounts": accounts}, references=("ssm:/shop/prod/key",))
    with pytest.raises(MisconfiguredError, match=r"keeping\.region .* one of: eu-central-1, eu-west-1"):
        shop.parts(Key(id="AKIANOBODY", secret="nothing"))


def test_the_plugin_that_keeps_secrets_is_built_first_and_slack_posts_to_what_it_says(
    aws: Aws, root: Key, tmp_path: Path
) -> None:
    settings = load_settings(configured(aws, tmp_path, root), {})
    with running_receiver() as receiver:
        url = {"webhook": f"{receiver.url}/services/T0/B0/{SECRET}"}
        aws.admin("secretsmanager").put_secret_value(SecretId="shop/slack", SecretString=json.dumps(url))
        loaded = load_plugins(settings, SystemClock())
        assert [one.name for one in loaded.statuses] == ["plugin console", "plugin slack", "plugin aws"]
        loaded.notifiers["slack"].send(sample_notification(), idempotency_key="ntf-1")
        (request,) = receiver.requests
        assert request.path.endswith(SECRET)


def test_its_own_credentials_cannot_be_among_the_secrets_that_it_keeps(aws: Aws, root: Key, tmp_path: Path) -> None:
    settings = load_settings(configured(aws, tmp_path, root, access_key="ssm:/shop/prod/key"), {})
    with pytest.raises(MisconfiguredError, match=r"aws needs aws\); give it that secret as env:NAME or file:/path"):
        load_plugins(settings, SystemClock())


def test_a_plugin_whose_secret_is_denied_is_disabled_with_the_reason(aws: Aws, tmp_path: Path) -> None:
    other = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    nobody = aws.user({"Version": "2012-10-17", "Statement": [other]})
    settings = load_settings(configured(aws, tmp_path, nobody), {})
    loaded = load_plugins(settings, SystemClock())
    (slack,) = loaded.disabled
    assert slack.name == "plugin slack"
    assert "secretsmanager:GetSecretValue is missing on arn:aws:secretsmanager:" in slack.statement


def test_the_address_of_the_store_may_be_kept_there_too(aws: Aws, root: Key, tmp_path: Path) -> None:
    settings = load_settings(
        configured(aws, tmp_path, root), {"RECOVEROPS_STORAGE__URL": "secretsmanager:shop/db#password"}
    )
    found = with_store_address(settings, vault_of(settings, SystemClock()))
    assert found.storage.url.get_secret_value() == SECRET


def test_an_api_key_that_was_rotated_counts_after_a_reload(aws: Aws, root: Key, tmp_path: Path) -> None:
    put(aws, "/shop/prod/key", SECRET)
    engine = RecoverOps(load_settings(configured(aws, tmp_path, root), {}))
    engine.start()
    try:
        keys = doors_of(engine).keyring
        assert keys.recognise(f"Bearer {SECRET}").name == "on-call"
        put(aws, "/shop/prod/key", f"{SECRET}-rotated")
        reload(engine)
        assert keys.recognise(f"Bearer {SECRET}-rotated").name == "on-call"
        with pytest.raises(UnauthenticatedError):
            keys.recognise(f"Bearer {SECRET}")
        assert SECRET not in json.dumps(engine.debug())
        aws.faults.plan("ssm:GetParameter", Fault.SILENT, Fault.SILENT)
        reload(engine)
        assert keys.recognise(f"Bearer {SECRET}-rotated").name == "on-call"
    finally:
        engine.close()
        put(aws, "/shop/prod/key", SECRET)


def test_what_says_where_a_secret_is_is_not_hidden_but_a_secret_is() -> None:
    where = (
        f"secretsmanager:GetSecretValue is missing on arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/db-aBcDeF "
        'for "secretsmanager:shop/db#password"'
    )
    assert redact(where) == where
    for text in (f"secret: {SECRET}", f"secretsmanager: {SECRET}", f"my_secret={SECRET}", f"x:secret:{SECRET}"):
        assert SECRET not in redact(text)
