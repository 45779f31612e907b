"""What a vendor's package offers. Bundled vendors and third parties use the same entry-point group.

The entry point names an object with these attributes. It is asked once at start; when it fails, it is shown as
disabled with its reason, and the engine runs without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from recoverops.model import Record, Service
from recoverops.ports.action import Action
from recoverops.ports.caution import CautionSwitch
from recoverops.ports.clock import Clock
from recoverops.ports.joint import JointKind
from recoverops.ports.notifier import Notifier
from recoverops.ports.objects import ObjectStores
from recoverops.ports.ranges import RangeReader
from recoverops.ports.secrets import Secrets
from recoverops.ports.series import SeriesDetectorKind
from recoverops.ports.source import PushSource, Source
from recoverops.ports.streams import StreamSource
from recoverops.ports.telemetry import Telemetry

PLUGIN_API = 1
"""Raised when this contract changes in a way that old plugins cannot meet."""

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What the engine lends to a plugin."""

    clock: Clock
    services: Mapping[str, Service]
    """The inventory, by service name."""
    secret: Callable[[str], str]
    """Resolves a reference such as `env:SLACK_URL`, `file:/run/secrets/x` or one of a plugin's scheme.

    Raises MisconfiguredError for what is none. It may be called whenever the secret is used: one of a plugin's scheme
    is asked for anew after some minutes, so a rotated one counts without a restart.
    """
    references: tuple[str, ...] = ()
    """What the configuration asks of this plugin's own `schemes`: `("ssm:/shop/token",)`. For its permissions."""
    object_urls: tuple[str, ...] = ()
    """Every object store that the configuration names, whatever its scheme: `("s3://bucket/models",)`."""
    telemetry: Telemetry | None = None
    """Where calls to the other side are counted (`recoverops_plugin_calls_total`); None where no engine runs."""


class Policy(Record, frozen=True, kw_only=True):
    """The rights that a plugin needs from the other side, as that side takes them; for `recoverops permissions`."""

    name: str
    """Whose rights these are: "account shop (123456789012): role ..."."""
    document: str
    """Text to hand over as it is, e.g. an IAM policy in JSON."""
    explained: Mapping[str, str]
    """Id of each statement of the document -> why it is there."""


class Doubt(str):
    """A sentence of a `LiveCheck` about what may be meant: `recoverops check` warns, and does not fail for it."""

    __slots__ = ()


class LiveCheck(Protocol):
    """A question to the other side that only `recoverops check` asks."""

    @property
    def name(self) -> str: ...

    def look(self) -> str:
        """What is so, in a sentence that may be a `Doubt`. Changes nothing.

        Raises `RecoverOpsError` with what is wrong and the way out.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginParts:
    sources: tuple[Source, ...] = ()
    streams: tuple[StreamSource, ...] = ()
    push_sources: tuple[PushSource, ...] = ()
    actions: tuple[Action, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    secrets: tuple[Secrets, ...] = ()
    cautions: tuple[CautionSwitch, ...] = ()
    checks: tuple[LiveCheck, ...] = ()
    policies: tuple[Policy, ...] = ()
    detectors: tuple[SeriesDetectorKind, ...] = ()
    """Of single series."""
    model_kinds: tuple[JointKind, ...] = ()
    """Of several metrics together."""
    readers: tuple[RangeReader, ...] = ()
    """History that the other side keeps, to train on."""
    object_stores: tuple[ObjectStores, ...] = ()
    """Where models and history may be kept, one for each scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin(Generic[S]):
    """`settings` is checked against the plugin's section of the configuration, then `build` gets it."""

    name: str
    settings: type[S]
    build: Callable[[S, PluginContext], PluginParts]
    api: int = PLUGIN_API
    summary: str = ""
    schemes: tuple[str, ...] = ()
    """The schemes of secrets that `build` brings: a reference `ssm:...` makes this plugin be built first."""
    addresses: tuple[str, ...] | None = None
    """Keys of a service's `address` that it reads, whatever its settings; None when it does not say.

    A key that nobody reads is refused as a slip, as long as every plugin says which it reads.
    """
