"""Bodies of bounded size: nothing beyond the limit is kept in memory, whoever sends it and however it is announced.

The intake has its own limit; `BodyLimit` stands before all other routes, which read their body before they authorise.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoverops.api.problems import problem
from recoverops.model import OverloadedError

OTHER_BODIES = 64 * 1024
"""Bytes; the largest body of a route other than the intake is a note of 1000 characters."""

ALL_BODIES = 64 * 1024 * 1024
"""Bytes of all bodies that are being read, the first `OTHER_BODIES` of each left out: small ones always pass."""


class BodyRoom:
    """What is left for bodies of which a part is here and the rest is not. One for all routes, on the event loop."""

    def __init__(self, most: int = ALL_BODIES) -> None:
        self._most = most
        self._held = 0

    def hold(self, size: int, *, own: int) -> None:
        """For a body that holds `own` bytes. Raises OverloadedError when others leave no room for `size` more."""
        if self._held > own and self._held + size > self._most:
            raise OverloadedError(
                f"the bodies that are being read have {self._held} of {self._most} bytes; send it again in a moment"
            )
        self._held += size

    def give_back(self, size: int) -> None:
        self._held -= size


async def bounded_body(request: Request, limit: int, room: BodyRoom) -> bytes | None:
    """None when it is longer than `limit` bytes. Raises ClientDisconnect, OverloadedError."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        return None
    chunks, size, held = [], 0, 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                return None
            more = size - OTHER_BODIES - held
            if more > 0:
                room.hold(more, own=held)
                held += more
            chunks.append(chunk)
    finally:
        room.give_back(held)
    return b"".join(chunks)


class BodyLimit:
    """ASGI middleware; `own` are the paths at and below which applications look after themselves."""

    def __init__(self, app: ASGIApp, *, own: tuple[str, ...], room: BodyRoom) -> None:
        self._app = app
        self._room = room
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._looks_after_itself(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            body = await bounded_body(Request(scope, receive), OTHER_BODIES, self._room)
        except ClientDisconnect:
            return
        if body is None:
            await problem(413, "Too large", f"a body may have {OTHER_BODIES} bytes here")(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _looks_after_itself(self, path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") for one in self._own)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
