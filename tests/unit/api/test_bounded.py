"""Bodies that come by halves share a room; small ones need none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from recoverops.api.bounded import OTHER_BODIES, BodyRoom, bounded_body
from recoverops.model import OverloadedError

LIMIT = 10 * OTHER_BODIES


def request(*parts: bytes, then: Callable[[], Awaitable[None]] | None = None) -> Request:
    """Its body comes in these parts, and `then` runs before the last one."""
    left = list(parts)

    async def receive() -> Message:
        if then and len(left) == 1:
            await then()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request({"type": "http", "headers": []}, receive)


def test_what_half_sent_bodies_hold_is_bounded_and_small_ones_pass() -> None:
    room = BodyRoom(2 * OTHER_BODIES)
    refused, passed = [], []

    async def meanwhile() -> None:
        with pytest.raises(OverloadedError, match="in a moment"):
            await bounded_body(request(b"x" * 4 * OTHER_BODIES), LIMIT, room)
        refused.append(True)
        passed.append(await bounded_body(request(b"small"), LIMIT, room))

    first = asyncio.run(bounded_body(request(b"x" * 3 * OTHER_BODIES, b"end", then=meanwhile), LIMIT, room))
    assert first is not None
    assert first.endswith(b"end")
    assert refused == [True]
    assert passed == [b"small"]


def test_the_room_is_free_again_after_each_body_whatever_became_of_it() -> None:
    room = BodyRoom(2 * OTHER_BODIES)
    for size in (3, 20, 3):
        body = asyncio.run(bounded_body(request(b"x" * size * OTHER_BODIES, b""), LIMIT, room))
        assert (body is None) == (size == 20)
