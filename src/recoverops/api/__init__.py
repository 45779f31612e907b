"""The HTTP door: parse, authorise, call one operation, render.

The settings are here for everybody who reads a configuration; the door itself is `api.application`, imported by those
who open it.
"""

from __future__ import annotations

from recoverops.api.settings import ApiKeySettings, ApiSettings, Role

__all__ = ["ApiKeySettings", "ApiSettings", "Role"]
