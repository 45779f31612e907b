"""Names in the configuration that only the loaded plugins can confirm: actions of runbooks, notifiers of channels.

A name that nobody offers is a mistake, unless a plugin is disabled that might have offered it; then the engine starts,
shows the disabled plugin, and what needs it is refused with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from recoverops.app.addresses import address_problems
from recoverops.app.loaded import Loaded
from recoverops.app.places import place_problems
from recoverops.app.rule_actions import action_problems, is_shipped, nearest
from recoverops.app.settings import Settings
from recoverops.detection.metrics.joint import KINDS
from recoverops.detection.metrics.settings import STREAMING
from recoverops.model import MisconfiguredError


def check_names(settings: Settings, loaded: Loaded) -> None:
    """Raises MisconfiguredError."""
    problems = [
        *_runbooks(settings, loaded),
        *_arguments(settings, loaded),
        *action_problems(settings, loaded),
        *_channels(settings, loaded),
        *_detectors(settings, loaded),
        *place_problems(settings, loaded),
        *address_problems(settings, loaded),
    ]
    if problems:
        raise MisconfiguredError(*problems)


def _runbooks(settings: Settings, loaded: Loaded) -> Iterable[str]:
    for name, book in settings.runbooks.items():
        if book.action in loaded.actions or loaded.disabled or is_shipped(settings.runbook_actions[name]):
            continue
        yield (
            f'{settings.runbook_actions[name]}: runbook "{name}" needs the action "{book.action}", which no plugin '
            f"offers{nearest(book.action, loaded.actions)}; add the plugin to plugins: with the settings it needs"
        )


def _arguments(settings: Settings, loaded: Loaded) -> Iterable[str]:
    for name, book in settings.runbooks.items():
        action = loaded.actions.get(book.action)
        if action is None:
            continue
        known = {parameter.name: parameter for parameter in action.parameters}
        place = settings.runbook_actions[name]
        for given in book.arguments:
            if given not in known:
                told = ", ".join(sorted(known)) or "none"
                yield f'{place}: action "{book.action}" has no argument "{given}"; it knows: {told}'
        for parameter in action.parameters:
            if parameter.required and parameter.name not in book.arguments:
                yield f'{place}: action "{book.action}" needs the argument "{parameter.name}": {parameter.meaning}'


def _channels(settings: Settings, loaded: Loaded) -> Iterable[str]:
    for position, channel in enumerate(settings.notifications.channels):
        if channel.via in loaded.notifiers or loaded.disabled:
            continue
        place = settings.configuration.place(f"notifications.channels[{position}].via")
        yield (
            f'{place}: no plugin offers the notifier "{channel.via}"{nearest(channel.via, loaded.notifiers)}; '
            f"known are: {', '.join(sorted(loaded.notifiers)) or 'none'}"
        )


def _detectors(settings: Settings, loaded: Loaded) -> Iterable[str]:
    detection = settings.detection
    for key, name, known in (
        ("detector", detection.detector, (STREAMING, *loaded.detectors)),
        ("model_kind", detection.model_kind, (*KINDS, *loaded.model_kinds)),
    ):
        if name not in known and not loaded.disabled:
            place = settings.configuration.place(f"detection.{key}")
            yield (
                f'{place}: detection.{key} is "{name}", which no plugin offers{nearest(name, known)}; known are: '
                f"{', '.join(known)}"
            )
