"""Detailed monitoring of instances, on and off: moto has the state but not the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def monitoring_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.core.responses import ActionResult
    from moto.ec2.responses.monitoring import Monitoring

    def switched(state: str) -> Callable[[Any], Any]:
        def switch(response: Any) -> Any:
            response.error_on_dryrun()
            found = [response.ec2_backend.get_instance(one) for one in response._get_param("InstanceIds", [])]
            for one in found:
                one.monitoring_state = state
            return ActionResult(
                {"InstanceMonitorings": [{"InstanceId": one.id, "Monitoring": {"State": state}} for one in found]}
            )

        return switch

    yield Monitoring, "monitor_instances", switched("enabled")
    yield Monitoring, "unmonitor_instances", switched("disabled")
