"""Wiring: the configuration in, a running engine out. The only room that names a store and a workflow engine."""

from __future__ import annotations

from recoverops.app.checkup import Finding, check_up
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.offline import opened_store, stop_switch, verify_audit
from recoverops.app.plugins import GROUP, InstalledPlugin, Loaded, digest_of, installed_plugins, load_plugins
from recoverops.app.release import release
from recoverops.app.serve import admin_key, serve
from recoverops.app.settings import PluginEntry, Settings
from recoverops.config import process_environment

__all__ = [
    "GROUP",
    "Finding",
    "InstalledPlugin",
    "Loaded",
    "PluginEntry",
    "RecoverOps",
    "Settings",
    "admin_key",
    "check_up",
    "digest_of",
    "installed_plugins",
    "load_plugins",
    "load_settings",
    "opened_store",
    "process_environment",
    "release",
    "serve",
    "stop_switch",
    "verify_audit",
]
