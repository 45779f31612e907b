"""The API keys of the configuration, behind their references. Asked before anything is started, and at a reload."""

from __future__ import annotations

from recoverops.api.keyring import Principal
from recoverops.api.settings import ApiKeySettings, Role
from recoverops.app.settings import Settings
from recoverops.app.vault import Vault
from recoverops.model import MisconfiguredError

ADMIN = Principal(name="admin", role=Role.ADMIN)


def api_keys(settings: Settings, vault: Vault) -> tuple[tuple[ApiKeySettings, str], ...]:
    """Each with its key. Raises one MisconfiguredError for all that lead nowhere, and what `Vault.resolve` raises."""
    found: list[tuple[ApiKeySettings, str]] = []
    problems: list[str] = []
    for position, one in enumerate(settings.api.keys):
        try:
            found.append((one, vault.resolve(one.key)))
        except MisconfiguredError as error:
            name = f"api.keys[{position}].key"
            problems.extend(f"{settings.configuration.place(name)}: {name}: {told}" for told in error.problems)
    if problems:
        raise MisconfiguredError(*problems)
    return tuple(found)
