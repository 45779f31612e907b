"""Names of the files in a data directory that no room owns."""

from __future__ import annotations

ADMIN_KEY_FILE = "admin.key"
"""The key that the first start makes, for the person who owns the directory."""
ANCHOR_FILE = "audit.head"
"""The newest audit hash, outside the database, so that a shortened chain is noticed."""
HISTORY_FOLDER = "history"
"""What was measured, as Parquet files."""
MODELS_FOLDER = "models"
"""Trained models of several metrics, with their versions."""
LEARNED_FILE = "learned.bin"
"""What the baselines and forecasts have learned of each series."""
WINDOWS_FILE = "windows.bin"
"""The rolling windows and the drift watch behind `POST /anomaly`."""
