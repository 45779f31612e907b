"""Where the store is, when that address stands somewhere else: it carries the password of the database.

`env:` and `file:` are read with the configuration (`load.py`); what a plugin keeps is asked for when a store is opened.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import SecretStr

from recoverops.app.settings import Settings
from recoverops.app.vault import Vault


def with_store_address(settings: Settings, vault: Vault) -> Settings:
    """The settings with the address itself. Raises what `Vault.resolve` raises."""
    url = settings.storage.url.get_secret_value().strip()
    if not vault.is_kept_by_a_plugin(url):
        return settings
    storage = settings.storage.model_copy(update={"url": SecretStr(vault.resolve(url))})
    return replace(settings, storage=storage)
