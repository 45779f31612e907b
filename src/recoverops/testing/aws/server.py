"""A moto server on loopback, in a thread of this process, with users, roles and policies that are really judged.

One server at a time: moto keeps its state in the process. What is set up through `admin` is judged by nothing and
counted nowhere, so that tests see only the calls of what they test.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from recoverops.model import ConflictError, MisconfiguredError
from recoverops.testing.aws.alarms import Alarms, telling
from recoverops.testing.aws.automation import Automation
from recoverops.testing.aws.automation_steps import Clients
from recoverops.testing.aws.deployments import Deployments
from recoverops.testing.aws.destinations import Destinations, posting
from recoverops.testing.aws.door import guarded
from recoverops.testing.aws.faults import Faults
from recoverops.testing.aws.kinesis import Expiry, real_shards
from recoverops.testing.aws.lacking import filled_in
from recoverops.testing.aws.pricing import priced, pricing_answers
from recoverops.testing.aws.run_command import RunCommand
from recoverops.testing.aws.s3_door import guarded_s3
from recoverops.testing.aws.simulation import answers as simulation_answers
from recoverops.testing.aws.sns import Sns, delivering
from recoverops.testing.aws.transitions import Transitions

ACCOUNT = "123456789012"
"""Moto's own."""
REGION = "eu-central-1"
_RUNNING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An access key of a user of the double. Worth nothing outside it."""

    id: str
    secret: str


class Aws:
    """The running double."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.faults = Faults()
        self.sns = Sns(self.url)
        self.alarms = Alarms()
        self.destinations = Destinations()
        self.admin_key = Key(id=f"AKIA{secrets.token_hex(8).upper()}", secret=secrets.token_hex(20))
        """May do everything, counted and judged by nobody. New for each server: signatures are not checked, so whoever
        knows a key may use it."""
        self.transitions = Transitions()
        self.ssm = RunCommand()
        self.ecs = Deployments()
        self.automation = Automation(self._as_role)
        self.iterators = Expiry()
        self._names = 0
        self._admins: dict[tuple[str, str], Any] = {}

    def admin(self, service: str, *, region: str = REGION) -> Any:
        """A client that may do everything."""
        if (service, region) not in self._admins:
            self._admins[service, region] = self.client(service, self.admin_key, region=region)
        return self._admins[service, region]

    def client(
        self, service: str, key: Key, *, region: str = REGION, token: str | None = None, attempts: int = 5
    ) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.session import get_session

        inner = get_session()
        inner.register_component("data_loader", _loader())
        session = boto3.session.Session(
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            aws_session_token=token,
            region_name=region,
            botocore_session=inner,
        )
        # On loopback no proxy stands between. Asked, the library would also walk through the environment, which tests
        # change meanwhile: an Automation makes its clients in a thread of its own.
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={})
        return session.client(service, endpoint_url=self.url, config=config)

    def user(self, policy: Mapping[str, Any]) -> Key:
        """A new user who may do what the policy says."""
        iam, name = self.admin("iam"), self._name("user")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="given", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Key(id=made["AccessKeyId"], secret=made["SecretAccessKey"])

    def role(self, policy: Mapping[str, Any], *, external_id: str | None = None, trusts: str = ACCOUNT) -> str:
        """The ARN of a new role that the account `trusts` may assume, with this external id if there is one."""
        iam, name = self.admin("iam"), self._name("role")
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{trusts}:root"},
        }
        if external_id is not None:
            statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=json.dumps(policy))
        return arn

    def service_role(self, policy: Mapping[str, Any], service: str) -> str:
        """The ARN of a new role that a service of AWS may assume, such as `ssm.amazonaws.com`."""
        iam, name = self.admin("iam"), self._name("role")
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=json.dumps(policy))
        return arn

    def _as_role(self, role: str, region: str) -> Clients:
        """Clients with the rights of a role, as a service of AWS has them that assumed it; throttled, it is patient."""
        given = self.admin("sts", region=region).assume_role(RoleArn=role, RoleSessionName="automation")["Credentials"]
        key = Key(id=given["AccessKeyId"], secret=given["SecretAccessKey"])
        token = given["SessionToken"]
        return lambda service: self.client(service, key, region=region, token=token, attempts=12)

    def expire_credentials(self) -> None:
        """Those of every assumed role that was handed out so far."""
        from moto.sts.models import sts_backends

        for account in list(sts_backends.values()):
            for backend in list(account.values()):
                self.faults.expire(*(one.access_key_id for one in backend.assumed_roles))

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}-{self._names}"


def _closed(application: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Neither pages in a browser nor moto's own interface, which would show all keys, get an answer."""

    def serve(environ: Any, start_response: Any) -> Any:
        if "HTTP_ORIGIN" in environ or environ.get("PATH_INFO", "").startswith("/moto-api"):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"the double of AWS answers the SDK only"]
        return application(environ, start_response)

    return serve


@lru_cache(maxsize=1)
def _loader() -> Any:
    """One reader of the SDK's service descriptions for all clients: parsing EC2's takes some 200 ms."""
    from botocore.loaders import create_loader

    return create_loader()


@contextmanager
def running_aws() -> Iterator[Aws]:
    """Empty at the beginning, gone at the end.

    Raises `MisconfiguredError` without moto, `ConflictError` while another one runs in this process: moto keeps what it
    knows in its modules.
    """
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server
    except ImportError as error:
        raise MisconfiguredError(
            f"the double of AWS needs moto: pip install 'recoverops[sandbox]' ({error})"
        ) from error
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with _the_only_one():
        _start_empty()
        server = make_server("127.0.0.1", 0, _nothing, threaded=True, request_handler=MotoRequestHandler)
        aws = Aws(server.server_port)
        server.app = _closed(aws.sns.before(priced(DomainDispatcherApplication(create_backend_app))))
        thread = threading.Thread(target=server.serve_forever, name="moto", daemon=True)
        answers = {**aws.ssm.answers, **aws.automation.answers, **pricing_answers(), **simulation_answers()}
        with (
            guarded(frozenset({aws.admin_key.id}), aws.faults, answers),
            guarded_s3(frozenset({aws.admin_key.id}), aws.faults),
            filled_in(),
            real_shards(aws.iterators),
            delivering(aws.sns),
            telling(aws.alarms),
            posting(aws.destinations),
            aws.ecs.deploying(),
        ):
            thread.start()
            try:
                yield aws
            finally:
                aws.automation.close()
                server.shutdown()
                thread.join(10)
                server.server_close()
                aws.ssm.close()
                aws.ecs.close()
                _reset()


@contextmanager
def _the_only_one() -> Iterator[None]:
    if not _RUNNING.acquire(blocking=False):
        raise ConflictError("a double of AWS runs in this process already; share it, or start the other in a process")
    try:
        yield
    finally:
        _RUNNING.release()


def _nothing(_environ: Any, _start_response: Any) -> Any:
    raise AssertionError("the server has its application before its thread starts")


def _start_empty() -> None:
    """Without moto's 500 public images, which take seconds to load; any image id is accepted."""
    from moto import settings
    from moto.cloudwatch.models import CloudWatchBackend

    settings.ec2_load_default_amis = lambda: False
    CloudWatchBackend.get_filtered_metrics = _metrics_once
    _reset()


def _metrics_once(backend: Any, metric_name: str, namespace: str, dimensions: Any) -> list[Any]:
    """Moto's own compares each metric with each other one: seconds for the 5,000 that a test lists."""
    found: dict[Any, Any] = {}
    for one in backend.get_all_metrics():
        if one.filter(namespace=namespace, name=metric_name, dimensions=dimensions, already_present_metrics=()):
            named = frozenset((dimension.name, dimension.value) for dimension in one.dimensions)
            found.setdefault((one.namespace, one.name, named), one)
    return list(found.values())


def _reset() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
