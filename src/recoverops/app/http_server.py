"""uvicorn as RecoverOps uses it: bounded in connections and in the time that a request may take to arrive.

Made by `app/serve.py`, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from recoverops.app.deadlines import DatedProtocol, Deadlines
from recoverops.app.listening import Connections, listeners, without_known_trouble
from recoverops.app.open_files import most_connections, with_more_files
from recoverops.model import MisconfiguredError

_DEADLINES = Deadlines()


class Server(uvicorn.Server):
    """Without uvicorn's own signal handlers: they end the process by the signal instead of returning."""

    def __init__(
        self,
        application: ASGIApp,
        *,
        host: str,
        port: int,
        on_ready: Callable[[str], None],
        deadlines: Deadlines = _DEADLINES,
        most: int | None = None,
    ) -> None:
        """`most` connections at once; None is as many as the limit of open files allows."""
        super().__init__(
            uvicorn.Config(
                application,
                host=host,
                port=port,
                http=DatedProtocol,
                ws="none",
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._on_ready = on_ready
        self._deadlines = deadlines
        self._most = most

    async def run_here(self) -> None:
        """Until `ask_to_exit`. Raises MisconfiguredError when the port is taken."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(without_known_trouble)
        most = self._most or most_connections(with_more_files())
        host, port = self.config.host, self.config.port
        try:
            sockets = listeners(host, port, Connections(most=most, now=loop.time))
        except OSError as error:
            raise MisconfiguredError(
                f"api.port: {host}:{port} cannot be listened on ({error.strerror}); is it in use? "
                "Choose another api.port"
            ) from error
        keeping = asyncio.create_task(self._deadlines.keep(self.server_state.connections))
        try:
            await self.serve(sockets)
        finally:
            keeping.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready(f"http://{self.config.host}:{self.config.port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_exit(self) -> None:
        self.should_exit = True
