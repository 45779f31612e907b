"""`recoverops aws-sandbox`: the double of AWS with a small shop on it, to try policies and actions without an account.

Loopback only, for a bounded time, and gone at the end with everything that it started. Scripts of documents really run,
as the user who started it, so nobody without the printed key may ask it for anything.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from recoverops.app.shipped import shipped_documents
from recoverops.clock import SystemClock
from recoverops.lab.command import InterruptedBySignal, interruptible
from recoverops.model import ConflictError, Record
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key, running_aws

UNIT = "checkout.service"
NAMESPACE, HEALTHY = "Sandbox", "Healthy"
TOPIC, ALARM = "alarms", "ServiceDown"
_WATCH_EVERY_S = 5.0
_PERIOD_S = 10
_PORT = 8766
"""Of the example's engine; not the default one, where another engine may be."""
_SERVICE = "import time\nwhile True:\n    time.sleep(3600)\n"
_RUNBOOK = "restart-by-ssm"
_NAMES = ("recoverops.yaml", "rules.yaml", f"runbooks/{_RUNBOOK}.yaml", "access.key", "secret.key", "intake.key")


class Sandbox(Record, frozen=True, kw_only=True):
    """What is told when it is ready."""

    endpoint: str
    region: str
    account: str
    access_key: str
    secret_key: str
    instance: str
    """an EC2 instance, managed by SSM, with the service `checkout.service`"""
    folder: str
    """the folder that stands for the instance"""
    documents: tuple[str, ...]
    files: Mapping[str, str]
    """an example configuration: name -> content"""


def main_sandbox(*, lasting: timedelta, as_json: bool, directory: Path | None) -> int:
    """0: its time was over. 128 + n: ended by signal n. Raises `MisconfiguredError` without moto."""
    if directory is not None:
        _check_free(directory)
    try:
        with interruptible(), running_aws() as aws:
            sandbox = _prepared(aws, directory or Path())
            if directory is not None:
                _write(sandbox, directory)
            print(told(sandbox, as_json=as_json, directory=directory, lasting=lasting), flush=True)  # noqa: T201
            with _watched(aws, sandbox):
                threading.Event().wait(lasting.total_seconds())
    except InterruptedBySignal as interrupted:
        print("interrupted; everything that the sandbox started has been ended", file=sys.stderr)  # noqa: T201
        return 128 + interrupted.signum
    return 0


def _prepared(aws: Aws, directory: Path) -> Sandbox:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    key = aws.user(everything)
    tags = [{"Key": "service", "Value": "checkout"}, {"Key": "recoverops", "Value": "allowed"}]
    made = aws.admin("ec2").run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    instance = made["Instances"][0]["InstanceId"]
    machine = aws.ssm.machine(instance)
    machine.install(UNIT, (sys.executable, "-IS", "-c", _SERVICE))
    _make_alarm(aws, instance)
    documents = shipped_documents()
    for one in documents:
        aws.admin("ssm").create_document(
            Name=one.name, Content=one.content, DocumentType=one.kind, DocumentFormat="YAML"
        )
    return Sandbox(
        endpoint=aws.url,
        region=REGION,
        account=ACCOUNT,
        access_key=key.id,
        secret_key=key.secret,
        instance=instance,
        folder=str(machine.folder),
        documents=tuple(one.name for one in documents),
        files=_files(aws, key, secrets.token_hex(16), instance, directory.absolute()),
    )


def _make_alarm(aws: Aws, instance: str) -> None:
    """On the health of the instance's service, told to the topic."""
    topic = aws.admin("sns").create_topic(Name=TOPIC)["TopicArn"]
    aws.admin("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        Namespace=NAMESPACE,
        MetricName=HEALTHY,
        Dimensions=[{"Name": "InstanceId", "Value": instance}],
        Statistic="Minimum",
        Period=_PERIOD_S,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="missing",
        AlarmActions=[topic],
        OKActions=[topic],
    )


def _files(aws: Aws, key: Key, intake: str, instance: str, directory: Path) -> dict[str, str]:
    """A configuration that asks the sandbox and may restart its service, with a person's approval."""
    return {
        "recoverops.yaml": f"""\
data_dir: {directory}/data
runbooks: {directory}/runbooks
rules: {directory}/rules.yaml
api:
  port: {_PORT}
  keys:
    - {{name: sns, role: intake, key: "file:{directory}/intake.key"}}
plugins:
  - name: console
  - name: aws
    settings:
      accounts:
        - {{name: sandbox, id: "{ACCOUNT}", regions: [{REGION}]}}
      access_key: file:{directory}/access.key
      secret_key: file:{directory}/secret.key
      endpoint_url: {aws.url}
      only_tagged: {{recoverops: allowed}}
      actions: [ssm-restart-service, ec2-reboot]
      ssm:
        restart:
          units: {{checkout: [{UNIT}]}}
      sns:
        topics: ["arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}"]
        double: {aws.url}
services:
  - name: checkout
    address: {{aws: ec2 id={instance}}}
""",
        f"runbooks/{_RUNBOOK}.yaml": f"name: {_RUNBOOK}\naction: ssm-restart-service\narguments: {{unit: {UNIT}}}\n",
        "rules.yaml": f"""\
version: 1
rules:
  - {{name: restart, when: kind == "service_down", runbook: {_RUNBOOK}, mode: ask}}
""",
        "intake.key": intake,
        "access.key": key.id,
        "secret.key": key.secret,
    }


def _check_free(directory: Path) -> None:
    """Raises `ConflictError` rather than to overwrite anything."""
    there = [name for name in _NAMES if (directory / name).exists()]
    if there:
        raise ConflictError(f"{directory / there[0]} is there already; name another directory, or remove it")


def _write(sandbox: Sandbox, directory: Path) -> None:
    for name, content in sandbox.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
        (directory / name).chmod(0o600)


@contextmanager
def _watched(aws: Aws, sandbox: Sandbox) -> Iterator[None]:
    """The instance's health, looked at on the process and put into CloudWatch every few seconds.

    As soon as the example's engine listens it is subscribed to the alarms.
    """
    ending, clock, topic = threading.Event(), SystemClock(), f"arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}"
    endpoint = f"http://sns:{sandbox.files['intake.key']}@127.0.0.1:{_PORT}/intake/aws-sns"
    machine, cloudwatch = aws.ssm.machine(sandbox.instance), aws.admin("cloudwatch")

    def watch() -> None:
        is_subscribed = False
        while not ending.wait(_WATCH_EVERY_S):
            if not is_subscribed and _listens(_PORT):
                aws.admin("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
                is_subscribed = True
            datum = {
                "MetricName": HEALTHY,
                "Dimensions": [{"Name": "InstanceId", "Value": sandbox.instance}],
                "Value": float(machine.is_active(UNIT)),
                "Timestamp": clock.now(),
            }
            cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    thread = threading.Thread(target=watch, name="sandbox-health", daemon=True)
    thread.start()
    try:
        with aws.alarms.ticking(timedelta(seconds=_WATCH_EVERY_S)):
            yield
    finally:
        ending.set()
        thread.join(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def told(sandbox: Sandbox, *, as_json: bool, directory: Path | None, lasting: timedelta) -> str:
    """What is printed when it is ready."""
    if as_json:
        plain: dict[str, Any] = {name: getattr(sandbox, name) for name in Sandbox.__struct_fields__}
        return json.dumps({**plain, "directory": None if directory is None else str(directory)})
    where = directory or "a directory"
    files = "" if directory else "\n".join(f"\n# {name}\n{text}" for name, text in sandbox.files.items())
    return f"""\
endpoint    {sandbox.endpoint}
region      {sandbox.region}
account     {sandbox.account}
access key  {sandbox.access_key}
secret key  {sandbox.secret_key}
instance    {sandbox.instance}, which is the folder {sandbox.folder}; its service is {UNIT}
documents   {", ".join(sandbox.documents)}
{files}
With these files in {where}: recoverops check (it warns of sns.double); recoverops permissions aws; recoverops up.
Kill the process of {UNIT}: the alarm {ALARM} reaches the engine over SNS, and it asks whether to restart it.
Answer with recoverops approve.
It is a double, not AWS: docs/aws.md says what it cannot do. It ends after {lasting}, or with Ctrl-C.\
"""
