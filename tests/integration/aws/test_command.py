"""`recoverops check` and `recoverops permissions aws`, through the real loader and the entry point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.aws.conftest import group
from typer.testing import CliRunner, Result

from recoverops.cli.commands import application
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

TEMPLATE = """
data_dir: data
plugins:
  - name: console
  - name: aws
    settings:
      accounts: [{{name: shop, id: "{account}", regions: [{region}]}}]
      access_key: file:{folder}/id
      secret_key: file:{folder}/secret
      endpoint_url: {url}
      actions: [asg-scale]
services:
  - name: web
    address: {{aws: asg id=command}}
"""


def run(aws: Aws, folder: Path, key: Key, *words: str, account: str = ACCOUNT, region: str = REGION) -> Result:
    for name, text in (("id", key.id), ("secret", key.secret)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o600)
    file = folder / "recoverops.yaml"
    text = TEMPLATE.format(account=account, region=region, folder=folder, url=aws.url)
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(application, [*words, "--config", str(file)])


def test_check_says_who_we_are(aws: Aws, root: Key, tmp_path: Path) -> None:
    done = run(aws, tmp_path, root, "check")
    assert f"ok   aws account shop: is {ACCOUNT}, as arn:aws:iam::{ACCOUNT}:user/" in done.output
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("account", "region", "told"),
    [
        ("999999999999", REGION, f"but the credentials in use are of {ACCOUNT}"),
        (ACCOUNT, "eu-centrall-1", "did you mean eu-central-1?"),
    ],
    ids=["wrong account", "wrong region"],
)
def test_check_says_what_is_wrong(aws: Aws, root: Key, tmp_path: Path, account: str, region: str, told: str) -> None:
    done = run(aws, tmp_path, root, "check", account=account, region=region)
    assert told in done.output
    assert done.exit_code == 1


def test_the_printed_policy_is_what_a_user_needs(aws: Aws, root: Key, tmp_path: Path) -> None:
    group(aws, "command", desired=1, most=2, tags={})
    done = run(aws, tmp_path, root, "permissions", "aws", "--json")
    assert done.exit_code == 0, done.output
    (policy,) = json.loads(done.output)["policies"]
    scaling = aws.client("autoscaling", aws.user(json.loads(policy["document"])))
    scaling.set_desired_capacity(AutoScalingGroupName="command", DesiredCapacity=2)
    assert (
        "RecoverOps1: autoscaling:DescribeAutoScalingGroups: to see"
        in run(aws, tmp_path, root, "permissions", "aws").output
    )


def test_a_plugin_without_a_policy_is_told_with_those_that_have_one(aws: Aws, root: Key, tmp_path: Path) -> None:
    done = run(aws, tmp_path, root, "permissions", "console")
    assert done.exit_code == 5
    assert 'the plugin "console" has no policy' in done.output
    assert "plugins with one: aws" in done.output
