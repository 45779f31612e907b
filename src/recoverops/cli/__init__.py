"""The commands of `recoverops`. Thin: `up` starts the app, the others call operations."""

from __future__ import annotations


def run() -> None:
    from recoverops.app.collector import without_collector

    with without_collector():
        from recoverops.cli.commands import application

    application()
