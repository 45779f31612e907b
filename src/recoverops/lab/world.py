"""The process that holds a demo together: `python -m recoverops.lab.world DIRECTORY API_PORT SERVICE=PORT...`.

It starts the shop under a real supervisord, the customers and RecoverOps itself, each as a process that knows nothing
of the others, and ends them all, with the directory, when its standard input closes or it gets SIGTERM. Started by
`tether`; says why it ended on standard error. `--rules=KIND,...` says what RecoverOps has rules for, `--judge-by` by
what it judges metrics; `--without-engine` leaves it out.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from recoverops.clock import SystemClock
from recoverops.lab import front, releases
from recoverops.lab.children import last_lines, running
from recoverops.lab.judging import JudgeBy
from recoverops.lab.layout import FRONT, NGINX, ON_SMALL_DISK, SECOND, Facts, Layout, kept_mark
from recoverops.lab.mounts import small_disk
from recoverops.lab.policy import write_policy
from recoverops.lab.tether import KEEP
from recoverops.model import IncidentKind, MisconfiguredError, PermanentError, RecoverOpsError, to_json
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


def hold(
    layout: Layout,
    tether: Tether,
    *,
    causes: Collection[IncidentKind] | None,
    clock: Clock,
    judge_by: JudgeBy = JudgeBy.LIMITS,
) -> None:
    """Start everything and hold it until Ended. Raises a RecoverOpsError when a part of it failed.

    `causes`: what RecoverOps has rules for; None: without RecoverOps. `judge_by`: by what it judges metrics.
    """
    if find_spec("supervisor") is None:
        raise MisconfiguredError(
            'the lab needs a real supervisord, which is not installed: pip install "recoverops[lab]"'
        )
    with ExitStack() as held:
        has_small_disk = held.enter_context(small_disk(layout.data_of(ON_SMALL_DISK)))
        _furnish(layout)
        held.enter_context(front.nothing_left(layout))
        supervisor = held.enter_context(running_supervisor(layout.supervisor, _programs(layout)))
        _wait_for_shop(layout, tether, clock=clock)
        parts = {"the traffic": (held.enter_context(running(_traffic(layout), log=layout.log("traffic"))), "traffic")}
        if causes is not None:
            write_policy(
                layout,
                supervisor_url=supervisor.url,
                causes=causes,
                has_small_disk=has_small_disk,
                judge_by=judge_by,
            )
            engine = held.enter_context(running(_engine(layout), log=layout.log("recoverops")))
            parts["RecoverOps"] = (engine, "recoverops")
        _write_facts(
            layout,
            Facts(
                supervisor_url=supervisor.url,
                supervisor_pid=supervisor.pid,
                traffic_pid=parts["the traffic"][0].pid,
                engine_pid=parts["RecoverOps"][0].pid if "RecoverOps" in parts else None,
                has_small_disk=has_small_disk,
            ),
        )
        while True:
            tether.wait()
            if tether.is_kept:
                kept_mark(layout.directory).touch()
            for name, (process, log) in parts.items():
                _check(name, process, log=layout.log(log))


def _furnish(layout: Layout) -> None:
    """Every folder that a service or RecoverOps expects, and the first release of each service."""
    for service in layout.services:
        releases.install_first(layout.home(service), _module(service))
        layout.data_of(service).mkdir(parents=True, exist_ok=True)
    logs, starts = layout.log_of(FRONT).parent, layout.ledger(FRONT).parent
    for folder in (logs, starts, layout.dumps(), layout.quarantine, layout.scratch):
        folder.mkdir()
    layout.wings.mkdir(mode=0o700)
    if layout.has_nginx:
        front.write_files(layout)


def _module(service: str) -> str:
    """What a service runs, and which releases it has."""
    return FRONT if service == SECOND else service


def _programs(layout: Layout) -> list[Program]:
    programs = [_program(layout, one) for one in layout.services]
    if layout.has_nginx:
        programs.append(Program(name=NGINX, command=front.command(layout), stdout=layout.log_of(NGINX)))
    return programs


def _program(layout: Layout, service: str) -> Program:
    """Not restarted by its supervisor: whoever brings it back is not supervisord."""
    peers = (word for peer in layout.needs_of(service) for word in ("--peer", f"{peer}={layout.ports[peer]}"))
    places = {
        "--port": layout.ports[service],
        "--home": layout.home(service),
        "--data": layout.data_of(service),
        "--ledger": layout.ledger(service),
        "--admin": layout.admin(service),
    }
    arguments = (str(word) for option in places.items() for word in option)
    return Program(
        name=service,
        command=(sys.executable, "-m", f"recoverops.lab.shop.{_module(service)}", *arguments, *peers),
        autorestart=False,
        stdout=layout.log_of(service),
    )


def _traffic(layout: Layout) -> tuple[str, ...]:
    arguments = ("--url", layout.shop_url, "--out", str(layout.requests))
    return (sys.executable, "-m", "recoverops.lab.traffic", *arguments)


def _engine(layout: Layout) -> tuple[str, ...]:
    return (sys.executable, "-m", "recoverops", "up", "--config", str(layout.config))


def _wait_for_shop(layout: Layout, tether: Tether, *, clock: Clock) -> None:
    until = clock.monotonic() + SHOP_UP_WITHIN.total_seconds()
    for service in layout.ports:
        while not _answers(f"{layout.url(service)}/health"):
            if clock.monotonic() >= until:
                raise PermanentError(
                    f"{service} at {layout.url(service)} did not answer within {SHOP_UP_WITHIN.seconds} s; its last "
                    f"lines:\n{last_lines(layout.log_of(service))}"
                )
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
    parser = argparse.ArgumentParser(prog="world", description="Holds a shop, its customers and RecoverOps.")
    parser.add_argument("place", nargs="+", help="directory, port of RecoverOps, SERVICE=PORT...")
    parser.add_argument("--rules", default="", help="kinds of incidents, separated by commas")
    parser.add_argument("--judge-by", type=JudgeBy, choices=tuple(JudgeBy), default=JudgeBy.LIMITS)
    parser.add_argument("--without-engine", action="store_true")
    given = parser.parse_args(arguments)
    layout = Layout.from_arguments(*given.place)
    causes = None if given.without_engine else [IncidentKind(kind) for kind in given.rules.split(",") if kind]
    clock = SystemClock()
    tether = Tether(sys.stdin.fileno(), clock=clock)
    failure = ""
    try:
        with suppress(Ended):
            hold(layout, tether, causes=causes, clock=clock, judge_by=given.judge_by)
    except RecoverOpsError as error:
        failure = str(error)
        print(failure, file=sys.stderr)  # noqa: T201 - the tether reads it
    if tether.is_kept or not failure:
        # otherwise whoever holds the tether still wants to read the files, and removes them
        shutil.rmtree(layout.directory, ignore_errors=True)
    return 1 if failure else 0


if __name__ == "__main__":
    raise SystemExit(main())
