"""Scenes of what RecoverOps reads from AWS and publishes there: each with the generated policy on a role of its own."""

from __future__ import annotations

from datetime import timedelta

from tests.live.aws.acting import claim, sooner_or_later
from tests.live.aws.machines import launched, told
from tests.live.aws.prices import Use, machine
from tests.live.aws.scene import Scene
from tests.live.aws.scenes.storage import volume
from tests.live.aws.stage import Stage

from recoverops.model import Sample
from recoverops.ports import PluginParts

_REQUESTS = (Use(what="requests"),)
_LATE = timedelta(minutes=16)
"""A new metric shows in ListMetrics after up to 15 minutes, says AWS."""
_HERE = {"subject": {"aws": "asg id=nobody"}}


def _metrics(stage: Stage) -> None:
    name = stage.called()
    watch = {"namespace": "recoverops-live", "name": name, "metric": "host.load", "dimension": "Service"}
    parts = stage.able(_HERE, metrics={"watch": [watch], "discover_every": "10s"})

    def put_and_poll() -> tuple[Sample, ...]:
        at = stage.ground.clock.now() - timedelta(minutes=2)
        dimensions = [{"Name": "Service", "Value": "subject"}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Value": 7.0, "Timestamp": at}
        stage.client("cloudwatch").put_metric_data(Namespace="recoverops-live", MetricData=[datum])
        return _poll(parts, "cloudwatch-metrics")

    (sample,) = sooner_or_later(stage.ground, "the value of the metric", put_and_poll, within=_LATE)
    claim(sample.value == 7.0, f"the value is {sample.value}, expected 7.0")


def _waste(stage: Stage) -> None:
    """A volume that is attached to nothing."""
    ident = volume(stage)
    parts = stage.able({"subject": {"aws": f"ebs id={ident}"}}, waste={})

    def found() -> list[float]:
        return [one.value for one in _poll(parts, "aws-waste") if one.metric == "aws.waste.unattached"]

    values = sooner_or_later(stage.ground, "what is said of the volume", found)
    claim(values == [1.0], f"a volume that is attached to nothing is told as {values}")


def _monitoring(stage: Stage) -> None:
    """Detailed monitoring whose time is over is switched off, with its tag."""
    (ident,) = launched(stage)
    ec2 = stage.client("ec2")
    over = stage.ground.clock.now() - timedelta(minutes=1)
    mark = [{"Key": "recoverops:monitoring", "Value": f"{over:until %Y-%m-%dT%H:%M:%SZ}"}]
    ec2.create_tags(Resources=[ident], Tags=mark)
    ec2.monitor_instances(InstanceIds=[ident])
    parts = stage.able({"subject": {"aws": f"ec2 id={ident}"}}, actions=["ec2-monitoring"])

    def is_over() -> bool:
        found = _poll(parts, "ec2-monitoring")
        left = [one["Key"] for one in told(stage, ident)["Tags"] if one["Key"] == mark[0]["Key"]]
        return bool(found) and not left and told(stage, ident)["Monitoring"]["State"] in {"disabled", "disabling"}

    sooner_or_later(stage.ground, "the end of the detailed monitoring", is_over)


def _parameter(stage: Stage) -> None:
    """A SecureString under AWS's own key: whether `ssm:GetParameter` is enough to decrypt it."""
    name = stage.called()
    stage.client("ssm").put_parameter(Name=name, Value="live and well", Type="SecureString", Tags=stage.listed)
    stage.kept("parameter", name)
    _is_read(stage, "ssm", name)


def _secret(stage: Stage) -> None:
    name = stage.called()
    stage.client("secretsmanager").create_secret(Name=name, SecretString="live and well", Tags=stage.listed)
    stage.kept("secret", name)
    _is_read(stage, "secretsmanager", name)


def _is_read(stage: Stage, scheme: str, name: str) -> None:
    parts = stage.able(_HERE, references=(f"{scheme}:{name}",))
    kept = next(one for one in parts.secrets if one.scheme == scheme)
    value = sooner_or_later(stage.ground, "what is kept", lambda: kept.secret(name))
    claim(value == "live and well", "the value is another one")


def _checks(stage: Stage) -> None:
    """Who we are, and whether our rights are exactly the generated ones, as IAM itself judges them."""
    parts = stage.able({"subject": {"aws": "asg id=nobody"}}, actions=["asg-scale"], check_permissions=True)
    for check in parts.checks:
        stage.tell(f"{check.name}: {sooner_or_later(stage.ground, check.name, check.look)}")


def _poll(parts: PluginParts, name: str) -> tuple[Sample, ...]:
    return next(one for one in parts.sources if one.name == name).poll()


_VOLUME = (Use(what="GiB of volume"),)
SOURCES = (
    Scene(name="metrics", shows="cloudwatch-metrics", uses=(*_REQUESTS, Use(what="custom metric")), play=_metrics),
    Scene(name="waste", shows="aws-waste", uses=_VOLUME, play=_waste),
    Scene(
        name="monitoring-ends",
        shows="ec2-monitoring (source)",
        uses=(*machine(), Use(what="detailed monitoring")),
        play=_monitoring,
    ),
    Scene(name="parameter", shows="ssm:", uses=_REQUESTS, play=_parameter),
    Scene(name="secret", shows="secretsmanager:", uses=(*_REQUESTS, Use(what="secret")), play=_secret),
    Scene(name="checks", shows="recoverops check", uses=_REQUESTS, play=_checks),
)
