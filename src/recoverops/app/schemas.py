"""JSON Schema of the three kinds of files, for editors. Made from the settings classes, so it cannot say anything else.

Plugins' own settings are left open: an editor does not load plugins, and `recoverops check` judges them.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import GenerateJsonSchema

from recoverops.api import ApiSettings
from recoverops.app.profiles import Profile
from recoverops.app.settings import PluginEntry
from recoverops.decision import DecisionSettings, Rule
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.model import format_duration
from recoverops.notifications import NotificationSettings
from recoverops.remediation import Runbook
from recoverops.sources import IntakeSettings
from recoverops.storage import StorageSettings
from recoverops.storage.history import HistorySettings
from recoverops.topology import ServiceSettings

SCHEMA_FORMAT = "https://json-schema.org/draft/2020-12/schema"

SECTIONS: dict[str, type[BaseModel]] = {
    "api": ApiSettings,
    "storage": StorageSettings,
    "history": HistorySettings,
    "intake": IntakeSettings,
    "detection": DetectionSettings,
    "incidents": IncidentSettings,
    "decision": DecisionSettings,
    "notifications": NotificationSettings,
}
LISTS: dict[str, type[BaseModel]] = {"services": ServiceSettings, "plugins": PluginEntry}


class FileKind(StrEnum):
    CONFIG = "config"
    RULES = "rules"
    RUNBOOK = "runbook"


class _AsWritten(GenerateJsonSchema):
    """Defaults as a document writes them: an editor offers them, and `PT2S` would be refused."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(dft, tuple | list):
            return [self.encode_default(one) for one in dft]
        return super().encode_default(dft)


def schema_of(kind: FileKind) -> dict[str, Any]:
    """The schema of one kind of file, as JSON would hold it."""
    title, model = _MODELS[kind]
    made = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_AsWritten)
    made.pop("title", None)
    return {"$schema": SCHEMA_FORMAT, "title": title, **made}


def _text(meaning: str) -> Any:
    return str, Field(default="", description=meaning)


def _configuration() -> type[BaseModel]:
    fields: dict[str, Any] = {
        "profile": (Profile | None, Field(default=None, description="Named defaults for what this file does not say.")),
        "data_dir": _text("The directory for the database, the admin key, the emergency stop and the audit head."),
        "rules": _text("A rules file, or a directory of them. Default: the shipped rules."),
        "runbooks": _text("A directory of runbooks, one in each file; of the same name they replace a shipped one."),
        **{
            name: (tuple[cls, ...] | None, Field(default=None, description=_first_line(cls)))  # type: ignore[valid-type]
            for name, cls in LISTS.items()
        },
        **{name: (cls | None, Field(default=None, description=_first_line(cls))) for name, cls in SECTIONS.items()},
    }
    return create_model("Configuration", __config__=ConfigDict(extra="forbid"), **fields)


def _rules() -> type[BaseModel]:
    fields: dict[str, Any] = {
        "version": (Literal[1], Field(description="Form of this file. This release reads 1.")),
        "rules": (tuple[Rule, ...], Field(description="The rules, in the order they are asked.")),
    }
    return create_model("Rules", __config__=ConfigDict(extra="forbid"), **fields)


def _first_line(cls: type[BaseModel]) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


_MODELS: dict[FileKind, tuple[str, type[BaseModel]]] = {
    FileKind.CONFIG: ("recoverops.yaml", _configuration()),
    FileKind.RULES: ("remediation-rules.yaml", _rules()),
    FileKind.RUNBOOK: ("A runbook of RecoverOps", Runbook),
}
