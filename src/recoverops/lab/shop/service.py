"""What every service of the shop does at its start and until its end; each one's own file says the rest.

Arguments: `--port N --home DIR --data DIR --ledger FILE --admin SOCKET [--peer NAME=PORT]...`. Log lines go to standard
error, where the supervisor keeps them.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from recoverops.lab.shop.habits import Habits
from recoverops.lab.shop.ledger import write_start
from recoverops.lab.shop.metrics import Metrics
from recoverops.lab.shop.release import Release, current_release
from recoverops.lab.shop.rights import give_up_rights
from recoverops.lab.shop.switches import Switches, open_door
from recoverops.lab.shop.web import Peer, Routes, Web

THREAD_STACK = 512 * 1024

log = logging.getLogger("service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service was started with."""

    port: int
    data: Path
    release: Release
    switches: Switches
    peers: Mapping[str, int]

    def peer(self, name: str, *, timeout_s: float) -> Peer:
        return Peer(name=name, port=self.peers[name], timeout_s=timeout_s)

    def serve(self, routes: Routes, *, gauges: Mapping[str, Callable[[], float]] | None = None) -> None:
        """Until SIGTERM."""
        habits = Habits(self.switches)
        metrics = Metrics(gauges or {})
        with Web(port=self.port, routes=routes, metrics=metrics, on_request=habits.on_request) as web:
            log.info("release %s listens on port %d", self.release.settings["version"], self.port)
            web.serve_forever()


def started(arguments: Sequence[str] | None = None) -> Service:
    """The first thing that a service does."""
    parser = argparse.ArgumentParser(description="A service of a small shop.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="holds `releases` and the symlink `current`")
    parser.add_argument("--data", type=Path, required=True, help="its own data folder")
    parser.add_argument("--ledger", type=Path, required=True, help="one line is appended here at each start")
    parser.add_argument("--admin", type=Path, required=True, help="unix socket to make")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PORT")
    given = parser.parse_args(arguments)
    _log()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    threading.stack_size(THREAD_STACK)
    give_up_rights()
    write_start(given.ledger, pid=os.getpid(), at=datetime.now(UTC))
    switches = Switches()
    open_door(given.admin, switches)
    return Service(
        port=given.port,
        data=given.data,
        release=current_release(given.home),
        switches=switches,
        peers={name: int(port) for name, _, port in (peer.partition("=") for peer in given.peer)},
    )


def _log() -> None:
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )


def _stop(_signal: int, _frame: FrameType | None) -> None:
    log.info("asked to stop")
    raise SystemExit(0)
