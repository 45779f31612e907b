"""The action `ssm-restart-service`: restart a declared systemd unit on an instance, by a document through SSM."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, PermanentError, Service
from recoverops.plugins.aws.command_action import CommandAction, Order
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.ssm_settings import UNIT, RestartSettings
from recoverops.ports import Parameter


class RestartServiceBySsm(CommandAction):
    """Implements `ports.Action`."""

    name = "ssm-restart-service"
    summary = "Restarts a declared systemd unit on the service's EC2 instance, through SSM Run Command."
    effect = EffectClass.RESTORATIVE
    parameters = (
        Parameter(
            name="unit",
            pattern=UNIT,
            meaning="the unit, e.g. checkout.service; may be left out when one is declared for the service",
            required=False,
        ),
    )
    grants = ()

    def order(self, service: Service, arguments: Mapping[str, str]) -> Order:
        restart = _settings(self.reach.settings)
        unit = unit_of(restart, service.name, arguments.get("unit"))
        settle = str(int(restart.settle.total_seconds()))
        return Order(
            document=restart.document,
            parameters={"Unit": (unit,), "SettleSeconds": (settle,)},
            told=f"restart {unit}",
        )

    @classmethod
    def documents(cls, settings: AwsSettings) -> tuple[str, ...]:
        return (_settings(settings).document,)


def unit_of(restart: RestartSettings, service: str, asked: str | None) -> str:
    """The unit that is meant, if it is declared. Pure. Raises `PermanentError`."""
    declared = restart.units.get(service, ())
    told = f"ssm.restart.units of the plugin aws declares for {service}: {', '.join(declared) or 'nothing'}"
    if asked is None and len(declared) == 1:
        return declared[0]
    if asked is None:
        raise PermanentError(f"it does not say which unit to restart; {told}")
    if asked not in declared:
        raise PermanentError(f"the unit {asked} may not be restarted; {told}")
    return asked


def _settings(settings: AwsSettings) -> RestartSettings:
    assert settings.ssm is not None
    assert settings.ssm.restart is not None, "checked when the settings were read"
    return settings.ssm.restart
