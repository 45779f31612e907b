"""The templates, really deployed to the double as far as it knows their types; and what the engine's role may do then.

What moto's CloudFormation lacks is taken out before and made through its own API where a resource needs it; the list is
checked against moto, so that it gets shorter when moto learns.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from tests.integration.aws.conftest import Shop
from tests.unit.deploy.reading import AWS, NAMES, function, resources, template

from recoverops.testing import running_receiver
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

LACKS = {
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:",
    "AWS::KinesisFirehose::DeliveryStream": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/",
    "AWS::Logs::MetricFilter": "",
    "AWS::Logs::SubscriptionFilter": "",
    "AWS::S3::BucketPolicy": "",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:",
}
"""Type -> what begins the ARN that stands in for it."""
INTAKE_KEY = "an-intake-key-of-thirty-letters"


def deployable(name: str) -> dict[str, Any]:
    """The template without what moto lacks, with ARNs in the place of what refers to it."""
    left_out = {key: LACKS[one["Type"]] + key for key, one in resources(name).items() if one["Type"] in LACKS}
    whole = json.loads(json.dumps(template(name)))
    whole["Resources"] = {key: one for key, one in whole["Resources"].items() if key not in left_out}
    cleaned: dict[str, Any] = _replaced(whole, left_out)
    return cleaned


def _replaced(value: Any, gone: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(one, gone) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in gone:
        return gone[value["Ref"]]
    if "Fn::GetAtt" in value and value["Fn::GetAtt"][0] in gone:
        return gone[value["Fn::GetAtt"][0]]
    if isinstance(value.get("Fn::Sub"), str) and any(f"${{{name}}}" in value["Fn::Sub"] for name in gone):
        # a dynamic reference to a secret that is not there: moto would look for it
        return "stand-in-of-a-secret"
    if "DependsOn" in value:
        needed = value["DependsOn"] if isinstance(value["DependsOn"], list) else [value["DependsOn"]]
        value = {**value, "DependsOn": [one for one in needed if one not in gone]}
    return {key: _replaced(below, gone) for key, below in value.items()}


@pytest.fixture(scope="module")
def engine_policy(aws: Aws, root: Key) -> str:
    """ARN of the policy that `recoverops permissions aws` prints for two references to secrets."""
    (policy,) = (
        Shop(aws=aws, services={}, settings={"actions": []}, references=("ssm:/shop/prod/key",)).parts(root).policies
    )
    made = aws.admin("iam").create_policy(PolicyName="recoverops-engine", PolicyDocument=policy.document)
    arn: str = made["Policy"]["Arn"]
    return arn


class Deploy:
    """Deploys each template once, and tells the physical ids of its resources."""

    def __init__(self, aws: Aws, given: Mapping[str, Mapping[str, str]]) -> None:
        self.given = given
        self._formation = aws.admin("cloudformation")
        self._done: dict[str, dict[str, str]] = {}

    def __call__(self, name: str) -> dict[str, str]:
        if name not in self._done:
            self._formation.create_stack(
                StackName=name,
                TemplateBody=json.dumps(deployable(name)),
                Parameters=[{"ParameterKey": key, "ParameterValue": text} for key, text in self.given[name].items()],
                Capabilities=["CAPABILITY_IAM"],
            )
            (stack,) = self._formation.describe_stacks(StackName=name)["Stacks"]
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            found = self._formation.describe_stack_resources(StackName=name)["StackResources"]
            self._done[name] = {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}
        return self._done[name]


@pytest.fixture(scope="module")
def deploy(aws: Aws, engine_policy: str) -> Deploy:
    ec2 = aws.admin("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [f"{REGION}a", f"{REGION}b"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    aws.admin("s3").create_bucket(Bucket="programs", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.admin("s3").put_object(Bucket="programs", Key="functions.zip", Body=_packed())
    aws.admin("logs").create_log_group(logGroupName="/shop/checkout")
    key = aws.admin("secretsmanager").create_secret(Name="intake-key", SecretString=INTAKE_KEY)["ARN"]
    certificate = aws.admin("acm").request_certificate(DomainName="recoverops.example.com")["CertificateArn"]
    given: dict[str, dict[str, str]] = {
        "intake": {
            "LogGroupName": "/shop/checkout",
            "RecoverOpsUrl": "https://recoverops.example.com",
            "IntakeKeyArn": key,
            "CodeBucket": "programs",
            "CodeKey": "functions.zip",
            "VpcId": vpc,
            "SubnetIds": ",".join(subnets),
        },
        "service": {
            "VpcId": vpc,
            "SubnetA": subnets[0],
            "SubnetB": subnets[1],
            "ClientCidr": "10.0.0.0/16",
            "CertificateArn": certificate,
            "ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/recoverops@sha256:{'0' * 64}",
            "RepositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/recoverops",
            "TaskPolicyArn": engine_policy,
            "ConfigurationParameter": "/recoverops/configuration",
        },
        "one-instance": {
            "VpcId": vpc,
            "SubnetId": subnets[0],
            "ImageId": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            "WheelBucket": "programs",
            "WheelFolder": "recoverops/0.1.0",
            "WheelName": "recoverops-0.1.0-py3-none-any.whl",
            "EnginePolicyArn": engine_policy,
        },
    }
    return Deploy(aws, given)


def _packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("forward", "widen"):
            archive.write(AWS / "lambda" / f"{name}.py", f"{name}.py")
    return buffer.getvalue()


def test_the_list_of_what_moto_lacks_is_true() -> None:
    from moto.cloudformation.parsing import get_model_map  # as moto asks it for each resource

    used = {one["Type"] for name in NAMES for one in resources(name).values()}
    assert used - get_model_map().keys() == LACKS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_is_deployed(deploy: Deploy, name: str) -> None:
    made = deploy(name)
    assert made.keys() == {key for key, one in resources(name).items() if one["Type"] not in LACKS}


@pytest.mark.parametrize(("name", "role"), [("service", "TaskRole"), ("one-instance", "Role")])
def test_the_engines_role_has_the_rights_of_the_generated_policy_and_no_others_on_secrets(
    aws: Aws, deploy: Deploy, name: str, role: str
) -> None:
    made = deploy(name)
    aws.admin("ssm").put_parameter(Name="/shop/prod/key", Value=INTAKE_KEY, Type="SecureString", Overwrite=True)
    aws.admin("ssm").put_parameter(Name="/shop/prod/other", Value=INTAKE_KEY, Type="SecureString", Overwrite=True)
    iam = aws.admin("iam")
    # moto's CloudFormation attaches no managed policies: what the template names is attached here
    for parameter in resources(name)[role]["Properties"]["ManagedPolicyArns"]:
        iam.attach_role_policy(RoleName=made[role], PolicyArn=deploy.given[name][parameter["Ref"]])
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    iam.update_assume_role_policy(
        RoleName=made[role], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    arn = iam.get_role(RoleName=made[role])["Role"]["Arn"]
    given = aws.admin("sts").assume_role(RoleArn=arn, RoleSessionName="task")["Credentials"]
    ssm = boto3.client(
        "ssm",
        region_name=REGION,
        endpoint_url=aws.url,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert ssm.get_parameter(Name="/shop/prod/key", WithDecryption=True)["Parameter"]["Value"] == INTAKE_KEY
    for call in (lambda: ssm.get_parameter(Name="/shop/prod/other"), ssm.describe_parameters):
        with pytest.raises(ssm.exceptions.ClientError, match="AccessDenied"):
            call()


def test_an_alarm_goes_through_the_deployed_stream_to_the_door_with_the_key_of_secrets_manager(
    aws: Aws, deploy: Deploy, monkeypatch: pytest.MonkeyPatch, root: Key
) -> None:
    made, kinesis = deploy("intake"), aws.admin("kinesis")
    event = {"detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "detail": {"alarmName": "e"}}
    kinesis.put_record(StreamName=made["Stream"], Data=json.dumps(event).encode(), PartitionKey="a")
    records = []
    for shard in kinesis.list_shards(StreamName=made["Stream"])["Shards"]:
        begun = kinesis.get_shard_iterator(
            StreamName=made["Stream"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records += kinesis.get_records(ShardIterator=begun["ShardIterator"])["Records"]
    (found,) = records
    deployed = aws.admin("lambda").get_function_configuration(FunctionName=made["Forwarder"])
    arn = deployed["Environment"]["Variables"]["KEY_SECRET"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", root.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", root.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    forward = function("forward")
    with running_receiver() as receiver:
        door = forward.Door(receiver.url, forward.Key(lambda: forward.read_secret(arn)))
        given = {"sequenceNumber": found["SequenceNumber"], "data": base64.b64encode(found["Data"]).decode()}
        assert forward.forward([{"kinesis": given}], door, lambda: 60_000) == {"batchItemFailures": []}
        (request,) = receiver.requests
        assert json.loads(request.body) == event
        assert request.headers["authorization"] == f"Bearer {INTAKE_KEY}"


def test_while_the_intake_lags_the_deployed_mapping_gets_more_readers(
    aws: Aws, deploy: Deploy, monkeypatch: pytest.MonkeyPatch, root: Key
) -> None:
    made = deploy("intake")
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": root.id,
        "AWS_SECRET_ACCESS_KEY": root.secret,
        "AWS_DEFAULT_REGION": REGION,
        "MAPPING": made["Mapping"],
        "WIDEST": "10",
    }.items():
        monkeypatch.setenv(name, value)
    aws.faults.forget()
    for state, readers in (("ALARM", 10), ("OK", 1)):
        assert function("widen").handler({"alarmData": {"state": {"value": state}}}, None) == {"readers": readers}
    assert aws.faults.calls == {"lambda:UpdateEventSourceMapping": 2}
