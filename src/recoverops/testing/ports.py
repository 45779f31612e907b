"""Ports on loopback for servers that are started a moment later.

A port that the kernel has handed out and taken back may be handed out again before the server listens. So these lie
below those that it hands out by itself (`net.ipv4.ip_local_port_range` begins at 32768 unless somebody has changed it),
and each process begins its search elsewhere.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

HOST = "127.0.0.1"

_FIRST, _COUNT = 20_000, 12_000
_APART = 97
"""Between the beginnings of two processes whose ids are neighbours."""


class _Search:
    """A forked child searches from a place of its own, not from its parent's."""

    def __init__(self) -> None:
        self._pid = 0
        self._offsets: Iterator[int] = iter(())

    def candidate(self) -> int:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._offsets = itertools.count(self._pid * _APART)
        return _FIRST + next(self._offsets) % _COUNT


_SEARCH = _Search()


def free_port() -> int:
    """Nobody listens on it, and no call in this process has named it lately. Raises OSError when all are taken."""
    for _ in range(_COUNT):
        port = _SEARCH.candidate()
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return port
    raise OSError(f"every port from {_FIRST} to {_FIRST + _COUNT - 1} of {HOST} is taken")
