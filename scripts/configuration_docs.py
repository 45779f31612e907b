"""Writes the generated part of docs/configuration.md from the settings classes: `python scripts/configuration_docs.py`.

Everything below the marker line is replaced; what stands above it is written by hand. `tests/docs` calls `generated`
and fails when the file says something else. Meanings come from the classes, so a better sentence is written there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from recoverops.api import ApiSettings
from recoverops.app.settings import PluginEntry
from recoverops.config.expectation import expected, in_yaml
from recoverops.config.shape import Shape, fields_of, shapes
from recoverops.decision import DecisionSettings, Rule
from recoverops.detection import DetectionSettings
from recoverops.incidents import IncidentSettings
from recoverops.notifications import NotificationSettings
from recoverops.ports import Plugin
from recoverops.remediation import Runbook
from recoverops.sources import IntakeSettings
from recoverops.storage import StorageSettings
from recoverops.storage.history import HistorySettings
from recoverops.topology import ServiceSettings

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"
MARKER = "<!-- From here on written by scripts/configuration_docs.py; change the settings classes instead. -->"

SECTIONS: dict[str, type[BaseModel]] = {
    "api": ApiSettings,
    "storage": StorageSettings,
    "history": HistorySettings,
    "intake": IntakeSettings,
    "detection": DetectionSettings,
    "incidents": IncidentSettings,
    "decision": DecisionSettings,
    "notifications": NotificationSettings,
}
_RULES_LEAD = "The file has `version: 1` and the list `rules:`, both required. See [rules.md](rules.md)."
LISTS: dict[str, type[BaseModel]] = {"services": ServiceSettings, "plugins": PluginEntry}


def generated() -> str:
    """The part below the marker, without it."""
    parts = [
        *(_part(f"Section `{name}`", cls, name) for name, cls in SECTIONS.items()),
        *(_part(f"List `{name}`", cls, f"{name}[]") for name, cls in LISTS.items()),
        "## Settings of the bundled plugins\n\nThey stand under `settings:` of the plugin's entry in `plugins:`.\n",
        *(_part(f"Plugin `{plugin.name}`", plugin.settings, "settings", "###", plugin.summary) for plugin in bundled()),
        _part("The rules file", Rule, "rules[]", "##", _RULES_LEAD),
        _part("A runbook file", Runbook, "", "##", "See [rules.md](rules.md#runbooks)."),
    ]
    return "\n".join(parts)


def bundled() -> tuple[Plugin[Any], ...]:
    """The plugins that come with RecoverOps, by name."""
    points = [
        point for point in entry_points(group="recoverops.plugins") if point.dist and point.dist.name == "recoverops"
    ]
    return tuple(point.load() for point in sorted(points, key=lambda point: point.name))


def _part(title: str, cls: type[BaseModel], path: str, level: str = "##", lead: str = "") -> str:
    texts = [text for text in (" ".join((cls.__doc__ or "").split()), lead) if text]
    rows = list(_rows(cls, path))
    table = (
        ["| name | type | default | meaning |", "|---|---|---|---|", *rows] if rows else ["There is nothing to set."]
    )
    return "\n".join([f"{level} {title}", "", *texts, "", *table, ""])


def _rows(cls: type[BaseModel], path: str) -> Iterator[str]:
    for key, field in fields_of(cls).items():
        name = f"{path}.{key}" if path else key
        kinds = shapes(field.annotation, bounds=tuple(field.metadata), field=field)
        meaning = " ".join((field.description or "").split())
        cells = (f"`{name}`", _type(kinds), "required" if field.is_required() else _default(field), meaning)
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
        for model, suffix in _below(kinds):
            yield from _rows(model, name + suffix)


def _below(kinds: tuple[Shape, ...]) -> Iterator[tuple[type[BaseModel], str]]:
    """The settings classes inside a setting, and how their path goes on."""
    for kind in kinds:
        if kind.model is not None:
            yield kind.model, ""
        elif get_origin(kind.kind) is tuple:
            yield from ((inner.model, "[]") for inner in shapes(get_args(kind.kind)[0]) if inner.model is not None)


def _type(kinds: tuple[Shape, ...]) -> str:
    words = _in_prose(expected(kinds))
    inside = [inner for kind in kinds if get_origin(kind.kind) is tuple for inner in shapes(get_args(kind.kind)[0])]
    if not inside:
        return words
    return f"{words}, each {_in_prose(expected(tuple(inside)))}"


def _in_prose(words: str) -> str:
    words = words.replace("a text with at least 1 characters", "a text, not empty")
    words = words.replace("with at least 1 entries", "with at least one entry")
    return re.sub(r"matching (\S+)", r"matching `\1`", words)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "the defaults of its settings"
    said = in_yaml(value)
    return f"`{said if said is not None else json.dumps(_plain(value), ensure_ascii=False)}`"


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, frozenset | set):
        return sorted(_plain(one) for one in value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value


def _cell(text: str) -> str:
    return re.sub(r"<(?=\w)", "&lt;", text.replace("|", "\\|"))


def main() -> int:
    by_hand, marker, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARKER)
    if not marker:
        sys.stderr.write(f"{DOCUMENT} has lost its marker line; put it back: {MARKER}\n")
        return 1
    DOCUMENT.write_text(f"{by_hand}{MARKER}\n\n{generated()}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
