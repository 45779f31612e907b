"""A whole engine with the rights of the generated policy reads Kinesis: from a line of a log to an incident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.acceptance.harness import eventually
from tests.integration.aws.streams import GROUP, Stream, counts_of

from recoverops.app.checkup import check_up
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.settings import Settings
from recoverops.model import Incident
from recoverops.operations import list_incidents
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key


def settings_of(directory: Path, aws: Aws, key: Key, stream: Stream) -> Settings:
    aws_settings: dict[str, Any] = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": "env:AWS_ID",
        "secret_key": "env:AWS_SECRET",
        "endpoint_url": aws.url,
        "kinesis": [{"arn": stream.arn, "start": "oldest", "every": "200ms"}],
    }
    content = {
        "data_dir": str(directory / "data"),
        "detection": {"thresholds": [{"metric": "log.errors", "above": 3, "for": "0s", "symptom": "errors"}]},
        "plugins": [{"name": "console"}, {"name": "aws", "settings": aws_settings}],
        "services": [{"name": "shop", "address": {"aws-logs": GROUP}}],
    }
    with (directory / "recoverops.yaml").open("w") as file:
        YAML(typ="safe").dump(content, file)
    return load_settings(directory / "recoverops.yaml", {"AWS_ID": key.id, "AWS_SECRET": key.secret})


def test_errors_in_a_log_stream_open_an_incident_and_the_next_engine_goes_on_where_the_last_one_was(
    aws: Aws, root: Key, tmp_path: Path
) -> None:
    # given an engine that may do what the generated policy says
    stream = Stream(aws)
    name = f"kinesis-{stream.name}"
    (policy,) = stream.shop().parts(root).policies
    settings = settings_of(tmp_path, aws, aws.user(json.loads(policy.document)), stream)
    finding = next(one for one in check_up(settings) if one.what == f"stream {name}")
    assert (finding.is_fine, finding.statement) == (True, "answers with 2 parts to read")
    engine = RecoverOps(settings)
    engine.start()
    try:
        # when a quarter of the lines of its log are errors
        stream.send(100)

        # then that is an incident with a line as evidence, and /status says who reads
        def opened() -> Incident | None:
            return next((one for one in list_incidents(engine.store).incidents if one.symptom == "errors"), None)

        incident = eventually("the incident", opened, within_s=60)
        assert str(incident.resource) == "service:shop"
        assert incident.series == ("service:shop/log.errors",)
        (component,) = [one for one in engine.components() if one.name == f"source {name}"]
        assert (component.state.value, component.statement) == ("up", "answers; reads 2 parts")
    finally:
        engine.close()

    # and the next engine on the same data goes on, and counts nothing twice
    stream.send(100)
    reborn = RecoverOps(settings)
    reborn.start()
    try:
        eventually("the other lines", lambda: counts_of(reborn.store, name).total() >= 200, within_s=60)
        assert counts_of(reborn.store, name).total() == 200
    finally:
        reborn.close()
