"""Unit files for the systemd double: real ones, of which it does a part. What it does not do, it refuses to load.

Used by the double's manager. A directive that were silently ignored would let a test pass that a host would not.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from recoverops.model import MisconfiguredError

_IGNORED = {
    "Unit": {"Description", "Documentation", "After", "Before", "Wants"},
    "Install": {"WantedBy", "Alias"},
}
"""What changes nothing for a unit that is started and stopped by hand."""
_KNOWN = {
    "Unit": {"StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        "Type",
        "ExecStart",
        "WorkingDirectory",
        "Environment",
        "Restart",
        "RestartSec",
        "TimeoutStopSec",
        "RemainAfterExit",
        "StandardOutput",
    },
}
_UNITS_OF_TIME = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "min": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """One `.service` file."""

    name: str
    command: tuple[str, ...]
    directory: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    restart: str = "no"
    restart_s: float = 0.1
    stop_s: float = 90.0
    start_limit_s: float = 10.0
    start_limit: int = 5
    stays_active: bool = False
    """`RemainAfterExit`: it counts as active also after its process has ended well."""
    output: str = ""
    """A file that its output is appended to; empty: it is thrown away."""


def read_unit(path: Path) -> UnitFile:
    """Raises `MisconfiguredError` with file and line for what the double does not do, OSError when it is not there."""
    values: dict[str, list[str]] = {}
    section = ""
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        name, equals, value = line.partition("=")
        if not equals or name in _IGNORED.get(section, set()):
            continue
        if name not in _KNOWN.get(section, set()):
            raise MisconfiguredError(f"the systemd double does not do {section}.{name} ({path}:{number})")
        values.setdefault(name, []).append(value.strip())
    return _unit(path, {name: all_of[-1] for name, all_of in values.items()}, values.get("Environment", []))


def _unit(path: Path, values: dict[str, str], environment: list[str]) -> UnitFile:
    if values.get("Type", "simple") not in {"simple", "exec"}:
        raise MisconfiguredError(f"the systemd double does only Type=simple and Type=exec ({path})")
    if values.get("Restart", "no") not in {"no", "on-failure", "always"}:
        raise MisconfiguredError(f"the systemd double does only Restart=no, on-failure and always ({path})")
    if values.get("RemainAfterExit", "no") not in {"yes", "no"}:
        raise MisconfiguredError(f"the systemd double does only RemainAfterExit=yes and no ({path})")
    if re.search(r"[$%]", values.get("ExecStart", "$")):
        raise MisconfiguredError(f"the systemd double needs one ExecStart without specifiers and variables ({path})")
    output = values.get("StandardOutput", "null")
    if output != "null" and not output.startswith("append:/"):
        raise MisconfiguredError(f"the systemd double does only StandardOutput=null and append:/path ({path})")
    pairs = [word.partition("=") for line in environment for word in shlex.split(line)]
    return UnitFile(
        name=path.name,
        command=tuple(shlex.split(values["ExecStart"])),
        directory=values.get("WorkingDirectory", "/"),
        environment={name: value for name, _, value in pairs},
        restart=values.get("Restart", "no"),
        restart_s=_seconds(values.get("RestartSec", "100ms")),
        stop_s=_seconds(values.get("TimeoutStopSec", "90")),
        start_limit_s=_seconds(values.get("StartLimitIntervalSec", "10")),
        start_limit=int(values.get("StartLimitBurst", "5")),
        stays_active=values.get("RemainAfterExit") == "yes",
        output=output.removeprefix("append:") if output != "null" else "",
    )


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", text)
    if match is None or match[2] not in _UNITS_OF_TIME:
        raise MisconfiguredError(f'the systemd double does not read the time "{text}"; write it in seconds')
    return float(match[1]) * _UNITS_OF_TIME[match[2]]
