"""The action `ssm-clean-disk`: delete declared old files on an instance, by a document through SSM. They are gone."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, PermanentError, Service
from recoverops.plugins.aws.command_action import CommandAction, Order
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.ssm_settings import CleanFiles, CleanSettings
from recoverops.ports import Parameter


class CleanDiskBySsm(CommandAction):
    """Implements `ports.Action`."""

    name = "ssm-clean-disk"
    summary = "Deletes declared old files on the service's EC2 instance, through SSM Run Command."
    effect = EffectClass.IRREVERSIBLE
    parameters = (
        Parameter(
            name="files", pattern=r"[a-z][a-z0-9]*(-[a-z0-9]+)*", meaning="which of the declared files, e.g. old-logs"
        ),
    )
    grants = ()

    def order(self, service: Service, arguments: Mapping[str, str]) -> Order:
        clean = _settings(self.reach.settings)
        files = files_of(clean, service.name, arguments["files"])
        return Order(
            document=clean.document,
            parameters={
                "Path": (files.path,),
                "Names": (files.names,),
                "OlderThanDays": (str(files.older_than_days),),
                "AtMost": (str(files.at_most),),
            },
            told=f"delete at most {files.at_most} files {files.names} older than {files.older_than_days} days in "
            f"{files.path}",
        )

    @classmethod
    def documents(cls, settings: AwsSettings) -> tuple[str, ...]:
        return (_settings(settings).document,)


def files_of(clean: CleanSettings, service: str, asked: str) -> CleanFiles:
    """What is meant, if it is declared for this service. Pure. Raises `PermanentError`."""
    declared = {one.name: one for one in clean.files if service in one.services}
    if asked not in declared:
        known = ", ".join(sorted(declared)) or "nothing"
        raise PermanentError(
            f"the files {asked} may not be deleted; ssm.clean.files of the plugin aws declares for {service}: {known}"
        )
    return declared[asked]


def _settings(settings: AwsSettings) -> CleanSettings:
    assert settings.ssm is not None
    assert settings.ssm.clean is not None, "checked when the settings were read"
    return settings.ssm.clean
