"""Runs the HTTP door and the engine in one process until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from types import FrameType

from recoverops.api.application import make_application
from recoverops.api.doors import Doors
from recoverops.app.collector import without_collector
from recoverops.app.door import Door
from recoverops.app.engine import RecoverOps
from recoverops.app.http_server import Server
from recoverops.app.release import release
from recoverops.decision import DecisionSettings
from recoverops.operations import Ceilings

LAG_EVERY_S, LAG_KEPT = 0.1, 100
SWITCH_EVERY_S = 0.0005
"""How long a thread may keep the interpreter. With Python's own 5 ms a few busy threads hold up the loop."""
_LOG = logging.getLogger("recoverops.serve")


def serve(engine: RecoverOps, *, on_ready: Callable[[str], None]) -> None:
    """Starts everything, calls `on_ready` with the address, and returns after SIGTERM or SIGINT. SIGHUP reloads.

    Raises what `RecoverOps.start` and `Door.bind` raise, and ConflictError when another process has taken its place.
    """
    signal.signal(signal.SIGHUP, _too_early)
    sys.setswitchinterval(SWITCH_EVERY_S)
    settings = engine.settings.api
    with closing(Door(settings.host, settings.port, now=engine.clock.monotonic)) as door:
        with without_collector():
            engine.start(once_alone=door.bind)
        try:
            asyncio.run(_serve(engine, door, on_ready))
            engine.raise_if_lost()
        finally:
            engine.close()


def _too_early(_number: int, _frame: FrameType | None) -> None:
    """A reload asked for while it starts: what is on disk is being read anyway, so it must not end the process."""


async def _serve(engine: RecoverOps, door: Door, on_ready: Callable[[str], None]) -> None:
    lag = LoopLag()
    doors = doors_of(engine, lag)
    engine.metrics.read_from(engine.readings)
    engine.metrics.read_from(lambda: [("recoverops_loop_lag_seconds", {}, lag.largest)])

    def ready(address: str) -> None:
        on_ready(address)
        engine.load_late()

    server = Server(make_application(doors), door=door, on_ready=ready)
    engine.on_lost = server.ask_to_exit
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.ask_to_exit)
    hangups = Hangups(lambda: reload(engine))
    loop.add_signal_handler(signal.SIGHUP, hangups.ask)
    working = (asyncio.create_task(lag.measure()), asyncio.create_task(hangups.obey()))
    try:
        await server.run_here()
    finally:
        for task in working:
            task.cancel()


def reload(engine: RecoverOps) -> None:
    """Rules and runbooks, and every secret anew."""
    engine.loaded.vault.renew()
    engine.keys.reload(engine.store)
    engine.reload()


class Hangups:
    """Each SIGHUP reloads; those that come while a reload runs are one more."""

    def __init__(self, reload: Callable[[], object]) -> None:
        self._reload = reload
        self._asked = asyncio.Event()

    def ask(self) -> None:
        self._asked.set()

    async def obey(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await asyncio.to_thread(self._reload)
            except Exception:  # noqa: BLE001 - a worker's supervisor: recorded, and the next one is obeyed
                _LOG.exception("reload_failed")


class LoopLag:
    """How late the loop runs what it should run now; the largest of the last ten seconds."""

    def __init__(self) -> None:
        self._late = [0.0] * LAG_KEPT
        self._next = 0

    @property
    def largest(self) -> float:
        return max(self._late)

    async def measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            planned = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._late[self._next % LAG_KEPT] = max(0.0, loop.time() - planned)
            self._next += 1


def doors_of(engine: RecoverOps, lag: LoopLag | None = None) -> Doors:
    return Doors(
        settings=engine.settings.api,
        keyring=engine.keys.keyring,
        store=engine.store,
        clock=engine.clock,
        stop=engine.stop,
        push_sources=engine.loaded.push_sources,
        metrics=engine.metrics,
        components=engine.components,
        is_ready=engine.is_ready,
        debug=lambda: engine.debug(loop_lag_s=lag.largest if lag else None),
        nudge=engine.nudge,
        admitted=engine.alerts_stored,
        anomaly=engine.anomaly,
        submit_metrics=engine.submit_metrics,
        inventory=engine.settings.inventory,
        runbooks=engine.runbooks,
        evaluate=engine.evaluate,
        start=engine.start_response,
        stop_channels=engine.settings.stop_channels,
        channels_of=engine.settings.channels_of,
        ceilings=_ceilings(engine.settings.decision),
        act_within=engine.settings.decision.act_within,
        max_body_bytes=engine.settings.intake.max_body_bytes,
        version=release(),
    )


def _ceilings(settings: DecisionSettings) -> Ceilings:
    return Ceilings(
        per_hour=settings.max_actions_per_hour, per_day=settings.max_actions_per_day, cooldown=settings.cooldown
    )
