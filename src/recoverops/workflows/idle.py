"""What an idle DBOS costs, and how it is kept low. The only file that touches DBOS's private knobs.

Measured on SQLite with `resource.getrusage(RUSAGE_SELF)` over 10 s of an engine with nothing to do, 12 s after launch,
on a 2-core machine with load 0.1: 0.77 % of a core with DBOS's own intervals (three threads query once a second), and
0.23 % where only the list of queues is read once a second, as with these. New schedules, which we do not use, would be
looked for once a second in the first minute; on SQLite timeouts and delays are looked for once a minute.
`tests/conformance/test_workflows_on_dbos.py` holds it below 0.5 % of a core.

No behaviour hangs on the knobs: should a later DBOS not have one, it merely costs more.
"""

from __future__ import annotations

from dbos import DBOS, _scheduler, _workflow_commands

_POLL_WHILE_RESUMING_S = 0.1
_POLL_S = 30.0
"""Only resumed segments pass through DBOS's internal queue, and only after a launch."""
_BACKGROUND_JOBS_S, _BACKGROUND_JOBS_ON_SQLITE_S = 4.0, 60.0
"""They serve timeouts and delays, which we do not use. On PostgreSQL a job holds its lock until the next round, and
the server ends a session that holds it idle for 5 s, so this must stay below."""


def before_launch(dbos: DBOS, *, is_sqlite: bool) -> None:
    if hasattr(_workflow_commands, "_BACKGROUND_JOBS_INTERVAL_SEC"):
        interval_s = _BACKGROUND_JOBS_ON_SQLITE_S if is_sqlite else _BACKGROUND_JOBS_S
        _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = interval_s
    if hasattr(_scheduler, "_STARTUP_FAST_POLL_DURATION_SEC"):
        _scheduler._STARTUP_FAST_POLL_DURATION_SEC = 0.0
    _poll_internal_queue(dbos, _POLL_WHILE_RESUMING_S)


def nothing_to_resume(dbos: DBOS) -> None:
    _poll_internal_queue(dbos, _POLL_S)


def _poll_internal_queue(dbos: DBOS, interval_s: float) -> None:
    # The queue's thread reads this attribute before each wait.
    queue = dbos._registry.get_internal_queue()
    if hasattr(queue, "_polling_interval_sec"):
        queue._polling_interval_sec = interval_s
