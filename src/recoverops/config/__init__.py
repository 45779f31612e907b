"""File and environment -> checked sections, rules and runbooks. Knows no room: `app` brings the classes."""

from __future__ import annotations

from recoverops.config.configuration import Configuration, Section
from recoverops.config.documents import Located, load_documents
from recoverops.config.environment import process_environment
from recoverops.config.layer import Filled, Given
from recoverops.config.place import Place, is_secret, problem
from recoverops.config.secret import resolve_secret

__all__ = [
    "Configuration",
    "Filled",
    "Given",
    "Located",
    "Place",
    "Section",
    "is_secret",
    "load_documents",
    "problem",
    "process_environment",
    "resolve_secret",
]
