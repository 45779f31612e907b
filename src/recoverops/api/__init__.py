"""The HTTP door: parse, authorise, call one operation, render."""

from __future__ import annotations

from recoverops.api.application import make_application
from recoverops.api.doors import Doors
from recoverops.api.keyring import Keyring, Principal, Right
from recoverops.api.settings import ApiKeySettings, ApiSettings, Role
from recoverops.api.telemetry import Metrics

__all__ = [
    "ApiKeySettings",
    "ApiSettings",
    "Doors",
    "Keyring",
    "Metrics",
    "Principal",
    "Right",
    "Role",
    "make_application",
]
