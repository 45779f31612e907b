"""How our sessions on PostgreSQL are set up, so that neither side waits for a host that has vanished.

Used by `make_engines` only. Both sides ask the other one for a sign of life, and give the connection up after half a
minute. A session that writes may not keep the turn to write while it does nothing, nor wait for that turn without end.
What the operator chose is kept: a parameter in the URL, a setting in its `options`, and one of the role or database.

The server's settings are set by a statement once the session is there: a pooler that keeps sessions refuses `options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

_CLIENT = {
    "connect_timeout": 10,
    "application_name": "recoverops",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Parameters of libpq, in seconds, the last one in milliseconds. A Unix socket has no use for them, and no harm."""
_SERVER = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
IDLE_AT_MOST_S = 60
"""A transaction that writes takes milliseconds; one that does nothing for so long has lost its process, or its host is
suspended. Reading ones are left alone: they lock nothing."""
_CHOSEN = ("client", "user", "database", "database user")
"""Where a setting comes from that was meant for us; what holds for the whole server was not."""
_SET = """
SELECT set_config(known.name, ours.value, false)
FROM pg_settings AS known JOIN unnest(%s::text[], %s::text[]) AS ours (name, value) ON known.name = ours.name
WHERE known.source <> ALL (%s::text[])
"""
"""A server that is too old for a setting does not know its name."""


def parameters(url: sa.URL) -> dict[str, Any]:
    """What libpq is told; what the URL says goes before."""
    return {name: value for name, value in _CLIENT.items() if name not in url.query}


def set_up_reading(engine: sa.Engine) -> None:
    _set_up(engine, _SERVER)


def set_up_writing(engine: sa.Engine, *, turn_timeout_s: float) -> None:
    """`turn_timeout_s`: the longest wait for the turn to write."""
    bounds = {
        "idle_in_transaction_session_timeout": f"{IDLE_AT_MOST_S}s",
        "lock_timeout": f"{max(1, int(turn_timeout_s * 1000))}ms",
    }
    _set_up(engine, {**_SERVER, **bounds})


def wait_without_end(connection: sa.Connection) -> None:
    """In this transaction: an upgrade of the schema takes as long as it takes."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _set_up(engine: sa.Engine, settings: Mapping[str, str]) -> None:
    def settle(session: Any, _entry: object) -> None:
        session.execute(_SET, (list(settings), list(settings.values()), list(_CHOSEN)))
        session.commit()

    event.listen(engine, "connect", settle)
