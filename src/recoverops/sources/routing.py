"""Which service a pushed series is about, and what its metric is called in thresholds and rules. Pure.

The inventory decides as it does for alerts: the labels choose among the services, they cannot name one of their own.
The metric's name is a PromQL selector, so a name with dots can never pass for one that RecoverOps measured itself:
`queue_depth`, `http_requests_total{code="500"}`, `{"http.server.active_requests"}`, and `rate(...)` of a counter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recoverops.model import Resource
from recoverops.model.pushed import Kind
from recoverops.sources.series_table import NAME
from recoverops.topology import Inventory

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Unrouted(StrEnum):
    """Why a series is nobody's."""

    UNLISTED = "unlisted"
    """no service of the inventory matches its labels"""
    AMBIGUOUS = "ambiguous"
    """several services match them equally well"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    resource: Resource
    metric: str


def route(
    labels: Mapping[str, str], kind: Kind, inventory: Inventory, target_labels: Collection[str]
) -> Route | Unrouted:
    """`target_labels` say where a series comes from; with those by which the service was found they are left out."""
    services = inventory.matching(labels)
    if len(services) != 1:
        return Unrouted.AMBIGUOUS if services else Unrouted.UNLISTED
    found = services[0]
    others = {
        name: value
        for name, value in labels.items()
        if name != NAME and name not in target_labels and name not in found.match
    }
    selector = _selector(labels[NAME], others)
    return Route(resource=found.resource, metric=selector if kind is Kind.GAUGE else f"rate({selector})")


def _selector(name: str, labels: Mapping[str, str]) -> str:
    pairs = [f"{_label(key)}={_quoted(labels[key])}" for key in sorted(labels)]
    if not _METRIC.fullmatch(name):
        return "{" + ", ".join((_quoted(name), *pairs)) + "}"
    return name + ("{" + ", ".join(pairs) + "}" if pairs else "")


def _label(name: str) -> str:
    return name if _LABEL.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.translate(_ESCAPES) + '"'
