"""What is deployed on AWS: templates that cfn-lint accepts, no open door, no secret, no more rights than are named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import cfnlint.api
import pytest
from tests.unit.deploy.reading import (
    AWS,
    NAMES,
    ROOT,
    blocks,
    module,
    resources,
    snake,
    template,
    template_file,
    walked,
)

EVERYBODY = {"0.0.0.0/0", "::/0"}
ON_EVERYTHING = {
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ecr:GetAuthorizationToken",
    "kinesis:ListStreams",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
"""Without resources in AWS, but for the two that make and remove the network interfaces of a function, which have names
that nobody knows before."""
PAIRS = {
    "AWS::CloudWatch::Alarm": "aws_cloudwatch_metric_alarm",
    "AWS::EC2::Instance": "aws_instance",
    "AWS::EC2::LaunchTemplate": "aws_launch_template",
    "AWS::EC2::SecurityGroup": "aws_security_group",
    "AWS::ECS::Cluster": "aws_ecs_cluster",
    "AWS::ECS::Service": "aws_ecs_service",
    "AWS::ECS::TaskDefinition": "aws_ecs_task_definition",
    "AWS::EFS::AccessPoint": "aws_efs_access_point",
    "AWS::EFS::FileSystem": "aws_efs_file_system",
    "AWS::EFS::MountTarget": "aws_efs_mount_target",
    "AWS::ElasticLoadBalancingV2::Listener": "aws_lb_listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "aws_lb",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "aws_lb_target_group",
    "AWS::Events::Rule": "aws_cloudwatch_event_rule",
    "AWS::IAM::InstanceProfile": "aws_iam_instance_profile",
    "AWS::IAM::Policy": "aws_iam_role_policy",
    "AWS::IAM::Role": "aws_iam_role",
    "AWS::Kinesis::Stream": "aws_kinesis_stream",
    "AWS::KinesisFirehose::DeliveryStream": "aws_kinesis_firehose_delivery_stream",
    "AWS::Lambda::EventSourceMapping": "aws_lambda_event_source_mapping",
    "AWS::Lambda::Function": "aws_lambda_function",
    "AWS::Lambda::Permission": "aws_lambda_permission",
    "AWS::Logs::LogGroup": "aws_cloudwatch_log_group",
    "AWS::Logs::MetricFilter": "aws_cloudwatch_log_metric_filter",
    "AWS::Logs::SubscriptionFilter": "aws_cloudwatch_log_subscription_filter",
    "AWS::RDS::DBInstance": "aws_db_instance",
    "AWS::RDS::DBSubnetGroup": "aws_db_subnet_group",
    "AWS::S3::Bucket": "aws_s3_bucket",
    "AWS::S3::BucketPolicy": "aws_s3_bucket_policy",
    "AWS::SQS::Queue": "aws_sqs_queue",
    "AWS::SecretsManager::Secret": "aws_secretsmanager_secret",
}
"""One resource there, one here, of the same name."""
PARTS = {
    "aws_cloudwatch_event_target": "aws_cloudwatch_event_rule",
    "aws_efs_backup_policy": "aws_efs_file_system",
    "aws_iam_role_policy_attachment": "aws_iam_role",
    "aws_s3_bucket_lifecycle_configuration": "aws_s3_bucket",
    "aws_s3_bucket_ownership_controls": "aws_s3_bucket",
    "aws_s3_bucket_public_access_block": "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "aws_s3_bucket",
    "aws_secretsmanager_secret_version": "aws_secretsmanager_secret",
    "random_password": "aws_secretsmanager_secret",
}
"""Properties there, resources of their own here, with the name of what they are a property of."""


def statements(name: str) -> Iterator[Mapping[str, Any]]:
    """Of every policy that gives rights. Who may assume a role is another matter."""
    for one in resources(name).values():
        if one["Type"] == "AWS::IAM::Policy":
            yield from one["Properties"]["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_has_nothing_to_say(name: str) -> None:
    assert [str(one) for one in cfnlint.api.lint_file(template_file(name))] == []


def test_cfn_lint_would_have_said_something() -> None:
    wrong = template_file("intake").read_text(encoding="utf-8").replace("RetentionPeriodHours", "RetentionPeriodHour")
    assert any("RetentionPeriodHour" in str(one) for one in cfnlint.api.lint_all(wrong))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_described_and_bounded(name: str) -> None:
    for parameter, given in template(name)["Parameters"].items():
        assert given["Description"].endswith("."), parameter
        assert given.keys() & {"AllowedPattern", "AllowedValues", "MaxValue"}, parameter
        if "Default" in given and "AllowedPattern" in given:
            assert re.fullmatch(given["AllowedPattern"], given["Default"]), parameter


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_in_from_everywhere_and_one_instance_lets_nobody_in(name: str) -> None:
    groups = [one["Properties"] for one in resources(name).values() if one["Type"] == "AWS::EC2::SecurityGroup"]
    assert groups
    incoming = [rule for group in groups for rule in group.get("SecurityGroupIngress", ())]
    assert not [rule for rule in incoming if str(rule.get("CidrIp")) in EVERYBODY or "CidrIpv6" in rule]
    assert bool(incoming) is (name == "service")
    for _, body in blocks(name, "resource"):
        assert not [one for key, rules in walked(body) if key == "ingress" for one in EVERYBODY if one in str(rules)]


def test_the_clients_of_the_balancer_are_private_addresses() -> None:
    pattern = template("service")["Parameters"]["ClientCidr"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, one) for one in ("10.0.0.0/16", "172.31.0.0/20", "192.168.4.0/24"))
    assert not any(re.fullmatch(pattern, one) for one in ("0.0.0.0/0", "10.0.0.0/0", "8.8.8.0/24", "172.32.0.0/16"))


@pytest.mark.parametrize("name", NAMES)
def test_no_policy_has_a_star_for_an_action_and_stars_for_resources_are_counted(name: str) -> None:
    for one in statements(name):
        actions = set(listed(one["Action"]))
        assert not [action for action in actions if "*" in action]
        if "*" in listed(one["Resource"]):
            assert actions <= ON_EVERYTHING, actions - ON_EVERYTHING
    for labels, body in blocks(name, "data"):
        if labels[0] != "aws_iam_policy_document":
            continue
        for given in body["statement"]:
            told = str(given.get("effect", "Allow"))
            assert "Deny" in told or not [action for action in given["actions"] if "*" in action], labels


@pytest.mark.parametrize("name", NAMES)
def test_the_rights_there_are_the_rights_here(name: str) -> None:
    there = sorted(action for one in statements(name) for action in listed(one["Action"]))
    here = sorted(
        action.strip('"')
        for labels, body in blocks(name, "data")
        if labels[0] == "aws_iam_policy_document"
        for given in body["statement"]
        if "Deny" not in str(given.get("effect", "")) and "sts:AssumeRole" not in str(given["actions"])
        for action in given["actions"]
    )
    assert here == there


@pytest.mark.parametrize("name", ["service", "one-instance"])
def test_the_engine_has_the_generated_policy_and_no_other_managed_one(name: str) -> None:
    managed = [policy for one in resources(name).values() for policy in one["Properties"].get("ManagedPolicyArns", ())]
    assert managed == [{"Ref": "TaskPolicyArn" if name == "service" else "EnginePolicyArn"}]


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_stands_in_a_template(name: str) -> None:
    for key, value in walked(template(name)):
        if isinstance(value, str) and re.search(r"password|secret|token", key, re.IGNORECASE):
            is_fine = key in {"GenerateStringKey", "SecretStringTemplate", "HttpTokens"} and "hunter" not in value
            assert is_fine or value.startswith(("arn:", "{{resolve:", "postgresql://recoverops:{{resolve:")), (
                key,
                value,
            )
    for labels, body in blocks(name, "resource"):
        for key, value in walked(body):
            if key in {"password", "secret_string"}:
                assert "random_password.database_secret.result" in str(value), labels


def test_the_store_is_encrypted_in_two_zones_and_kept() -> None:
    database = resources("service")["Database"]
    given = database["Properties"]
    assert database["DeletionPolicy"] == "Snapshot"
    for wanted in ("StorageEncrypted", "MultiAZ", "DeletionProtection"):
        assert given[wanted] is True, wanted
    assert given["PubliclyAccessible"] is False


def test_never_two_engines_at_once() -> None:
    given = resources("service")["Service"]["Properties"]
    assert given["DesiredCount"] == 1
    assert given["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert given["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
    assert given["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"] == [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]


def _user_data() -> str:
    given = resources("one-instance")["Instance"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    return str(given)


def test_the_unit_in_the_template_is_the_unit_of_the_guide() -> None:
    unit = (ROOT / "deploy/systemd/recoverops.service").read_text(encoding="utf-8")
    assert f"<<'UNIT'\n{unit}UNIT\n" in _user_data()
    assert len(_user_data()) < 16_384, "what EC2 takes"


def test_terraform_installs_with_the_same_script() -> None:
    unit = (ROOT / "deploy/systemd/recoverops.service").read_text(encoding="utf-8")
    script = (AWS / "terraform/one-instance/install.sh.tftpl").read_text(encoding="utf-8")
    for here, there in {
        "unit": unit,
        "bucket": "${WheelBucket}",
        "folder": "${WheelFolder}",
        "wheel": "${WheelName}",
    }.items():
        script = script.replace(f"${{{here}}}", there)
    assert script.strip() == _user_data().strip()


@pytest.mark.parametrize("name", NAMES)
def test_terraform_has_the_same_resources(name: str) -> None:
    there = {(PAIRS[one["Type"]], snake(logical)) for logical, one in resources(name).items()}
    found = {labels for labels, _ in blocks(name, "resource")}
    here = {one for one in found if one[0] not in PARTS}
    assert here == there
    for kind, label in found - here:
        assert (PARTS[kind], label) in there, f"{kind}.{label} is a part of nothing"


@pytest.mark.parametrize("name", NAMES)
def test_terraform_asks_for_the_same_things_with_the_same_words(name: str) -> None:
    given = template(name)["Parameters"]
    parameters = {snake(key).replace("recover_ops", "recoverops"): one["Description"] for key, one in given.items()}
    variables = {labels[0]: str(body["description"]).strip('"') for labels, body in blocks(name, "variable")}
    assert {key: variables.get(key) for key in parameters if key != "image_id"} == {
        key: json.dumps(told).strip('"') for key, told in parameters.items() if key != "image_id"
    }
    assert variables.keys() - parameters.keys() <= {"name"}


@pytest.mark.parametrize("name", NAMES)
def test_terraform_is_written_as_its_formatter_writes_it(name: str) -> None:
    """What can be seen without it: two spaces a level, and the equals signs of neighbouring lines below each other."""
    assert module(name)
    for file in sorted((AWS / "terraform" / name).glob("*.tf")):
        level, equals = 0, list[int]()
        for line in file.read_text(encoding="utf-8").splitlines():
            text = line.strip()
            opened = sum(text.count(one) for one in "{[(") - sum(text.count(one) for one in "}])")
            level -= text.startswith(("}", "]", ")"))
            assert not text or line == "  " * level + text, f"{file.name}: {line!r}"
            level += opened > 0 or (opened == 0 and text.startswith(("}", "]", ")")))
            is_single = re.match(r"[\w-]+ += .*[^{\[(]$", text)
            equals = [*equals, line.index("=")] if is_single else []
            assert len(set(equals)) <= 1, f"{file.name}: {line!r}"
