"""Instance refreshes of Auto Scaling groups, which moto lacks: noted, refused while one is under way, cancelled.

A refresh stays `Pending` until it is cancelled. It replaces nobody: that is the group's work, not the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def refresh_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.core.exceptions import ServiceException
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.moto_api._internal import mock_random

    def known(response: Any) -> list[dict[str, Any]]:
        backend, name = response.autoscaling_backend, response._get_param("AutoScalingGroupName")
        if name not in backend.autoscaling_groups:
            raise ServiceException("ValidationError", f"AutoScalingGroup name not found - {name}")
        found: list[dict[str, Any]] = backend.__dict__.setdefault("refreshes", {}).setdefault(name, [])
        return found

    def start(response: Any) -> Any:
        refreshes = known(response)
        if any(one["Status"] == "Pending" for one in refreshes):
            raise ServiceException("InstanceRefreshInProgress", "An Instance Refresh is already in progress.")
        made = {
            "InstanceRefreshId": str(mock_random.uuid4()),
            "AutoScalingGroupName": response._get_param("AutoScalingGroupName"),
            "Status": "Pending",
            "StartTime": utcnow(),
            "PercentageComplete": 0,
            "Preferences": response._get_param("Preferences", {}),
        }
        refreshes.insert(0, made)
        return ActionResult({"InstanceRefreshId": made["InstanceRefreshId"]})

    def describe(response: Any) -> Any:
        most = int(response._get_param("MaxRecords", 100))
        return ActionResult({"InstanceRefreshes": known(response)[:most]})

    def cancel(response: Any) -> Any:
        under_way = [one for one in known(response) if one["Status"] == "Pending"]
        if not under_way:
            raise ServiceException("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found.")
        under_way[0]["Status"] = "Cancelled"
        return ActionResult({"InstanceRefreshId": under_way[0]["InstanceRefreshId"]})

    yield AutoScalingResponse, "start_instance_refresh", start
    yield AutoScalingResponse, "describe_instance_refreshes", describe
    yield AutoScalingResponse, "cancel_instance_refresh", cancel
