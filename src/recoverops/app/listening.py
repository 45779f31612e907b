"""Sockets that listen for the HTTP door and never have more than so many connections open.

Called by `app/door.py`. A connection beyond that is closed as soon as it is accepted: one that is left waiting
would keep the event loop awake. The loop accepts many in one go, so they are counted here, not where they are served.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

TOLD_EVERY_S = 60.0
REFUSED_IN_ONE_GO = 64
"""Then the event loop has a turn for the connections that it serves."""
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LOG = logging.getLogger("recoverops.serve")


class OutOfFilesError(OSError):
    """No file is left for a connection; the event loop tries again in a second. It is in the log already."""


class Connections:
    """Those that are open over all listening sockets, and what is said about the others: a line a minute at most."""

    def __init__(self, *, most: int, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._open: WeakSet[socket.socket] = WeakSet()
        self._told: float | None = None
        self._refused = 0

    @property
    def has_room(self) -> bool:
        return len(self._open) < self._most

    def add(self, one: socket.socket) -> None:
        self._open.add(one)

    def discard(self, one: socket.socket) -> None:
        self._open.discard(one)

    def refused(self, because: str) -> None:
        self._refused += 1
        now = self._now()
        if self._told is not None and now - self._told < TOLD_EVERY_S:
            return
        _LOG.warning(
            "connections_refused",
            extra={"refused": self._refused, "open": len(self._open), "most": self._most, "because": because},
        )
        self._told, self._refused = now, 0


class _Connection(socket.socket):
    """Counts until it is closed."""

    connections: Connections

    def close(self) -> None:
        super().close()
        self.connections.discard(self)


class Listener(socket.socket):
    def __init__(self, family: int, connections: Connections) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._connections = connections
        self._has_rested = True

    def accept(self) -> tuple[socket.socket, Any]:
        """The next one that there is room for; those that there is none for are closed.

        Raises BlockingIOError when nobody waits or many were closed, OutOfFilesError when no file is left.
        """
        for _ in range(REFUSED_IN_ONE_GO):
            accepted, address = self._accepted()
            if not self._connections.has_room:
                accepted.close()
                self._connections.refused("as many are open as may be; LimitNOFILE= of the service raises that")
                continue
            connection = _Connection(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
            connection.connections = self._connections
            self._connections.add(connection)
            return connection, address
        raise BlockingIOError  # the event loop asks again in its next turn, as the socket is still readable

    def _accepted(self) -> tuple[socket.socket, Any]:
        if not self._has_rested:  # the event loop asks on, although it means to wait for a second
            self._has_rested = True
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _OUT_OF_FILES:
                raise
            self._has_rested = False
            self._connections.refused(
                f"{error.strerror}; LimitNOFILE= of the service raises what this process may open"
            )
            raise OutOfFilesError(error.errno, error.strerror) from error


def bound(host: str, port: int, connections: Connections) -> list[Listener]:
    """One for each address of `host` whose family this machine has. Nobody listens on them yet.

    Raises OSError when one of them cannot be taken, or none is left, and UnicodeError for what can be no name.
    """
    made: list[Listener] = []
    lacking: OSError | None = None
    try:
        for family, address in addresses_of(host, port):
            try:
                listener = Listener(family, connections)
            except OSError as error:  # as with ipv6.disable=1, where names still have addresses of that family
                lacking = error
                continue
            made.append(listener)
            _bind(listener, address)
    except OSError:
        for one in made:
            one.close()
        raise
    if lacking and not made:
        raise lacking
    return made


def addresses_of(host: str, port: int) -> tuple[tuple[int, Any], ...]:
    """Family and address, each once. Raises OSError (socket.gaierror) and UnicodeError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return tuple(dict.fromkeys((one[0], one[4]) for one in found))


def _bind(listener: Listener, address: Any) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)


def without_known_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's own handler of errors, without a traceback for each connection that no file was left for."""
    if not isinstance(context.get("exception"), OutOfFilesError):
        loop.default_exception_handler(context)
