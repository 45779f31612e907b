"""The truth on disk: SQLite or PostgreSQL behind the ports, the emergency stop, the directory lock, the audit anchor.

Only `app` imports this room. Everybody else sees `ports.Store`, `ports.Tx` and `ports.StopSwitch`.
"""

from __future__ import annotations

from recoverops.storage.anchor import AnchoredHead, AuditAnchor, misfit, verify_against
from recoverops.storage.claim import Claim
from recoverops.storage.directory_lock import DirectoryLock, EngineHere, another_owner, engine_on, why_not_writable
from recoverops.storage.durable_file import write_durably
from recoverops.storage.engines import SQLITE_FILE
from recoverops.storage.looking import StoreLook, look_at_store
from recoverops.storage.retention import RetentionSettings
from recoverops.storage.settings import StorageSettings
from recoverops.storage.shared_stop import SharedStop
from recoverops.storage.stop_file import STOP_FILE, StopFile
from recoverops.storage.store import SqlStore, open_store
from recoverops.storage.transaction import SqlTx

__all__ = [
    "SQLITE_FILE",
    "STOP_FILE",
    "AnchoredHead",
    "AuditAnchor",
    "Claim",
    "DirectoryLock",
    "EngineHere",
    "RetentionSettings",
    "SharedStop",
    "SqlStore",
    "SqlTx",
    "StopFile",
    "StorageSettings",
    "StoreLook",
    "another_owner",
    "engine_on",
    "look_at_store",
    "misfit",
    "open_store",
    "verify_against",
    "why_not_writable",
    "write_durably",
]
