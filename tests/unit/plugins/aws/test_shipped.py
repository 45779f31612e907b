"""The shipped rules and runbooks for AWS: they load, their arguments fit their actions, and every one asks."""

from __future__ import annotations

import pytest
from tests.docs.reading import ROOT

from recoverops.app.books import read_books
from recoverops.model import Mode
from recoverops.plugins.aws.answers import check_arguments
from recoverops.plugins.aws.assembly import ACTIONS
from recoverops.remediation import Runbook

BY_NAME = {action.name: action for action in ACTIONS}
BOOKS = read_books(ROOT / "configs/aws-rules.yaml", ROOT / "configs/runbooks")
FOR_AWS = {name: book for name, book in BOOKS.runbooks.items() if book.action in BY_NAME}


@pytest.mark.parametrize("book", FOR_AWS.values(), ids=FOR_AWS)
def test_the_arguments_of_a_runbook_fit_its_action(book: Runbook) -> None:
    check_arguments(book.action, BY_NAME[book.action].parameters, book.arguments)


def test_every_rule_for_aws_asks_and_has_its_runbook() -> None:
    assert {rule.runbook for rule in BOOKS.rules.rules} <= set(FOR_AWS)
    assert {rule.mode for rule in BOOKS.rules.rules} == {Mode.ASK}
