"""The actions `ssm-run-<name>`: one for each Command document that the settings declare. Nobody can take them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from recoverops.model import EffectClass, Service
from recoverops.plugins.aws.command_action import CommandAction, Order
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.ssm_settings import CommandSettings, ParameterName, ValuePattern
from recoverops.ports import Parameter

NAME = "ssm-run"


class RunDocument(CommandAction):
    """Implements `ports.Action`, once `declared` is set."""

    effect = EffectClass.IRREVERSIBLE
    grants = ()
    declared: ClassVar[CommandSettings]

    def order(self, service: Service, arguments: Mapping[str, str]) -> Order:
        given = {**self.declared.fixed, **arguments}
        told = ", ".join(f"{name}={value}" for name, value in sorted(arguments.items()))
        return Order(
            document=self.declared.document,
            parameters={name: (value,) for name, value in given.items()},
            told=f"run {self.declared.name}{f' with {told}' if told else ''}",
        )

    @classmethod
    def documents(cls, settings: AwsSettings) -> tuple[str, ...]:
        return (cls.declared.document,)


def declared_commands(settings: AwsSettings) -> tuple[type[RunDocument], ...]:
    """An action for each declared document, if `ssm-run` is enabled."""
    if settings.ssm is None or NAME not in settings.actions:
        return ()
    return tuple(_declared(one) for one in settings.ssm.commands)


def _declared(one: CommandSettings) -> type[RunDocument]:
    about = {
        "name": f"{NAME}-{one.name}",
        "summary": f"Runs the SSM document {one.document} on the service's EC2 instance.",
        "parameters": parameters_of(one.parameters),
        "declared": one,
    }
    return cast(type[RunDocument], type(f"RunDocument_{one.name}", (RunDocument,), about))


def parameters_of(declared: Mapping[ParameterName, ValuePattern]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name=name, pattern=pattern, meaning=f"the parameter {name} of the document")
        for name, pattern in sorted(declared.items())
    )
