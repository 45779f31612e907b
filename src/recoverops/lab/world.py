"""The process that holds a demo together: `python -m recoverops.lab.world DIRECTORY SHOP_PORT API_PORT`.

It starts the shop under a real supervisord, the customers and RecoverOps itself, each as a process that knows nothing
of the others, and ends them all, with the directory, when its standard input closes or it gets SIGTERM. Started by
`tether`; says why it ended on standard error.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from recoverops.clock import SystemClock
from recoverops.lab.children import last_lines, running
from recoverops.lab.layout import SERVICE, Facts, Layout
from recoverops.lab.policy import write_policy
from recoverops.lab.tether import KEEP
from recoverops.model import MisconfiguredError, PermanentError, RecoverOpsError, to_json
from recoverops.ports import Clock
from recoverops.testing.supervisor import Program, running_supervisor

SHOP_UP_WITHIN = timedelta(seconds=15)
KEPT_FOR = timedelta(hours=1)
"""A world that was kept and then forgotten ends itself."""
LOOK_EVERY_S = 0.2


class Ended(Exception):  # noqa: N818 - not an error: the demo is over
    """The tether was let go, or somebody asked the world to end."""


class Tether:
    """The world's end of it: `wait` returns after a moment, or raises Ended when it is time to go."""

    def __init__(self, fd: int, *, clock: Clock) -> None:
        self._fd = fd
        self._clock = clock
        self._kept_until: float | None = None
        self._is_stopped = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._stop)

    @property
    def is_kept(self) -> bool:
        return self._kept_until is not None

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        # only a flag: an exception here could strike between the start of a process and the note that it was started
        self._is_stopped = True

    def wait(self) -> None:
        if self._kept_until is None:
            self._listen()
        else:
            self._clock.sleep(LOOK_EVERY_S)
        is_over = self._kept_until is not None and self._clock.monotonic() >= self._kept_until
        if self._is_stopped or is_over:
            raise Ended

    def _listen(self) -> None:
        readable, _, _ = select.select([self._fd], [], [], LOOK_EVERY_S)
        if not readable:
            return
        if os.read(self._fd, len(KEEP)) != KEEP:
            raise Ended
        self._kept_until = self._clock.monotonic() + KEPT_FOR.total_seconds()


def hold(layout: Layout, tether: Tether, *, clock: Clock) -> None:
    """Start everything and hold it until Ended. Raises a RecoverOpsError when a part of it failed."""
    if find_spec("supervisor") is None:
        raise MisconfiguredError(
            'the lab needs a real supervisord, which is not installed: pip install "recoverops[lab]"'
        )
    with ExitStack() as held:
        supervisor = held.enter_context(running_supervisor(layout.supervisor, [_shop(layout)]))
        _wait_for_shop(layout, tether, clock=clock)
        traffic = held.enter_context(running(_traffic(layout), log=layout.log("traffic")))
        write_policy(layout, supervisor_url=supervisor.url)
        engine = held.enter_context(running(_engine(layout), log=layout.log("recoverops")))
        _write_facts(
            layout,
            Facts(
                supervisor_url=supervisor.url,
                supervisor_pid=supervisor.pid,
                engine_pid=engine.pid,
                traffic_pid=traffic.pid,
            ),
        )
        while True:
            tether.wait()
            _check("RecoverOps", engine, log=layout.log("recoverops"))
            _check("the traffic", traffic, log=layout.log("traffic"))


def _shop(layout: Layout) -> Program:
    """Not restarted by its supervisor: whoever brings it back is not supervisord."""
    arguments = ("--port", str(layout.shop_port), "--ledger", str(layout.ledger))
    return Program(
        name=SERVICE,
        command=(sys.executable, "-m", "recoverops.lab.shop", *arguments),
        autorestart=False,
    )


def _traffic(layout: Layout) -> tuple[str, ...]:
    arguments = ("--url", f"{layout.shop_url}/buy", "--out", str(layout.requests))
    return (sys.executable, "-m", "recoverops.lab.traffic", *arguments)


def _engine(layout: Layout) -> tuple[str, ...]:
    return (sys.executable, "-m", "recoverops", "up", "--config", str(layout.config))


def _wait_for_shop(layout: Layout, tether: Tether, *, clock: Clock) -> None:
    until = clock.monotonic() + SHOP_UP_WITHIN.total_seconds()
    while not _answers(f"{layout.shop_url}/health"):
        if clock.monotonic() >= until:
            raise PermanentError(f"the shop at {layout.shop_url} did not answer within {SHOP_UP_WITHIN.seconds} s")
        tether.wait()


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=1.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _check(name: str, process: subprocess.Popen[bytes], *, log: Path) -> None:
    if process.poll() is not None:
        raise PermanentError(f"{name} ended with exit code {process.returncode}; its last lines:\n{last_lines(log)}")


def _write_facts(layout: Layout, facts: Facts) -> None:
    """In one move, so that a reader finds all of it or nothing."""
    draft = layout.facts.with_suffix(".new")
    draft.write_text(to_json(facts), encoding="utf-8")
    draft.replace(layout.facts)


def main(arguments: Sequence[str] | None = None) -> int:
    directory, shop_port, api_port = sys.argv[1:] if arguments is None else arguments
    layout = Layout(directory=Path(directory), shop_port=int(shop_port), api_port=int(api_port))
    clock = SystemClock()
    tether = Tether(sys.stdin.fileno(), clock=clock)
    failure = ""
    try:
        with suppress(Ended):
            hold(layout, tether, clock=clock)
    except RecoverOpsError as error:
        failure = str(error)
        print(failure, file=sys.stderr)  # noqa: T201 - the tether reads it
    if tether.is_kept or not failure:
        # otherwise whoever holds the tether still wants to read the files, and removes them
        shutil.rmtree(layout.directory, ignore_errors=True)
    return 1 if failure else 0


if __name__ == "__main__":
    raise SystemExit(main())
