"""docs/aws.md says of every action of the plugin `aws` what it calls, how it is undone, and what it was tried on."""

from __future__ import annotations

from itertools import chain

import pytest
from tests.docs.reading import DOCS, ROOT, code_in, rows, section_of
from tests.docs.test_what_it_does import built
from tests.integration.aws.ssm_scenes import DECLARED
from tests.live.aws.catalogue import EXCLUDED, SCENES

from recoverops.model import EffectClass
from recoverops.plugins.aws import AwsSettings
from recoverops.plugins.aws.action import AwsAction
from recoverops.plugins.aws.assembly import ACTIONS, enabled_actions

PLAIN = {"accounts": [{"name": "shop", "id": "123456789012", "regions": ["eu-central-1"]}]}
OF_DOCUMENTS = ("ssm-run", "ssm-automation")
"""Actions that the settings make of declared documents: `ssm-run-<name>`."""
SAME = {"as `ssm-restart-service`", "the same"}
"""In the column of what it asks: of `ssm-restart-service`."""
PAGE = DOCS / "aws.md"


def called(action: type[AwsAction]) -> str:
    """As the table calls it."""
    kind = next((one for one in OF_DOCUMENTS if action.name.startswith(f"{one}-")), None)
    return action.name if kind is None else f"{kind}-<name>"


def registered() -> dict[str, list[tuple[type[AwsAction], set[str]]]]:
    """Each with its permissions, under every setting that adds to them here."""
    found: dict[str, list[tuple[type[AwsAction], set[str]]]] = {}
    plain = [(one, AwsSettings.model_validate(PLAIN)) for one in ACTIONS if not one.name.startswith("ssm-")]
    declared = [AwsSettings.model_validate({**PLAIN, **one}) for one in DECLARED]
    of_documents = [(one, settings) for settings in declared for one in enabled_actions(settings)]
    for action, settings in chain(plain, of_documents):
        rights = {one.action for one in action.grants_under(settings)}
        found.setdefault(called(action), []).append((action, rights))
    return found


REGISTERED = registered()
TABLES = {row[0].partition("`")[2].partition("`")[0]: row for row in rows(section_of(PAGE, "Actions")) if len(row) >= 7}


def test_every_registered_action_has_a_row_and_every_row_an_action() -> None:
    assert set(TABLES) == set(REGISTERED)


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_its_row_names_its_class_its_calls_and_permissions_its_undo_and_how_it_is_not_repeated(name: str) -> None:
    cells = TABLES[name]
    calls = code_in(" ".join(cells[2:5]))
    if cells[3] in SAME:
        calls |= code_in(" ".join(TABLES["ssm-restart-service"][2:4]))
    for action, rights in REGISTERED[name]:
        assert action.effect in cells[1]
        assert not rights - calls, f"{name} needs {sorted(rights - calls)} as well"
        if len(cells) == 9:
            assert bool(cells[4]) is (action.effect is EffectClass.REVERSIBLE)
            assert cells[5], "how a repetition is avoided"


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_its_row_says_on_what_it_was_tried_and_that_it_never_ran_against_aws(name: str) -> None:
    ran, real = TABLES[name][-2:]
    scenes = {one.about: one.name for one in SCENES}
    about = name.removesuffix("-<name>")
    assert ran == (f"double; live scene `{scenes[about]}` rehearsed" if about in scenes else "double")
    assert real == "never"


def test_every_live_scene_is_listed_and_everything_that_has_none_with_what_it_needs() -> None:
    told = rows(section_of(PAGE, "Against a real account"))
    listed = {row[0].strip("`"): row[1] for row in told}
    for scene in SCENES:
        assert code_in(listed[scene.name]) == {scene.about}
    for name, why in EXCLUDED.items():
        assert listed[name] == why


def test_every_source_and_notifier_of_the_plugin_has_a_live_scene_or_a_reason() -> None:
    parts = built("aws")
    names = {one.name for one in parts.sources} | {one.name for one in parts.streams}
    names |= {one.name for one in parts.push_sources}
    known = {one.about for one in SCENES} | {one.about.partition(" ")[0] for one in SCENES} | set(EXCLUDED)
    assert {name.partition("-STREAM")[0] for name in names} <= known
    assert {"cloudwatch-metrics", "kinesis"} <= {name.partition("-STREAM")[0] for name in names}


def test_the_makefile_plays_them_by_its_own_targets_only() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [line.partition(":")[0] for line in text.splitlines() if line.startswith("aws-live") and "##" in line]
    assert targets == ["aws-live", "aws-live-plan", "aws-live-clean"]
    assert text.count("tests.live.aws ") == len(targets)
    assert "COSTS MONEY" in text
