"""Keeps DBOS off our stdout and stderr: its warnings and errors go to the logger `recoverops.workflows`, redacted.

Installed once, before the first DBOS is built, and never removed: DBOS adds a console handler of its own when it finds
none, and threads that outlive a `stop` may still have something to say.
"""

from __future__ import annotations

import logging

from recoverops.redact import redact

logger = logging.getLogger("recoverops.workflows")


class SegmentFailedError(Exception):
    """Ends a segment's workflow in ERROR after the failure was recorded; DBOS's echo of it is not logged again."""


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, SegmentFailedError):
            return
        detail = f": {type(error).__name__}: {error}" if error is not None else ""
        # The traceback stays behind: its lines may quote what an exception was given, unredacted.
        logger.log(record.levelno, "workflow.library_message", extra={"text": redact(record.getMessage() + detail)})


def quieten_dbos() -> None:
    """Idempotent."""
    dbos_logger = logging.getLogger("dbos")
    if any(isinstance(handler, _Forward) for handler in dbos_logger.handlers):
        return
    dbos_logger.handlers = [_Forward(level=logging.WARNING)]
    dbos_logger.propagate = False
