"""From an alarm to a verified recovery on the double: CloudWatch, SNS, a real engine, SSM or ECS, and CloudWatch again.

The engine is a process of its own with the rights of the generated policy only. What is measured are real processes:
a service on an "instance", and the tasks of an ECS service. Alarms have a period of two seconds, which CloudWatch does
not allow, so that the tests are quick.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.harness import Site, eventually, site
from tests.integration.aws.conftest import instance
from tests.integration.aws.ssm_scenes import RESTART, SERVICE, UNIT, lines, publish

from recoverops.clock import SystemClock
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.machine import Machine

INTAKE_KEY = "an-intake-key-of-more-than-twenty-characters"
PERIOD_S = 2
TASK = """
import sys, time
while True:
    print(sys.argv[1], flush=True)
    time.sleep(0.2)
"""
"""A task that says `ok` or `error` for each request that it would serve."""


def configure(
    place: Site, aws: Aws, key: Key, topic: str, *, runbook: str, when: str, role: str | None = None, **settings: Any
) -> None:
    for name, content in {"id": key.id, "secret": key.secret, "intake": INTAKE_KEY}.items():
        (place.directory / name).write_text(content)
        (place.directory / name).chmod(0o600)
    folder = place.directory / "books"
    folder.mkdir(exist_ok=True)
    (folder / "more.yaml").write_text(runbook)
    address = settings.pop("address")
    place.configure(
        rule={"mode": "act", "runbook": "repair", "when": when},
        decision={"mode": "act", "ask_when_critical": False},
        runbooks="books",
        api={"port": place.port, "keys": [{"name": "sns", "role": "intake", "key": f"file:{place.directory}/intake"}]},
        plugins=[
            {"name": "console"},
            {
                "name": "aws",
                "settings": {
                    "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION], "role": role}],
                    "access_key": f"file:{place.directory}/id",
                    "secret_key": f"file:{place.directory}/secret",
                    "endpoint_url": aws.url,
                    "sns": {"topics": [topic], "double": aws.url},
                    **settings,
                },
            },
        ],
        services=[{"name": "checkout", "address": {"aws": address}}],
    )


@contextmanager
def engine(place: Site, aws: Aws, root: Key, topic: str, **how: Any) -> Iterator[None]:
    """In a role that has the rights of the generated policy, and subscribed to the topic."""
    configure(place, aws, root, topic, **how)
    (policy,) = place.json("permissions", "aws")["policies"]
    role = aws.role(json.loads(policy["document"]))
    assuming = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    key = aws.user({"Version": "2012-10-17", "Statement": [assuming]})
    configure(place, aws, key, topic, role=role, **how)
    place.up(wait=False)
    eventually("the engine's readiness", place.is_ready, within_s=90)
    endpoint = f"http://sns:{INTAKE_KEY}@127.0.0.1:{place.port}/intake/aws-sns"
    arn = aws.admin("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)["SubscriptionArn"]
    eventually("the confirmed subscription", lambda: aws.sns.is_confirmed(arn))
    yield


@contextmanager
def measured(aws: Aws, metric: str, dimensions: Mapping[str, str], measure: Callable[[], float]) -> Iterator[None]:
    """Put into CloudWatch twice a second for the time of the context."""
    ending, clock, cloudwatch = threading.Event(), SystemClock(), aws.admin("cloudwatch")

    def work() -> None:
        while not ending.wait(0.5):
            datum = {
                "MetricName": metric,
                "Dimensions": named(dimensions),
                "Value": measure(),
                "Timestamp": clock.now(),
            }
            cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])

    thread = threading.Thread(target=work, name="measuring", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(10)


def named(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def alarm(aws: Aws, topic: str, name: str, metric: str, dimensions: Mapping[str, str], **demand: Any) -> None:
    aws.admin("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Shop",
        MetricName=metric,
        Dimensions=named(dimensions),
        Period=PERIOD_S,
        EvaluationPeriods=1,
        TreatMissingData="missing",
        AlarmActions=[topic],
        OKActions=[topic],
        **demand,
    )


def state(aws: Aws, name: str) -> str:
    (found,) = aws.admin("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["StateValue"])


def recovered(place: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """The incident once it is over, and its one effect."""
    incident = place.incident_in("resolved", within_s=110)
    told = place.story(incident["id"])
    (run,) = [run for run in told["runs"] if run["actions"]]
    assert run["state"] == "succeeded", json.dumps(told, indent=1)
    (effect,) = run["actions"]
    assert effect["outcome"]["status"] == "succeeded", effect
    return told, effect["outcome"]


def test_an_alarm_restarts_the_service_on_an_instance_by_ssm_and_the_recovery_is_verified(
    aws: Aws, root: Key, tmp_path: Path
) -> None:
    # given a service on an instance, an alarm on its health, and an engine that hears it over SNS
    publish(aws, "recoverops-restart-service.yaml", "RecoverOps-RestartService")
    topic = aws.admin("sns").create_topic(Name="down")["TopicArn"]
    ident = instance(aws, tags={"team": "shop"})
    machine, dimensions = aws.ssm.machine(ident), {"InstanceId": ident}
    ledger = machine.folder / "starts"
    machine.install(UNIT, (sys.executable, "-S", "-c", SERVICE, str(ledger)))
    how = {
        "runbook": "{name: repair, action: ssm-restart-service, verify: {hold: 1s, timeout: 75s}}",
        "when": 'kind == "service_down"',
        "address": f"ec2 id={ident}",
        "actions": ["ssm-restart-service"],
        "ssm": {"restart": RESTART},
    }
    with (
        site(tmp_path) as place,
        measured(aws, "Healthy", dimensions, lambda: float(machine.is_active(UNIT))),
        engine(place, aws, root, topic, **how),
        aws.alarms.ticking(timedelta(seconds=1)),
    ):
        alarm(
            aws,
            topic,
            "ServiceDown",
            "Healthy",
            dimensions,
            Statistic="Minimum",
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
        )
        eventually("the alarm to be quiet", lambda: state(aws, "ServiceDown") == "OK", within_s=20)
        aws.faults.forget()
        # when the process dies, while AWS throttles a third of all calls and the role's credentials expire twice
        before = machine.pid(UNIT)
        with aws.faults.throttling(0.3):
            machine.kill(UNIT)
            aws.expire_credentials()
            eventually("the command", lambda: aws.faults.calls.get("ssm:SendCommand"), within_s=60)
            aws.expire_credentials()
            # then the engine restarts it, once, and the incident is over because CloudWatch says so
            told, outcome = recovered(place)
        assert f"MainPID={machine.pid(UNIT)}" in outcome["after"]["evidence.output"]
        assert machine.pid(UNIT) not in {0, before}
        assert aws.faults.calls["sts:AssumeRole"] >= 2
        assert len(lines(ledger)) == 2
        assert state(aws, "ServiceDown") == "OK"
        sent = aws.admin("ssm").list_commands(InstanceId=ident)["Commands"]
        assert [one["DocumentName"] for one in sent] == ["RecoverOps-RestartService"]
        assert told["incident"]["symptom"] == "availability"


def errors(machine: Machine) -> Callable[[], float]:
    """How many errors the running tasks logged since the last look."""
    seen: dict[str, int] = {}

    def look() -> float:
        count = 0
        for unit in machine.units:
            said = lines(machine.folder / "log" / unit)
            count += said[seen.get(unit, 0) :].count("error")
            seen[unit] = len(said)
        return float(count)

    return look


def test_an_ecs_deployment_that_raises_errors_is_rolled_back(aws: Aws, root: Key, tmp_path: Path) -> None:
    # given an ECS service whose tasks run, an alarm on its errors, and an engine that hears it over SNS
    ecs, topic = aws.admin("ecs"), aws.admin("sns").create_topic(Name="errors")["TopicArn"]
    ecs.create_cluster(clusterName="shop")
    for word in ("ok", "error"):
        command = [sys.executable, "-S", "-c", TASK, word]
        definition = {"name": "main", "image": "cart", "memory": 64, "command": command}
        ecs.register_task_definition(family="deployed", containerDefinitions=[definition])
    ecs.create_service(cluster="shop", serviceName="deployed", taskDefinition="deployed:1", desiredCount=2)
    machine = aws.ecs.enrol(ACCOUNT, REGION, "shop/deployed")
    dimensions = {"ClusterName": "shop", "ServiceName": "deployed"}
    how = {
        "runbook": "{name: repair, action: ecs-rollback, verify: {hold: 1s, timeout: 75s}}",
        "when": 'symptom == "alert:DeployedErrors"',
        "address": "ecs id=shop/deployed",
        "actions": ["ecs-rollback"],
    }
    with (
        site(tmp_path) as place,
        measured(aws, "Errors", dimensions, errors(machine)),
        engine(place, aws, root, topic, **how),
        aws.alarms.ticking(timedelta(seconds=1)),
    ):
        alarm(
            aws,
            topic,
            "DeployedErrors",
            "Errors",
            dimensions,
            Statistic="Sum",
            Threshold=0.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        eventually("the alarm to be quiet", lambda: state(aws, "DeployedErrors") == "OK", within_s=20)
        # when a revision is deployed whose tasks fail at every request
        ecs.update_service(cluster="shop", service="deployed", taskDefinition="deployed:2")
        # then the revision before runs again, and the incident is over because CloudWatch sees no errors
        _, outcome = recovered(place)
        assert outcome["after"]["state"] == "deployed:1"
        (found,) = ecs.describe_services(cluster="shop", services=["deployed"])["services"]
        assert found["taskDefinition"].endswith("deployed:1")
        assert {unit.rpartition("-")[0] for unit in machine.units} == {"deployed-1"}
        assert state(aws, "DeployedErrors") == "OK"
