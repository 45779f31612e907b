"""The settings of what runs through SSM: nothing but declared documents, with declared values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from recoverops.model import Duration

UNIT = r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,127}\.service"


def _own(name: str) -> str:
    if name.lower().startswith(("aws", "amazon", "amzn")):
        raise ValueError(
            f"{name} belongs to AWS, where it may change without you, or run any text; copy it under a name of yours"
        )
    return name


DocumentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,128}$"), AfterValidator(_own)]
UnitName = Annotated[str, Field(pattern=f"^{UNIT}$")]


def _pattern(text: str) -> str:
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    if compiled.fullmatch("") is not None:
        raise ValueError(f"{text!r} matches the empty text; write what a value has to be")
    return text


DeclaredName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
DocumentVersion = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
ValuePattern = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_pattern)]


class CleanFiles(BaseModel):
    """Files that may be deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: DeclaredName = Field(description="What runbooks call it: `files: old-logs`. No default.")
    services: tuple[str, ...] = Field(
        min_length=1,
        strict=False,
        description="The services on whose instances it may be done. No default.",
    )
    path: str = Field(
        pattern=r"^/[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$",
        max_length=500,
        description="The folder, an absolute path at least two levels below the root, e.g. /var/log/checkout. Links "
        "are not followed. No default.",
    )
    names: str = Field(
        pattern=r"^[A-Za-z0-9_.*?][A-Za-z0-9_.*?-]{0,99}$",
        description='Which files in it and below, as `find -name` knows them, e.g. "*.log.gz". No default.',
    )
    older_than_days: int = Field(
        ge=1, le=3650, description="Only files that were changed longer ago, 1 to 3650 days. No default."
    )
    at_most: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="When more files match, none is deleted, 1 to 100000. Default 1000.",
    )


class RestartSettings(BaseModel):
    """The action `ssm-restart-service`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    document: DocumentName = Field(
        default="RecoverOps-RestartService",
        description="The Command document that restarts a unit, with the parameters Unit and SettleSeconds. Default "
        "RecoverOps-RestartService, which is shipped. Documents of AWS itself are refused.",
    )
    settle: Duration = Field(
        default=timedelta(seconds=3),
        ge=timedelta(0),
        le=timedelta(seconds=60),
        description="For how long the unit has to stay active after the restart, in whole seconds, 0s to 60s. Default "
        "3s: a service that dies at once is no success.",
    )
    units: Mapping[str, Annotated[tuple[UnitName, ...], Field(min_length=1, strict=False)]] = Field(
        min_length=1,
        description="For each service the systemd units that may be restarted on its instance, e.g. "
        "`{checkout: [checkout.service]}`. No default: nothing else is ever restarted.",
    )


class CleanSettings(BaseModel):
    """The action `ssm-clean-disk`: one kind of old files of one folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    document: DocumentName = Field(
        default="RecoverOps-CleanDisk",
        description="The Command document that deletes files, with the parameters Path, Names, OlderThanDays and "
        "AtMost. Default RecoverOps-CleanDisk, which is shipped.",
    )
    files: tuple[CleanFiles, ...] = Field(
        min_length=1,
        max_length=100,
        strict=False,
        description="What may be deleted, each with a name that runbooks use. No default: nothing else ever is.",
    )

    @model_validator(mode="after")
    def _names_differ(self) -> CleanSettings:
        check_names([one.name for one in self.files])
        return self


class CommandSettings(BaseModel):
    """One document of your own, as the action `ssm-run-<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: DeclaredName = Field(description="The last part of the action's name: `ssm-run-<name>`. No default.")
    document: DocumentName = Field(description="The name of the Command document. No default.")
    parameters: Mapping[ParameterName, ValuePattern] = Field(
        default={},
        description="Parameters that a runbook gives, each with the regular expression that its whole value must "
        "match. Default none.",
    )
    fixed: Mapping[ParameterName, str] = Field(
        default={}, description="Parameters that are always given, with their values. Default none."
    )


class RollbackSettings(BaseModel):
    """How an automation is looked at and taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    look: DocumentName = Field(
        description="An Automation document that only looks and takes the target's parameters; its outputs are the "
        "state that is compared before anything is taken back. No default."
    )
    look_version: DocumentVersion = Field(description='The version of `look`, e.g. "1". No default.')
    document: DocumentName = Field(description="The Automation document that takes it back. No default.")
    version: DocumentVersion = Field(description='The version of that document, e.g. "1". No default.')
    restore: Mapping[ParameterName, str] = Field(
        min_length=1,
        description="Parameters of `document`, each with the output of `look` whose value before the action it gets, "
        "e.g. `{InstanceType: look.Type}`. No default.",
    )


class AutomationSettings(BaseModel):
    """One Automation document, as the action `ssm-automation-<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: DeclaredName = Field(description="The last part of the action's name: `ssm-automation-<name>`. No default.")
    document: DocumentName = Field(description="The name of the Automation document. No default.")
    version: DocumentVersion = Field(
        description='Its version, e.g. "1". No default: a version never changes, so it is what you have read.'
    )
    role: str = Field(
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$",
        description="ARN of the role that the steps are carried out with, given as AutomationAssumeRole. It decides "
        "what the document can do, so bind it to tags. No default.",
    )
    kind: Literal["ec2", "ecs"] = Field(
        default="ec2", description="The kind of addresses that it is for, ec2 or ecs. Default ec2."
    )
    target: Mapping[ParameterName, Literal["instance", "cluster", "service"]] = Field(
        min_length=1,
        description="Parameters that say what it acts on: `instance` (ec2), `cluster` and `service` (ecs) of the "
        "service's address, e.g. `{InstanceId: instance}`. No default.",
    )
    parameters: Mapping[ParameterName, ValuePattern] = Field(
        default={},
        description="Parameters that a runbook gives, each with the regular expression that its whole value must "
        "match. Default none.",
    )
    fixed: Mapping[ParameterName, str] = Field(
        default={}, description="Parameters that are always given, with their values. Default none."
    )
    rollback: RollbackSettings | None = Field(
        default=None,
        description="How it is taken back. Default none: then it is irreversible, and a person approves each time.",
    )

    @model_validator(mode="after")
    def _target_fits(self) -> AutomationSettings:
        known = {"ec2": {"instance"}, "ecs": {"cluster", "service"}}[self.kind]
        strange = sorted(set(self.target.values()) - known)
        if strange:
            raise ValueError(
                f"an address of the kind {self.kind} has no {strange[0]}; it has {', '.join(sorted(known))}"
            )
        return self


class SsmSettings(BaseModel):
    """What may be run by Systems Manager: nothing that does not stand here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    restart: RestartSettings | None = Field(
        default=None, description="What `ssm-restart-service` may restart. Default none: the action cannot be enabled."
    )
    clean: CleanSettings | None = Field(
        default=None, description="What `ssm-clean-disk` may delete. Default none: the action cannot be enabled."
    )
    commands: tuple[CommandSettings, ...] = Field(
        default=(),
        max_length=50,
        strict=False,
        description="Documents that `ssm-run` makes actions of. Default none: the action cannot be enabled.",
    )
    automations: tuple[AutomationSettings, ...] = Field(
        default=(),
        max_length=50,
        strict=False,
        description="Documents that `ssm-automation` makes actions of. Default none: the action cannot be enabled.",
    )

    @model_validator(mode="after")
    def _names_differ(self) -> SsmSettings:
        check_names([one.name for one in self.commands])
        check_names([one.name for one in self.automations])
        return self


def check_names(names: Sequence[str]) -> None:
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise ValueError(f"the name {twice[0]} is given twice; give each its own")


NEEDED_PARTS: Mapping[str, str] = {
    "ssm-restart-service": "restart",
    "ssm-clean-disk": "clean",
    "ssm-run": "commands",
    "ssm-automation": "automations",
}
"""Action -> the part of `ssm` that says what it may run."""
