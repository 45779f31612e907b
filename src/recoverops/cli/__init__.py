"""The commands of `recoverops`. Thin: `up` starts the app, the others call operations."""

from __future__ import annotations


def run() -> None:
    from recoverops.cli.commands import application

    application()
