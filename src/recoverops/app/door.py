"""The address of the HTTP door: bound before anything of the engine acts, listened on when it can be asked.

Made by `app/serve.py`, once. Between the two a client is refused, as before the start, and does not wait.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from recoverops.app.listening import Connections, Listener, bound
from recoverops.app.open_files import most_connections, with_more_files
from recoverops.model import MisconfiguredError, RecoverOpsError, UnreachableError


class Door:
    def __init__(self, host: str, port: int, *, now: Callable[[], float], most: int | None = None) -> None:
        """`most` connections at once; None is as many as the limit of open files allows. `now` in s, never set back."""
        self._host = host
        self._port = port
        self._now = now
        self._most = most
        self._sockets: list[Listener] = []

    @property
    def address(self) -> str:
        return f"http://{self._host}:{self._port}"

    def bind(self) -> None:
        """Raises UnreachableError for what passes by itself, MisconfiguredError for what a person has to correct."""
        most = self._most or most_connections(with_more_files())
        try:
            self._sockets = bound(self._host, self._port, Connections(most=most, now=self._now))
        except (OSError, UnicodeError) as error:
            raise why_not_bound(self._host, self._port, error) from error

    def listen(self) -> list[socket.socket]:
        """Raises what `bind` raises: until here another process may take the address."""
        try:
            for one in self._sockets:
                one.listen()
        except OSError as error:
            raise why_not_bound(self._host, self._port, error) from error
        return list(self._sockets)

    def close(self) -> None:
        for one in self._sockets:
            one.close()


def why_not_bound(host: str, port: int, error: OSError | UnicodeError) -> RecoverOpsError:
    """An address that is not there yet, or not free yet, is tried again by whoever starts the engine."""
    if isinstance(error, UnicodeError):
        return MisconfiguredError(f'api.host: "{host}" can be no name of a host ({error}); correct api.host')
    told = error.strerror or str(error)
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f'api.host: "{host}" has no address ({told}); correct api.host if it is misspelt, else it is the turn of '
            "whoever resolves names, and the start is worth another try"
        )
    if error.errno == errno.EADDRINUSE:
        return UnreachableError(
            f"api.port: {host}:{port} is in use by another process ({told}); end that one, or choose another api.port"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return UnreachableError(
            f"api.host: {host} is no address of this machine now ({told}); correct api.host, or bring the address up"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return MisconfiguredError(
            f"api.port: this user may not listen on {host}:{port} ({told}); choose an api.port of 1024 or more"
        )
    return MisconfiguredError(f"api.host: {host}:{port} cannot be listened on ({told}); correct api.host and api.port")
