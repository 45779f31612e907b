"""Plays the scenes in one account, removes what they made, and says what is still there. Started by `__main__.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from tests.live.aws.catalogue import EXCLUDED, SCENES
from tests.live.aws.cleaning import Around, Tell, look_around, remove_all, to_clean
from tests.live.aws.ground import Ground, expiry_of
from tests.live.aws.kinds import Found
from tests.live.aws.prices import CLEANING, most_usd
from tests.live.aws.scene import Scene
from tests.live.aws.settings import LiveSettings
from tests.live.aws.stage import Stage

from recoverops.model import MisconfiguredError, RecoverOpsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    scene: str
    told: str
    """Empty when all of it holds."""


def chosen(settings: LiveSettings, scenes: Sequence[Scene] = SCENES) -> tuple[Scene, ...]:
    """Raises `MisconfiguredError` for a scene that is not there, and when they may cost more than was allowed."""
    unknown = sorted(set(settings.only) - {one.name for one in scenes})
    if unknown:
        known = ", ".join(one.name for one in scenes)
        raise MisconfiguredError(f"AWS_LIVE_ONLY names {', '.join(unknown)}; there are {known}")
    found = tuple(one for one in scenes if not settings.only or one.name in settings.only)
    cost = cost_of(found, lasts=settings.lasts)
    if cost > settings.max_usd:
        raise MisconfiguredError(
            f"these {len(found)} scenes may cost up to {cost} USD, and AWS_LIVE_MAX_USD is {settings.max_usd}: allow "
            "more, name fewer in AWS_LIVE_ONLY, or give less time in AWS_LIVE_MINUTES"
        )
    return found


def cost_of(scenes: Iterable[Scene], *, lasts: timedelta) -> Decimal:
    return most_usd((use for one in scenes for use in one.uses), lasts=lasts)


def bill(scenes: Sequence[Scene], lasts: timedelta) -> list[str]:
    """What would be done, what it costs at most, and what is left out."""
    lines = [f"{one.name:<24} {cost_of([one], lasts=lasts):>6} USD  {one.about}" for one in scenes]
    lines.append(f"{'at most':<24} {cost_of(scenes, lasts=lasts):>6} USD  within {lasts}, and {CLEANING} to clean up")
    lines += [f"{name:<24}   left out: it needs {why}" for name, why in EXCLUDED.items()]
    return lines


def played(ground: Ground, scenes: Iterable[Scene], tell: Tell) -> list[Result]:
    """One after the other, each cleaned up before the next. What ends the process ends in the clean-up as well."""
    results: list[Result] = []
    try:
        results.extend(_play(ground, one, tell) for one in scenes)
    finally:
        left = look_around(ground, run=ground.run).found
        if left:
            tell(f"still there, and removed now: {', '.join(map(str, left))}")
            remove_all(ground, left, tell, within=ground.cleans_for)
    return results


def _play(ground: Ground, scene: Scene, tell: Tell) -> Result:
    if ground.clock.now() >= ground.deadline:
        return Result(scene=scene.name, told="not played: the time of the run is over")
    stage = Stage(ground=ground, scene=scene.name, tell=lambda told: tell(f"  {told}"))
    tell(f"{scene.name}:")
    told = ""
    try:
        scene.play(stage)
    except Exception as error:  # noqa: BLE001 - a scene that fails must not keep the others from their clean-up
        told = f"{type(error).__name__}: {error}"
    finally:
        left = remove_all(ground, stage.made, tell, within=ground.cleans_for)
    if left and not told:
        told = f"left behind: {', '.join(map(str, left))}"
    tell(f"{scene.name}: {told or 'holds'}")
    return Result(scene=scene.name, told=told)


def closed(ground: Ground, results: Sequence[Result], tell: Tell) -> bool:
    """The end of a run: what held, and what is still there. Whether all is well."""
    failed = [one for one in results if one.told]
    tell(f"{len(results) - len(failed)} of {len(results)} scenes hold")
    for one in failed:
        tell(f"FAILED {one.scene}: {one.told}")
    return say_left(ground, tell) and not failed


def say_left(ground: Ground, tell: Tell) -> bool:
    """What of the run is still there. Whether it is known to be nothing."""
    return _say(look_around(ground, run=ground.run), tell)


def cleaned(ground: Ground, settings: LiveSettings, tell: Tell) -> bool:
    """What killed runs left: of one run, or of all whose time is over. Whether nothing of theirs is left."""
    if settings.run:
        expiry_of(settings.run)
    around = look_around(ground)
    going, staying = to_clean(ground, around.found, run=settings.run)
    for one in going:
        tell(f"removes {one} of {one.run}")
    for one in staying:
        tell(f"leaves {one}: {_why_left(one)}")
    left = remove_all(ground, going, tell, within=ground.cleans_for)
    return _say(Around(found=left, unknown=around.unknown), tell)


def _why_left(one: Found) -> str:
    if not one.run:
        return "it has no tag of a run; if it is ours, remove it by hand"
    return f"the run {one.run} may still go on; AWS_LIVE_RUN={one.run} removes it all the same"


def _say(around: Around, tell: Tell) -> bool:
    for one in around.unknown:
        tell(f"NOT KNOWN whether anything is left of {one}")
    if around.found:
        tell(f"STILL THERE: {', '.join(map(str, around.found))}")
    elif not around.unknown:
        tell("nothing is left")
    return not around.found and not around.unknown


def problems_of(error: RecoverOpsError) -> tuple[str, ...]:
    return error.problems if isinstance(error, MisconfiguredError) else (str(error),)
