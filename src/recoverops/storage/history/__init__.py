"""The history of signals: Parquet files below the data directory, read and written through DuckDB.

`ports.HistoryStore` is what others see; `store.open_history` opens it. Importing this room imports neither numpy nor
DuckDB: the settings are read by every command, also by those that have no history to ask.
"""

from __future__ import annotations

from recoverops.storage.history.settings import HistorySettings

__all__ = ["HistorySettings"]
