"""The scenes for a real account, rehearsed against the double: the code of `make aws-live` runs, AWS is never asked."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.aws.live_run import ground_on, settings_on
from tests.integration.aws.ssm_scenes import SERVICE
from tests.live.aws.catalogue import SCENES
from tests.live.aws.cleaning import Around, look_around
from tests.live.aws.ground import Ground
from tests.live.aws.kinds import Found
from tests.live.aws.program import played
from tests.live.aws.scene import Scene
from tests.live.aws.scenes.commands import UNIT
from tests.live.aws.stage import Stage

from recoverops.testing.aws import Aws


@pytest.fixture
def ground(aws: Aws, live_session: Any) -> Ground:
    made = ground_on(settings_on(aws), live_session)
    made.machine = lambda ident: machine(aws, ident)
    return made


def machine(aws: Aws, ident: str) -> str:
    """As Amazon Linux has it: the unit, and two old files in a folder, which is returned."""
    made = aws.ssm.machine(ident)
    made.install(UNIT, (sys.executable, "-S", "-c", SERVICE, str(made.folder / "starts")))
    folder = made.folder / "var" / "recoverops-live"
    folder.mkdir(parents=True)
    for name in ("old.log", "older.log"):
        (folder / name).write_text(name)
        os.utime(folder / name, (0, 0))
    return str(folder)


GOES = {
    "ebs-snapshot": {"snapshot"},
    "ebs-delete-unattached": {"volume"},
    "eip-release": {"elastic address"},
}
"""What the action itself, or its undo, removes."""


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=lambda one: one.name)
def test_a_live_scene_holds_on_the_double_and_all_that_it_makes_is_found_by_its_tag_and_cleaned_up(
    ground: Ground, scene: Scene
) -> None:
    made: list[Found] = []
    unseen: list[Found] = []

    def play(stage: Stage) -> None:
        scene.play(stage)
        there = look_around(ground, run=ground.run).found
        made.extend(stage.made)
        unseen.extend(one for one in stage.made if one not in there)

    told: list[str] = []
    (result,) = played(ground, [replace(scene, play=play)], told.append)
    assert result.told == "", "\n".join(told)
    assert made
    assert {one.kind for one in unseen} == GOES.get(scene.name, set())
    assert not [one for one in told if one.startswith("still there")], told
    assert look_around(ground, run=ground.run) == Around(found=())
