"""Names in rules and in `detection` that nobody has, and that may come from outside all the same: warnings of `check`.

Metrics may be pushed, scraped or queried under any name, so only one that is nearly a known one is doubted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.detection import DetectionSettings
from recoverops.topology import mistaken_for

_NOT_LISTED = ("unlisted/", "ambiguous/")
"""Before the names of what an alert meant and the inventory has not."""


def name_doubts(settings: Settings, loaded: Loaded) -> Iterator[str]:
    """Services, groups and symptoms that a condition compares with."""
    services = settings.inventory.services.values()
    names = {one.name for one in services} | set(loaded.sources)
    groups = {one.group for one in services} | {""}
    symptoms = {one.symptom for one in (*settings.detection.thresholds, *DetectionSettings().thresholds)}
    for rule, condition in settings.rules.conditions.items():
        place = settings.rule_places[rule].when
        for one in condition.comparisons:
            told = f'{place}: rule "{rule}" compares {one.subject} with "{one.text}"'
            near = mistaken_for(one.text, {"resource.name": names, "resource.group": groups}.get(one.subject, symptoms))
            meant = f'; did you mean "{near}"?' if near else ""
            if one.subject == "resource.name" and one.text not in names and not one.text.startswith(_NOT_LISTED):
                yield f"{told}, which is no service of the inventory{meant}"
            elif one.subject == "resource.group" and one.text not in groups:
                yield f"{told}, which is no group of the inventory{meant}"
            elif one.subject == "symptom" and near:
                yield f"{told}, and no threshold says so{meant}"


def metric_doubts(settings: Settings, measured: Collection[str]) -> Iterator[str]:
    """`measured` are the metrics that the sources have just answered with."""
    usual = DetectionSettings()
    known = {*measured, *(metric for _, metric in _detected(usual))}
    asked = [
        (f"{settings.configuration.place(name)}: {name}", metric) for name, metric in _detected(settings.detection)
    ]
    for rule, condition in settings.rules.conditions.items():
        asked += [(f'{settings.rule_places[rule].when}: rule "{rule}"', metric) for metric in sorted(condition.metrics)]
    for what, metric in asked:
        if (near := mistaken_for(metric, known)) is not None:
            yield (
                f'{what} asks for the metric "{metric}", which no source has just measured; did you mean "{near}"? '
                "(One that is pushed or scraped may have any name.)"
            )


def _detected(detection: DetectionSettings) -> Iterator[tuple[str, str]]:
    """The metrics that are judged, each with where it stands."""
    for kind, metrics in (
        ("thresholds", [one.metric for one in detection.thresholds]),
        ("forecasts", [one.metric for one in detection.forecasts]),
        ("baselines", [one.metric for one in detection.baselines]),
    ):
        yield from ((f"detection.{kind}[{position}].metric", metric) for position, metric in enumerate(metrics))
