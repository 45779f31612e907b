"""Trained models on disk, behind `ports.ModelStore`. Only `app` imports this room."""

from __future__ import annotations

from recoverops.storage.models.folder import FolderModelStore

__all__ = ["FolderModelStore"]
