"""Clients of one server that speaks S3 and is not AWS: its own keys, no accounts, no roles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.object_store_settings import ObjectStoreSettings
from recoverops.plugins.aws.sessions import client_config, session_of
from recoverops.plugins.aws.settings import AwsSettings

_REGION = "us-east-1"


class EndpointSessions:
    """What `Calls` asks for clients. Thread-safe."""

    def __init__(self, settings: AwsSettings, *, secret: Callable[[str], str]) -> None:
        self._settings = settings
        self._server = settings.object_store
        self._secret = secret
        self._lock = threading.Lock()
        self._clients: dict[bool, Any] = {}

    def client(self, place: Place, service: str, *, changes: bool) -> Any:
        with self._lock:
            if changes not in self._clients:
                self._clients[changes] = self._made(service, place.region, changes=changes)
            return self._clients[changes]

    def own_key(self) -> str | None:
        return None

    def renew(self, account: str) -> None:
        """Keys of such a server do not expire; a rotated one is read anew."""
        with self._lock:
            self._clients.clear()

    def _made(self, service: str, region: str, *, changes: bool) -> Any:
        key, secret = (self._secret(one) for one in (self._server.access_key or "", self._server.secret_key or ""))
        config = client_config(self._settings, changes=changes, s3={"addressing_style": "path"})
        return session_of(key, secret).client(
            service, region_name=region, endpoint_url=self._server.endpoint_url, config=config
        )


def endpoint_place(server: ObjectStoreSettings) -> Place:
    return Place(account=server.endpoint_url or "", account_id="no account", region=server.region or _REGION)
