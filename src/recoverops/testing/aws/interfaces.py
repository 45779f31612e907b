"""Security groups of network interfaces, as in AWS: each interface has its own, and only the only one is changed by its
instance. Moto keeps those of the instance beside those of its interfaces, and shows both together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def interface_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface
    from moto.ec2.models.instances import InstanceBackend

    yield NetworkInterface, "group_set", property(lambda interface: interface._group_set)
    yield InstanceBackend, "modify_instance_security_groups", _of_the_only_interface


def _of_the_only_interface(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
    from moto.ec2.exceptions import EC2ClientError

    instance = backend.get_instance(instance_id)
    if len(instance.nics) != 1:
        raise EC2ClientError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{instance_id}'. Please specify an interface ID for "
            "the operation instead.",
        )
    (interface,) = instance.nics.values()
    instance.security_groups = [backend.get_security_group_from_id(one) for one in new_group_id_list]
    interface._group_set = list(instance.security_groups)
    return instance
