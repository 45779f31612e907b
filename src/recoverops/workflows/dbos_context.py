"""The `ports.WorkflowContext` of a segment that runs on DBOS. `on_dbos` makes one for each run.

Every door checks first whether the engine stops; then the segment is unwound and stays pending, so a stop costs at
most the step that is running.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from dbos import DBOS, SQLAlchemyDatasource

from recoverops.model import PermanentError, RecoverOpsError
from recoverops.ports import Clock, Tx
from recoverops.workflows.checkpoint import (
    UniqueNames,
    checked_sleep,
    error_from,
    failure_of,
    from_plain,
    to_plain,
)
from recoverops.workflows.connections import Patience

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every segment of one engine works with."""

    datasource: SQLAlchemyDatasource
    tx_of: Callable[[sa.Connection], Tx]
    clock: Clock
    patience: Patience


class DbosContext:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._names = UniqueNames()

    def step(self, name: str, fn: Callable[[], T], *, returns: Any) -> T:
        def answer() -> Any:
            # Failures are brought into their remembered form here, so that they look the same now and after a crash.
            try:
                value = fn()
            except Exception as error:
                raise error_from(failure_of(error)) from error
            return to_plain(name, value, returns=returns)

        self._names.claim(name)
        plain = self._asked(lambda: DBOS.run_step({"name": name}, answer))
        return cast(T, from_plain(name, plain, returns=returns))

    def tx(self, name: str, fn: Callable[[Tx], T], *, returns: Any) -> T:
        """DBOS runs it again, with waits up to 2 s, while the store is locked or away; a stop ends that."""
        datasource = self._means.datasource

        def answer() -> Any:
            # Database errors pass unchanged: DBOS looks at them to tell a lock from a fault.
            tx = self._means.tx_of(datasource.sql_session().connection())
            # The name travels with the answer, since the datasource's row knows its step by position only.
            return [name, to_plain(name, fn(tx), returns=returns)]

        self._names.claim(name)
        remembered, plain = self._asked(lambda: datasource.run_tx_step({"name": name}, answer))
        if remembered != name:
            raise PermanentError(
                f'the segment asks for transaction "{name}" where it did "{remembered}" before the crash; '
                "it was started by a release that took other steps"
            )
        return cast(T, from_plain(name, plain, returns=returns))

    def sleep(self, duration: timedelta) -> None:
        """`DBOS.sleep` blocks in `time.sleep`, and the interpreter waits for its threads."""
        self._means.patience.halt_if_stopping()
        if checked_sleep(duration) > timedelta(0):
            self._means.patience.wait(duration.total_seconds())

    def now(self, name: str) -> datetime:
        return self.step(name, self._means.clock.now, returns=datetime)

    def _asked(self, call: Callable[[], Any]) -> Any:
        patience = self._means.patience
        patience.halt_if_stopping()
        try:
            return call()
        except RecoverOpsError:
            raise
        except Exception as error:
            # After a stop DBOS is gone under our feet; what it says then is not the work's failure.
            patience.halt_if_stopping()
            raise error_from(failure_of(error)) from error
