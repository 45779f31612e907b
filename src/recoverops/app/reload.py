"""SIGHUP: read rules and runbooks again, and turn to them when all of them are right; else keep the old ones.

Nothing else is reloaded. Everything is checked before anything changes, the names of actions included; the audit log
has the turn before it holds. Runs that have begun keep the runbook that they were decided with (`pipeline.playbook`).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from recoverops.app.books import Books, read_books
from recoverops.app.crosscheck import check_names
from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.model import ComponentState, ComponentStatus, RecoverOpsError
from recoverops.pipeline import ENGINE, Page, Playbook
from recoverops.ports import Clock, Store
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.reload")


class Reloader:
    """One reload at a time; `status` says what holds, and why a reload was refused."""

    def __init__(self, settings: Settings, loaded: Loaded, playbook: Playbook, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._loaded = loaded
        self._playbook = playbook
        self._store = store
        self._clock = clock
        self._turning = threading.Lock()
        self._status = self._told(ComponentState.UP, _in_words(playbook.page))

    @property
    def status(self) -> ComponentStatus:
        return self._status

    def reload(self) -> bool:
        """Whether the files as they are now hold from here on. Raises nothing that is a matter of the files."""
        with self._turning:
            try:
                page = self._read()
                self._audit(page)
            except RecoverOpsError as error:
                self._keep(error)
                return False
            self._playbook.turn(page)
            self._status = self._told(ComponentState.UP, f"{_in_words(page)}, reloaded")
            _LOG.info("rules_reloaded", extra={"rules": page.rules.digest, "runbooks": page.runbooks_digest})
            return True

    def _read(self) -> Page:
        books = read_books(self._settings.rules_path, self._settings.runbooks_path)
        check_names(_with(self._settings, books), self._loaded)
        return Page(books.rules, books.runbooks)

    def _audit(self, page: Page) -> None:
        old, now = self._playbook.page, self._clock.now()
        detail = {
            "rules_before": old.rules.digest,
            "rules": page.rules.digest,
            "runbooks_before": old.runbooks_digest,
            "runbooks": page.runbooks_digest,
        }
        self._store.write(
            lambda tx: tx.audit.append(at=now, actor=ENGINE, event="rules.reloaded", subject=ENGINE, detail=detail)
        )

    def _keep(self, error: RecoverOpsError) -> None:
        why = redact("; ".join(str(error).splitlines()))
        _LOG.error("rules_kept", extra={"because": why})
        self._status = self._told(ComponentState.DEGRADED, f"kept the old ones, because {why}")

    def _told(self, state: ComponentState, statement: str) -> ComponentStatus:
        return ComponentStatus(name="rules", state=state, statement=statement, since=self._clock.now())


def _with(settings: Settings, books: Books) -> Settings:
    return replace(
        settings,
        rules=books.rules,
        runbooks=books.runbooks,
        runbook_actions=books.runbook_actions,
        rule_places=books.rule_places,
    )


def _in_words(page: Page) -> str:
    return f"{len(page.rules.rules)} rules and {len(page.runbooks)} runbooks hold"
