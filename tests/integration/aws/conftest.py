"""One double of AWS for all tests of a process, and what they put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from recoverops.clock import SystemClock
from recoverops.model import Service
from recoverops.plugins.aws import AwsSettings, plugin
from recoverops.plugins.aws.assembly import ACTIONS as EVERY
from recoverops.ports import Action, Clock, PluginContext, PluginParts
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

ACTIONS = [one.name for one in EVERY if not one.name.startswith("ssm-")]
"""Those of SSM say in further settings what they may run; their scenes have them."""


class Counts:
    """A double of `ports.Telemetry`."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, str]]] = []

    def count(self, metric: str, **labels: str) -> None:
        self.counted.append((metric, labels))

    def observe(self, metric: str, value: float, **labels: str) -> None:
        raise AssertionError("nothing is timed")


@dataclass(kw_only=True)
class Shop:
    """Services on the double, and the plugin built for them."""

    aws: Aws
    services: dict[str, Service]
    settings: dict[str, Any]
    counts: Counts = field(default_factory=Counts)
    references: tuple[str, ...] = ()
    object_urls: tuple[str, ...] = ()
    clock: Clock = field(default_factory=SystemClock)

    def parts(self, key: Key, **settings: Any) -> PluginParts:
        given = {
            "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
            "access_key": "env:ID",
            "secret_key": "env:SECRET",
            "endpoint_url": self.aws.url,
            "timeout": "20s",
            "attempts": 2,
            "action_timeout": "5s",
            "bounds": {"slow_timeout": "5s"},
            "actions": ACTIONS,
            **self.settings,
            **settings,
        }
        secrets = {"env:ID": key.id, "env:SECRET": key.secret}
        context = PluginContext(
            clock=self.clock,
            services=self.services,
            secret=secrets.__getitem__,
            references=self.references,
            object_urls=self.object_urls,
            telemetry=self.counts,
        )
        return plugin.build(AwsSettings.model_validate(given), context)

    def action(self, name: str, key: Key, **settings: Any) -> Action:
        return next(one for one in self.parts(key, **settings).actions if one.name == name)

    def __getitem__(self, name: str) -> Service:
        return self.services[name]


@pytest.fixture(autouse=True)
def no_load_balancers_left() -> Iterator[None]:
    """Some actions look at every target group of the region: those of tests before would only take time."""
    yield
    from moto.elbv2.models import elbv2_backends

    elbv2_backends[ACCOUNT][REGION].target_groups.clear()


@pytest.fixture(scope="session")
def root(aws: Aws) -> Key:
    """A user who may do everything."""
    return aws.user({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.fixture(scope="session")
def _sdk(aws: Aws) -> Any:
    import boto3

    return boto3.session.Session(aws_access_key_id=aws.admin_key.id, aws_secret_access_key=aws.admin_key.secret)


@pytest.fixture
def live_session(aws: Aws, _sdk: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """For rehearsals: a session of the SDK. The plugin finds the same credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.admin_key.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.admin_key.secret)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return _sdk


@pytest.fixture
def calls(aws: Aws) -> Callable[[], Mapping[str, int]]:
    """How often each API was asked by what is tested, since the test began."""
    aws.faults.forget()
    return lambda: aws.faults.calls


def instance(aws: Aws, *, tags: Mapping[str, str], type_: str = "t3.micro") -> str:
    made = aws.admin("ec2").run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        InstanceType=type_,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    ident: str = made["Instances"][0]["InstanceId"]
    return ident


def group(aws: Aws, name: str, *, desired: int, most: int, tags: Mapping[str, str]) -> None:
    scaling = aws.admin("autoscaling")
    scaling.create_launch_configuration(LaunchConfigurationName=name, ImageId="ami-12345678", InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=1,
        MaxSize=most,
        DesiredCapacity=desired,
        AvailabilityZones=[f"{REGION}a"],
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
    )


def ecs_service(aws: Aws, ident: str, *, revisions: int, tags: Mapping[str, str], command: Sequence[str] = ()) -> None:
    ecs = aws.admin("ecs")
    cluster, _, name = ident.partition("/")
    ecs.create_cluster(clusterName=cluster)
    for number in range(revisions):
        definition = {"name": "main", "image": f"{name}:{number}", "memory": 64, "command": list(command)}
        ecs.register_task_definition(family=name, containerDefinitions=[definition])
    ecs.create_service(
        cluster=cluster,
        serviceName=name,
        taskDefinition=f"{name}:{revisions}",
        desiredCount=2,
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )


def service(name: str, address: str) -> Service:
    return Service(name=name, group=name, address={"aws": address})
