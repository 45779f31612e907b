"""ECS services of the double whose tasks run: real processes, and a new deployment when the task definition changes.

Moto makes no deployment of it and runs nothing. Here a service that a test enrols runs the `command` of its container
definition, as often as is desired; images are not looked at. Other services stay as moto has them.
"""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recoverops.testing.aws.machine import Machine


class Deployments:
    """Thread-safe. `close` ends every task."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="recoverops-ecs-")
        self._lock = threading.RLock()
        self._machines: dict[tuple[str, str, str], Machine] = {}
        self._numbers = 0
        self.settle_s = 0.3
        """A task that ends within it has failed; then those of the revision before go on, as in a rolling one."""

    def enrol(self, account: str, region: str, ident: str) -> Machine:
        """From now on the tasks of `cluster/service` are processes of this machine; their logs are in its `log`."""
        with self._lock:
            self._numbers += 1
            machine = Machine(Path(self._folder.name) / str(self._numbers))
            self._machines[account, region, ident] = machine
            self._run(machine, _service(account, region, ident))
            return machine

    def close(self) -> None:
        for machine in self._machines.values():
            machine.close()
        self._folder.cleanup()

    @contextmanager
    def deploying(self) -> Iterator[None]:
        """`UpdateService` deploys enrolled services for the time of the context."""
        from moto.ecs.models import EC2ContainerServiceBackend

        usual = EC2ContainerServiceBackend.update_service

        def update(backend: Any, properties: dict[str, Any]) -> Any:
            cluster = str(properties.get("cluster", "default")).rpartition("/")[2]
            ident = f"{cluster}/{str(properties['service']).rpartition('/')[2]}"
            machine = self._machines.get((backend.account_id, backend.region_name, ident))
            service = usual(backend, properties)
            if machine is not None:
                with self._lock:
                    self._run(machine, service)
            return service

        EC2ContainerServiceBackend.update_service = update
        try:
            yield
        finally:
            EC2ContainerServiceBackend.update_service = usual

    def _run(self, machine: Machine, service: Any) -> None:
        """Tasks of the revision that is wanted now; when they run, those of the one before are ended."""
        definition = service._backend.describe_task_definition(service.task_definition)
        before = machine.units
        prefix = f"{definition.family}-{definition.revision}"
        names = [f"{prefix}-{uuid.uuid4().hex[:6]}" for _ in range(service.desired_count)]
        (container, *_) = definition.container_definitions
        for name in names:
            machine.install(name, [*container.get("entryPoint", ()), *container["command"]])
        threading.Event().wait(self.settle_s)
        failed = [name for name in names if not machine.is_active(name)]
        for name in failed or before:
            machine.remove(name)
        service.running_count, service.pending_count = len(machine.units), len(failed)
        service.deployments = [
            _deployment(service, definition.arn, running=len(names) - len(failed), failed=len(failed))
        ]


def _deployment(service: Any, arn: str, *, running: int, failed: int) -> dict[str, Any]:
    now = datetime.now(UTC).replace(tzinfo=None)  # noqa: TID251 - the other side, with a clock of its own
    return {
        "id": f"ecs-svc/{uuid.uuid4().int % 10**19}",
        "status": "PRIMARY",
        "taskDefinition": arn,
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": failed,
        "failedTasks": failed,
        "rolloutState": "IN_PROGRESS" if failed else "COMPLETED",
        "rolloutStateReason": f"{failed} tasks failed" if failed else "the tasks run",
        "createdAt": now,
        "updatedAt": now,
        "launchType": "FARGATE",
    }


def _service(account: str, region: str, ident: str) -> Any:
    from moto.ecs.models import ecs_backends

    cluster, _, name = ident.partition("/")
    return ecs_backends[account][region].services[f"{cluster}:{name}"]
