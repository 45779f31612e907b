"""Settings of this plugin's actions: what they may touch. Nothing that is not declared here is ever touched."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from recoverops.model import Duration

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def _real(path: str) -> str:
    if not path.startswith("/") or os.path.normpath(path) != path or path == "/":
        raise ValueError(f'"{path}" is not an absolute path written out, such as /srv/shop/cache')
    return path


AbsolutePath = Annotated[str, AfterValidator(_real)]


class EndingSettings(BaseModel):
    """How processes are ended."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    grace: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=5),
        description="How long a process may take after SIGTERM before it gets SIGKILL, 100ms to 5min. Default 5s: "
        "what is "
        "healthy enough to end by itself has done so by then.",
    )


class FreePortSettings(BaseModel):
    """What may be ended for its port."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    folders: tuple[AbsolutePath, ...] = Field(
        default=(),
        strict=False,
        description="A process of root, or of another system account (user id below 1000), is ended only when it "
        "works in "
        "one of these folders. Default none: system services are never ended for a port.",
    )


class SpareFilesSettings(BaseModel):
    """Files of one service that may go when its disk is full."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    service: str = Field(
        min_length=1, description="The service whose disk they fill, by its name in the inventory. No default."
    )
    folder: AbsolutePath = Field(
        description="The folder, absolute and without links on the way; folders below it are not looked into. No "
        "default."
    )
    pattern: str = Field(
        min_length=1,
        pattern=r"^[^/]+$",
        description="Which names, with `*`, `?` and `[...]`, e.g. `*.cache`. No default: `*` has to be meant.",
    )
    older_than: Duration = Field(
        ge=timedelta(0),
        description="Only files that were last written longer ago, e.g. `1h`; `0s` takes all. No default.",
    )
    quarantine: AbsolutePath | None = Field(
        default=None,
        description="A folder on another file system: the files are moved there and can be moved back. Default "
        "none: they "
        "are removed for ever, and a person approves.",
    )
    are_logs: bool = Field(
        default=False,
        description="Whether files that somebody has open may be emptied; they are never removed. Default false: open "
        "files are left alone. Only without a quarantine.",
    )

    @model_validator(mode="after")
    def _logs_are_not_moved(self) -> SpareFilesSettings:
        if self.are_logs and self.quarantine is not None:
            raise ValueError("`are_logs` and `quarantine` exclude each other: an open file cannot be moved away")
        return self


class WorkersSettings(BaseModel):
    """Bounds of `scale-workers`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fewest: int = Field(
        default=1, ge=0, le=1000, description="So many workers of a service always stay, 0 to 1000. Default 1."
    )
    most: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="No more workers of a service are started, 1 to 1000. Default 8: what one host usually bears.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> WorkersSettings:
        if self.fewest > self.most:
            raise ValueError(f"fewest is {self.fewest} and most is {self.most}; it has to be the other way round")
        return self


class RotationSettings(BaseModel):
    """A service whose program opens its log again when it gets a signal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    service: str = Field(min_length=1, description="The service, by its name in the inventory. There is no default.")
    signal: Literal["HUP", "USR1", "USR2"] = Field(
        description="The signal on which its main process opens its log again: HUP, USR1 or USR2. No default."
    )


class ScriptParameterSettings(BaseModel):
    """One placeholder of a script."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pattern: str = Field(
        min_length=1,
        description="Regular expression that the whole value has to match; a leading dash is refused in any case. "
        "No default.",
    )
    meaning: str = Field(min_length=1, description="What the value says, for the person who approves. No default.")

    @field_validator("pattern")
    @classmethod
    def _is_narrow(cls, pattern: str) -> str:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f'"{pattern}" is no regular expression: {error}') from error
        if compiled.fullmatch(""):
            raise ValueError(f'"{pattern}" matches the empty text; use + instead of *')
        return pattern


class ScriptSettings(BaseModel):
    """One script that `run-script` may run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,63}$", description="Its name, lower case with dashes. There is no default."
    )
    services: tuple[str, ...] = Field(
        min_length=1, strict=False, description="The services that it may be run for, by name. There is no default."
    )
    command: tuple[str, ...] = Field(
        min_length=1,
        strict=False,
        description="The program and its arguments, word by word; the program is an absolute path, `{name}` stands "
        "for an "
        "argument. No shell is involved. No default.",
    )
    parameters: dict[str, ScriptParameterSettings] = Field(
        default_factory=dict, description="What the placeholders may be, by their names. Default none, as without any."
    )
    timeout: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=50),
        description="How long it may run, 100ms to 50min; then it is ended and nobody knows what it did. Default 1min.",
    )
    folder: AbsolutePath | None = Field(
        default=None, description="Where it starts to work, an absolute path. Default the root folder `/`."
    )
    environment: dict[str, str] = Field(
        default_factory=dict,
        description="Its whole environment, besides `RECOVEROPS_KEY`; nothing of RecoverOps' own is passed on. Default "
        "empty: not even `PATH`.",
    )
    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="Variables whose values are references such as `env:DB_PASSWORD`; they are taken out of its "
        "output. "
        "Default none.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ScriptSettings:
        if not self.command[0].startswith("/") or _PLACEHOLDER.search(self.command[0]):
            raise ValueError(f'command: "{self.command[0]}" is not an absolute path of a program')
        used = {name for word in self.command for name in _PLACEHOLDER.findall(word)}
        if "script" in used:
            raise ValueError("command: {script} is taken, it names the script; call the placeholder otherwise")
        if used != set(self.parameters):
            odd = ", ".join(sorted(used ^ set(self.parameters)))
            raise ValueError(f"command and parameters do not fit together: {odd} stands in only one of them")
        return self


class ScriptsSettings(BaseModel):
    """What `run-script` may run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    journal: AbsolutePath = Field(
        description="An existing folder that keeps a ticket of each run, so that none is repeated after a crash. No "
        "default."
    )
    declared: tuple[ScriptSettings, ...] = Field(
        min_length=1, strict=False, description="The scripts. There is no default: nothing else is ever run."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> ScriptsSettings:
        names = [script.name for script in self.declared]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"declared twice: {', '.join(twice)}; give each script a name of its own")
        return self


class NginxSettings(BaseModel):
    """The nginx whose upstream is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file: AbsolutePath = Field(
        description="The file with the `upstream` blocks, at most 64 KiB, included by nginx's configuration. No "
        "default."
    )
    binary: AbsolutePath = Field(
        default="/usr/sbin/nginx", description="The nginx program. Default `/usr/sbin/nginx`, where packages put it."
    )
    config: AbsolutePath | None = Field(
        default=None, description="Its configuration (`-c`), when it is not nginx's own default. Default none."
    )
    prefix: AbsolutePath | None = Field(
        default=None, description="Its prefix folder (`-p`), when it is not nginx's own default. Default none."
    )
