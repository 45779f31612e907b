"""Trained models in a folder or on an object store, behind `ports.ModelStore`. Only `app` imports this room."""

from __future__ import annotations

from recoverops.storage.models.folder import FolderModelStore
from recoverops.storage.models.objects import ObjectModelStore

__all__ = ["FolderModelStore", "ObjectModelStore"]
