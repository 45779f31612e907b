"""What a line of a log says in the formats of AWS's services: severity, body, request id. Pure.

A format is a function from the text of one event to a `Line`. What it does not recognise stays as it is, with the
severity UNKNOWN: then the text decides, in the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from recoverops.plugins.aws.formats.ec2 import ec2_line
from recoverops.plugins.aws.formats.ecs import ecs_line
from recoverops.plugins.aws.formats.functions import lambda_line
from recoverops.plugins.aws.formats.line import Line
from recoverops.plugins.aws.formats.rds import rds_line
from recoverops.plugins.aws.formats.structured import any_line


class Format(StrEnum):
    LAMBDA = "lambda"
    ECS = "ecs"
    RDS = "rds"
    EC2 = "ec2"
    ANY = "any"
    """JSON objects, or text"""


PARSERS: dict[Format, Callable[[str], Line]] = {
    Format.LAMBDA: lambda_line,
    Format.ECS: ecs_line,
    Format.RDS: rds_line,
    Format.EC2: ec2_line,
    Format.ANY: any_line,
}

_PREFIXES = (
    ("/aws/lambda/", Format.LAMBDA),
    ("/aws/rds/", Format.RDS),
    ("/aws/ecs/", Format.ECS),
    ("/ecs/", Format.ECS),
    ("/aws/ec2/", Format.EC2),
    ("/ec2/", Format.EC2),
    ("/var/log/", Format.EC2),
    ("var/log/", Format.EC2),
)


def format_of(group: str) -> Format:
    """By the name of the log group, as AWS and its agents choose them."""
    return next((found for prefix, found in _PREFIXES if group.startswith(prefix)), Format.ANY)


__all__ = ["PARSERS", "Format", "Line", "format_of"]
