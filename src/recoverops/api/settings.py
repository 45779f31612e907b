"""The HTTP door's part of the configuration."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Role(StrEnum):
    INTAKE = "intake"
    """may deliver signals, and nothing else"""
    VIEWER = "viewer"
    """may read"""
    RESPONDER = "responder"
    """may read, answer questions, train models and stop everything"""
    ADMIN = "admin"
    """may do everything, resuming after a stop included"""


class ApiKeySettings(BaseModel):
    """One key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Whose it is; stands in the audit log as key:<name>."
    )
    role: Role = Field(strict=False, description="intake, viewer, responder or admin.")
    key: str = Field(
        description="Where the key is: env:NAME or file:/path. At least 20 characters; never the key itself.",
        min_length=1,
    )


class ApiSettings(BaseModel):
    """Where the HTTP door is, and who may pass."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Default loopback; put a TLS proxy in front before you open it further.",
    )
    port: int = Field(default=8765, ge=1, le=65535, description="TCP port. Default 8765.")
    keys: tuple[ApiKeySettings, ...] = Field(
        default=(),
        strict=False,
        description="API keys. Besides these, the first start makes an admin key in <data_dir>/admin.key (mode 0600).",
    )
    metrics_need_key: bool = Field(
        default=False,
        description="Ask for a viewer's key on /metrics too. Default false: Prometheus scrapes without one, and the "
        "page names no secret.",
    )
