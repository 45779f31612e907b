"""The `server` lines of nginx's `upstream` blocks, and the word `down` on them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from recoverops.model import PermanentError

ADDRESS = "nginx"

_BLOCK = re.compile(r"\bupstream\s+(?P<name>[^\s{;]+)\s*\{(?P<body>[^{}]*)\}")
_SERVER = re.compile(r"(?P<head>(?:^|(?<=[;{\s]))server\s+)(?P<address>[^\s;]+)(?P<options>[^;{}]*);")
_COMMENT = re.compile(r"#[^\n]*")
_DOWN = re.compile(r"\s+down(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Server:
    upstream: str
    address: str
    start: int
    """Where its options begin in the file."""
    options: str

    @property
    def is_down(self) -> bool:
        return _DOWN.search(self.options) is not None

    @property
    def is_backup(self) -> bool:
        return "backup" in self.options.split()


def servers(text: str) -> Iterator[Server]:
    """Every server of every upstream block; what stands in a comment is not seen."""
    visible = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    for block in _BLOCK.finditer(visible):
        for server in _SERVER.finditer(block["body"]):
            start = block.start("body") + server.start("options")
            yield Server(block["name"], server["address"], start, server["options"])


def shifted(text: str, backend: str, *, away: bool, file: str) -> str:
    """The file with the backend marked as down, or not. Raises `PermanentError` when that is not possible."""
    known = list(servers(text))
    mine = [server for server in known if server.address == backend]
    if not mine:
        addresses = ", ".join(sorted({server.address for server in known})) or "none"
        raise PermanentError(f"{file} has no server {backend} in an upstream; it has: {addresses}")
    changing = [server for server in mine if server.is_down != away]
    if not changing:
        raise PermanentError(f"nothing to shift: {backend} is {'down' if away else 'up'} in {file} already")
    if away:
        _check_others(changing, known, backend, file)
    for server in sorted(changing, key=lambda one: one.start, reverse=True):
        end = server.start + len(server.options)
        options = text[server.start : end]
        new = f"{options.rstrip()} down" if away else _DOWN.sub("", options, count=1)
        text = text[: server.start] + new + text[end:]
    return text


def _check_others(changing: list[Server], known: list[Server], backend: str, file: str) -> None:
    for server in changing:
        others = [
            one
            for one in known
            if one.upstream == server.upstream and one.address != backend and not one.is_down and not one.is_backup
        ]
        if not others:
            raise PermanentError(
                f"{backend} is the last server of upstream {server.upstream} in {file} that is up; nothing could "
                f"take its load"
            )
