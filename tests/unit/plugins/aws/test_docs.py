"""What docs/aws.md says of actions and permissions is what they declare."""

from __future__ import annotations

from tests.docs.reading import DOCS, code_in, rows, section_of
from tests.unit.plugins.aws.declared import DECLARED

from recoverops.plugins.aws.action import StateAction
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.assembly import ACTIONS, enabled_actions
from recoverops.plugins.aws.grants import FIND_BY_TAGS
from recoverops.plugins.aws.sources.metrics import GRANTS
from recoverops.plugins.aws.sources.waste import GRANTS as WASTE

PAGE = DOCS / "aws.md"


def test_every_action_is_listed_with_its_class_its_calls_and_its_undo() -> None:
    table = [row for row in rows(section_of(PAGE, "Actions")) if len(row) == 9]
    told = {row[0].split("`")[1]: row for row in table}
    assert list(told)[-len(ACTIONS) :] == [action.name for action in ACTIONS]
    same: set[str] = set()
    for action in ACTIONS:
        _, effect, changes, reads, undo, *_ = told[action.name]
        same = same if reads == "the same" else code_in(reads)
        assert effect == (f"{action.effect}, always asks" if action.always_asks else action.effect)
        assert bool(undo) is issubclass(action, StateAction)
        calls = {one for one in code_in(changes) | code_in(undo) if ":" in one and not one.startswith("recoverops")}
        grants = action.grants_under(DECLARED)
        assert calls == {grant.action for grant in grants if grant.changes}, action.name
        assert same == {grant.action for grant in grants if not grant.changes}, action.name


def test_every_permission_without_resources_is_listed() -> None:
    told = {name for row in rows(section_of(PAGE, "Permissions")) for name in code_in(row[0]) if ":" in name}
    actions = enabled_actions(DECLARED)
    grants = [grant for action in actions for grant in action.grants_under(DECLARED)] + [*GRANTS, *WASTE, FIND_BY_TAGS]
    assert told == {grant.action for grant in grants if grant.no_resource}


def test_every_kind_of_address_is_listed() -> None:
    told = [row[0].strip("`") for row in rows(section_of(PAGE, "Addresses"))]
    assert told[-len(Kind) :] == list(Kind)
