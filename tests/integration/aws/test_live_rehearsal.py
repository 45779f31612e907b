"""The scenes for a real account, rehearsed against the double: the code of `make aws-live` runs, AWS is never asked."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from tests.integration.aws.live_run import ground_on, settings_on
from tests.integration.aws.ssm_scenes import SERVICE
from tests.live.aws.catalogue import SCENES
from tests.live.aws.cleaning import Around, look_around
from tests.live.aws.ground import Ground
from tests.live.aws.program import played
from tests.live.aws.scene import Scene
from tests.live.aws.scenes.commands import UNIT

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


@pytest.mark.parametrize("scene", SCENES, ids=lambda one: one.name)
def test_a_live_scene_holds_on_the_double_and_its_clean_up_leaves_nothing_to_the_sweep(
    ground: Ground, scene: Scene
) -> None:
    told: list[str] = []
    (result,) = played(ground, [scene], told.append)
    assert result.told == "", "\n".join(told)
    assert not [one for one in told if one.startswith("still there")], told
    assert look_around(ground, run=ground.run) == Around(found=())
