"""The rules and runbooks that hold now. A reload puts a whole new page in place of the old one, at once.

What is about to be decided asks the current page. A run keeps the runbook that it was decided with, because what "it
helped" means must not change under it; a page that was replaced is remembered for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recoverops.decision import RuleBook
from recoverops.model import Run, digest
from recoverops.remediation import Runbook

REMEMBERED = 1000
"""Runbooks of replaced pages that are kept, oldest forgotten first. Runs last minutes, reloads are rare."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rules and runbooks that were checked against each other."""

    rules: RuleBook
    runbooks: Mapping[str, Runbook]

    @property
    def runbooks_digest(self) -> str:
        return digest("runbooks", *(self.runbooks[name].digest for name in sorted(self.runbooks)))

    @property
    def digest(self) -> str:
        """Of both together: what an assessment was made with."""
        return digest("page", self.rules.digest, self.runbooks_digest)


class Playbook:
    """Read by many threads, turned by one."""

    def __init__(self, rules: RuleBook, runbooks: Mapping[str, Runbook]) -> None:
        self._page = Page(rules, runbooks)
        self._replaced: dict[str, Runbook] = {}

    @property
    def page(self) -> Page:
        """Everything that holds now. Where several looks have to fit together, look at a `pinned` playbook."""
        return self._page

    def pinned(self) -> Playbook:
        """One that stays at the current page."""
        page = self._page  # once: it may be turned between two looks
        pinned = Playbook(page.rules, page.runbooks)
        pinned._replaced = self._replaced
        return pinned

    def turn(self, page: Page) -> None:
        """From now on this page holds."""
        known = {**self._replaced, **{book.digest: book for book in self._page.runbooks.values()}}
        self._replaced = dict(list(known.items())[-REMEMBERED:])
        self._page = page

    def runbook_of(self, run: Run) -> Runbook | None:
        """The one that the run was decided with; after a restart the one of that name, or None."""
        current = self._page.runbooks.get(run.runbook)
        if current is not None and current.digest == run.runbook_digest:
            return current
        return self._replaced.get(run.runbook_digest, current)
