"""Bodies of bounded size: nothing beyond the limit is kept in memory, whoever sends it and however it is announced.

The intake has its own limit; `BodyLimit` stands before all other routes, which read their body before they authorise.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoverops.api.problems import problem

OTHER_BODIES = 64 * 1024
"""Bytes; the largest body of a route other than the intake is a note of 1000 characters."""


async def bounded_body(request: Request, limit: int) -> bytes | None:
    """None when it is longer than `limit` bytes. Raises ClientDisconnect."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        return None
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


class BodyLimit:
    """ASGI middleware; `own` are the paths at and below which applications look after themselves."""

    def __init__(self, app: ASGIApp, *, own: tuple[str, ...]) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._looks_after_itself(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            body = await bounded_body(Request(scope, receive), OTHER_BODIES)
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
