"""`recoverops aws-sandbox` as a user starts it: it works, it is closed to strangers, and it leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.acceptance.harness import eventually

from recoverops.testing.aws import Key


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    place = tmp_path_factory.mktemp("sandbox") / "example"
    command = [sys.executable, "-m", "recoverops", "aws-sandbox", "--json", "--directory", str(place), "--for", "5m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()


Running = tuple[dict[str, Any], subprocess.Popen[str]]


def client(told: Mapping[str, Any], service: str, key: Key) -> Any:
    import boto3

    session = boto3.session.Session(key.id, key.secret, region_name=told["region"])
    return session.client(service, endpoint_url=told["endpoint"])


def recoverops(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recoverops", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_example_configuration_fits_the_sandbox(sandbox: Running) -> None:
    told, _ = sandbox
    done = recoverops("check", "--config", f"{told['directory']}/recoverops.yaml")
    assert f"ok   aws account sandbox: is {told['account']}" in done.stdout, done.stdout + done.stderr
    (warning,) = [line for line in done.stdout.splitlines() if line.startswith("NOT")]
    assert "sns.double: FOR TESTS ONLY" in warning
    policy = recoverops("permissions", "aws", "--config", f"{told['directory']}/recoverops.yaml").stdout
    assert f"document/{told['documents'][4]}" in policy
    assert told["documents"][4] == "RecoverOps-RestartService"


def test_its_service_is_a_process_that_a_document_restarts(sandbox: Running) -> None:
    told, _ = sandbox
    ssm = client(told, "ssm", Key(id=told["access_key"], secret=told["secret_key"]))
    sent = ssm.send_command(
        DocumentName="RecoverOps-RestartService",
        InstanceIds=[told["instance"]],
        Parameters={"Unit": ["checkout.service"], "SettleSeconds": ["0"]},
    )["Command"]

    def look() -> str | None:
        (found,) = ssm.list_commands(CommandId=sent["CommandId"])["Commands"]
        return str(found["Status"]) if found["Status"] not in {"Pending", "InProgress"} else None

    assert eventually("the end of the command", look) == "Success"


@pytest.mark.slow
def test_when_its_service_is_killed_an_engine_with_the_example_configuration_asks_whether_to_restart_it(
    sandbox: Running,
) -> None:
    # given an engine with the example configuration
    told, process = sandbox
    config = ["--config", f"{told['directory']}/recoverops.yaml"]
    sns = client(told, "sns", Key(id=told["access_key"], secret=told["secret_key"]))
    with subprocess.Popen([sys.executable, "-m", "recoverops", "up", *config], stdout=subprocess.DEVNULL) as engine:
        try:
            eventually(
                "the confirmed subscription",
                lambda: [one for one in sns.list_subscriptions()["Subscriptions"] if ":" in one["SubscriptionArn"]],
                within_s=60,
            )
            # when the process of the service is killed
            (service,) = [one for one in psutil.Process(process.pid).children() if "sleep(3600)" in str(one.cmdline())]
            service.kill()
            # then a person is asked, and when they agree the service runs again
            asked = eventually("the question", lambda: approvals(config), within_s=60)
            assert recoverops("approve", asked[0]["id"], "--note", "yes", *config).returncode == 0
            eventually(
                "the new process",
                lambda: [
                    one
                    for one in psutil.Process(process.pid).children()
                    if one.pid != service.pid and "sleep(3600)" in str(one.cmdline())
                ],
                within_s=60,
            )
        finally:
            engine.terminate()
            engine.wait(30)


def approvals(config: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(recoverops("approvals", "--json", *config).stdout)["approvals"]
    return found


def test_nobody_without_its_key_is_answered(sandbox: Running) -> None:
    told, _ = sandbox
    from botocore.exceptions import ClientError

    for service, call in (("ssm", "list_commands"), ("iam", "list_users"), ("sts", "get_caller_identity")):
        with pytest.raises(ClientError, match="security token included in the request is invalid"):
            getattr(client(told, service, Key(id="AKIAADMINOFTHEDOUBLE", secret="guessed")), call)()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    said = b"Action=CreateUser&Version=2010-05-08&UserName=stranger"
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(f"{told['endpoint']}/", data=said, headers=form), timeout=10)
    users = client(told, "iam", Key(id=told["access_key"], secret=told["secret_key"])).list_users()["Users"]
    assert "stranger" not in [one["UserName"] for one in users]
    for path, headers in (("/moto-api/data.json", {}), ("/", {"Origin": "https://page.example"})):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(f"{told['endpoint']}{path}", headers=headers), timeout=10)


def test_interrupted_it_ends_what_it_started_and_the_example_stays(sandbox: Running) -> None:
    told, process = sandbox
    folder = Path(told["folder"])
    started = psutil.Process(process.pid).children(recursive=True)
    assert started
    assert folder.is_dir()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert not [one for one in started if one.is_running()]
    assert not folder.exists()
    assert not folder.parent.exists()
    assert (Path(told["directory"]) / "recoverops.yaml").exists()


def test_it_overwrites_nothing_and_refuses_a_time_without_end(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text("mine")
    done = recoverops("aws-sandbox", "--directory", str(tmp_path))
    assert done.returncode == 4
    assert "is there already; name another directory" in done.stderr
    assert (tmp_path / "recoverops.yaml").read_text() == "mine"
    refused = recoverops("aws-sandbox", "--for", "48h")
    assert "expected more than 0s and at most 24h" in refused.stderr
    assert refused.returncode == 2


def test_without_moto_it_says_what_to_install() -> None:
    absent = "import sys; sys.modules.update(moto=None, cryptography=None); sys.argv = ['recoverops', 'aws-sandbox']"
    command = [sys.executable, "-c", f"{absent}; from recoverops.__main__ import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("the double of AWS needs moto: pip install 'recoverops[sandbox]'"), done.stderr
    assert "Traceback" not in done.stderr
