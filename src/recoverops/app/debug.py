"""What `/debug` shows an admin: what this process does right now, and with which settings. No secret is in it.

Three nets keep secrets out: fields that hold one are masked by their type, fields whose name says so by their name, and
at last every secret that the configuration leads to is looked for, as a text, in everything that was put together.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from recoverops.app.files import ADMIN_KEY_FILE
from recoverops.app.release import release
from recoverops.app.settings import Settings
from recoverops.config import is_secret, resolve_secret
from recoverops.model import MisconfiguredError, RecoverOpsError, to_plain
from recoverops.ports import Store, Tx
from recoverops.redact import HIDDEN, redact

MOST = 1000
"""Rows that are counted; where there are more, the count says so by standing still."""
_FRAMES = 15
_REFERENCES = ("env:", "file:")
_SHORTEST = 6
"""Characters of a secret that is looked for as a text; a shorter one would hide half the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What the engine hands over, read a moment ago."""

    started_at: datetime
    up_for: timedelta
    loop_lag_s: float | None
    """None while nobody measures it: no door is open."""
    components: tuple[Any, ...]
    queues: Mapping[str, Mapping[str, int | None]]
    segments: Mapping[str, tuple[str, ...]]
    secrets: tuple[str, ...] = ()
    """What plugins keep and have handed out; taken out of everything that is shown."""


def debug_view(settings: Settings, store: Store, inside: Inside, *, now: datetime) -> dict[str, Any]:
    """Plain JSON. A store that does not answer is named instead of its part; the rest is shown all the same."""
    view = {
        "release": release(),
        "python": sys.version.split()[0],
        "pid": os.getpid(),
        "started_at": inside.started_at.isoformat(),
        "uptime_s": round(inside.up_for.total_seconds(), 3),
        "loop_lag_s": inside.loop_lag_s,
        "components": [to_plain(one) for one in inside.components],
        "queues": {name: dict(counts) for name, counts in inside.queues.items()},
        "segments": {name: list(ids) for name, ids in inside.segments.items()},
        "store": _store(store, now),
        "threads": _threads(),
        "settings": _settings(settings),
    }
    cleaned: dict[str, Any] = _cleaned(view, sorted({*_secrets(settings), *inside.secrets}, key=len, reverse=True))
    return cleaned


def _store(store: Store, now: datetime) -> dict[str, Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {
            "alerts_not_taken": len(tx.signals.pending(limit=MOST)),
            "deliveries_due": len(tx.outbox.due(now, limit=MOST)),
            "responses_due": [one.id for one in tx.incidents.due()[:MOST]],
            "waits": [to_plain(one) for one in tx.waits.listed()[:MOST]],
            "questions": [one.id for one in tx.approvals.pending()[:MOST]],
        }

    try:
        return store.read(look)
    except RecoverOpsError as error:
        return {"unknown": str(error)}


def _threads() -> list[dict[str, Any]]:
    """Names of threads and functions, outermost first; no values."""
    frames = sys._current_frames()
    return [
        {
            "name": one.name,
            "stack": [
                f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}"
                for frame, line in list(traceback.walk_stack(frames[one.ident]))[_FRAMES::-1]
            ],
        }
        for one in sorted(threading.enumerate(), key=lambda one: one.name)
        if one.ident in frames
    ]


def _settings(settings: Settings) -> dict[str, Any]:
    sections: dict[str, BaseModel] = {
        "api": settings.api,
        "storage": settings.storage,
        "intake": settings.intake,
        "detection": settings.detection,
        "incidents": settings.incidents,
        "decision": settings.decision,
        "notifications": settings.notifications,
    }
    return {
        "file": str(settings.path) if settings.path else None,
        "data_dir": str(settings.data_dir),
        "profile": settings.profile,
        "rules": settings.rules.digest,
        "runbooks": sorted(settings.runbooks),
        "services": sorted(settings.inventory.services),
        "plugins": [_masked(one.model_dump(mode="json")) for one in settings.plugins],
        **{name: _masked(section.model_dump(mode="json")) for name, section in sections.items()},
    }


def _masked(value: Any, name: str = "") -> Any:
    """Hides what stands under a name of secrets, unless it only says where the secret is."""
    if isinstance(value, Mapping):
        return {key: _masked(below, str(key)) for key, below in value.items()}
    if isinstance(value, list):
        return [_masked(one, name) for one in value]
    if is_secret((name,)) and value and not str(value).startswith(_REFERENCES):
        return HIDDEN
    return value


def _secrets(settings: Settings) -> Iterable[str]:
    """Every secret that the configuration leads to."""
    url = settings.storage.url.get_secret_value()
    if url:
        yield from (url, sa.make_url(url).password or "")
    key_file = settings.data_dir / ADMIN_KEY_FILE
    references = {f"file:{key_file}", *(one.key for one in settings.api.keys)}
    for plugin in settings.plugins:
        references.update(text for text in _texts(plugin.settings) if text.startswith(_REFERENCES))
    for reference in references:
        try:
            yield resolve_secret(reference, settings.environment)
        except MisconfiguredError:
            continue  # it leads nowhere, so there is nothing to hide


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _texts(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from _texts(below)


def _cleaned(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                value = value.replace(secret, HIDDEN)
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _cleaned(below, secrets) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one, secrets) for one in value]
    return value
