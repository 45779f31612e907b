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
from recoverops.app.door import Door
from recoverops.app.listening import without_known_trouble

_DEADLINES = Deadlines()


class Server(uvicorn.Server):
    """Without uvicorn's own signal handlers: they end the process by the signal instead of returning."""

    def __init__(
        self,
        application: ASGIApp,
        *,
        door: Door,
        on_ready: Callable[[str], None],
        deadlines: Deadlines = _DEADLINES,
    ) -> None:
        """`door` is bound already."""
        super().__init__(
            uvicorn.Config(
                application,
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
        self._door = door

    async def run_here(self) -> None:
        """Until `ask_to_exit`. Raises what `Door.listen` raises."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(without_known_trouble)
        sockets = self._door.listen()
        keeping = asyncio.create_task(self._deadlines.keep(self.server_state.connections))
        try:
            await self.serve(sockets)
        finally:
            keeping.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready(self._door.address)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_exit(self) -> None:
        self.should_exit = True
