"""How many files this process may have open, and how many of them the HTTP door may use for connections.

Called by `app/http_server.py` before anything listens. The store, the sources and the actions open files too: whoever
fills the door must not take theirs.
"""

from __future__ import annotations

import resource

WANTED_FILES = 8192
MOST_CONNECTIONS = 1024
"""More than any sender holds open, and few enough that what all of them have sent by halves fits into memory."""


def with_more_files() -> int:
    """The soft limit of open files, after it was raised towards `WANTED_FILES` as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return WANTED_FILES if soft == resource.RLIM_INFINITY else soft


def most_connections(files: int) -> int:
    """Of `files` that may be open, half at most."""
    return max(1, min(MOST_CONNECTIONS, files // 2))
