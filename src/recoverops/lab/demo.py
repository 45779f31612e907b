"""One demo from end to end: healthy traffic, then fault after fault on real services, and everything is measured.

Called by `command`. It never helps a service that RecoverOps is about to heal and never tells RecoverOps anything; only
what is healed already may be repaired, and its remedy asked back, by `scenario`. What a fault left behind is put back
only when its scenario is over. When its time is over it gives up and reports what it saw.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from recoverops.clock import SystemClock
from recoverops.lab import figures
from recoverops.lab.events import Finished, Phase, PolicyShown, ScenarioEnded
from recoverops.lab.faults import Fault, Needs
from recoverops.lab.figures import DemoResult, Kept, LeftOut, Scenario, Traffic, Window
from recoverops.lab.judging import JudgeBy
from recoverops.lab.policy import Deviation, deviations
from recoverops.lab.scenario import Walk
from recoverops.lab.scenarios import causes_of, chosen
from recoverops.lab.scene import Scene
from recoverops.lab.tether import World, tethered_world
from recoverops.lab.timing import WELL_FOR, Timing
from recoverops.lab.watch import GaveUpError, Report, Watch
from recoverops.model import PermanentError
from recoverops.ports import Clock


def run_demo(
    *,
    keep: bool,
    report: Report,
    only: Collection[str] = (),
    timing: Timing | None = None,
    judge_by: JudgeBy = JudgeBy.LIMITS,
) -> DemoResult:
    """Everything that it started is ended before it returns or raises, unless `keep` and it came to an end.

    `only` names the faults; without a name all of `scenarios.SCENARIOS`. Raises MisconfiguredError for a name that is
    none, PermanentError when the lab could not even be started; a service that was not healed is a result.
    """
    faults = chosen(only)
    clock = SystemClock()
    with tethered_world(causes=causes_of(faults), judge_by=judge_by) as world:
        demo = _Demo(world, faults, report=report, timing=timing or Timing(), clock=clock, judge_by=judge_by)
        try:
            result = demo.run(keep=keep)
        finally:
            demo.close()
        report(Finished(result=result))
    return result


class _Demo:
    """The walk through one demo, and what has been measured so far."""

    def __init__(
        self,
        world: World,
        faults: Collection[Fault],
        *,
        report: Report,
        timing: Timing,
        clock: Clock,
        judge_by: JudgeBy,
    ) -> None:
        self._world = world
        self._faults = faults
        self._timing = timing
        self._clock = clock
        self._judge_by = judge_by
        self._watch = Watch(world, report=report, clock=clock)
        self._policy: tuple[Deviation, ...] = ()
        self._scene: Scene | None = None
        self._scenarios: list[Scenario] = []
        self._windows: list[Window] = []
        self._left_out: list[LeftOut] = []

    def close(self) -> None:
        self._watch.close()
        if self._scene is not None:
            self._scene.close()

    def run(self, *, keep: bool) -> DemoResult:
        try:
            scene = self._start()
            for fault in self._faults:
                self._show(fault, scene)
            self._stay_healthy(self._timing.healthy_between)
            failure = ""
        except (GaveUpError, PermanentError) as error:
            failure = str(error)
            self._watch.quote_log(failure)
        statement = self._statement(failure)
        self._watch.begin(Phase.OVER, statement.partition("\n")[0])
        return self._result(statement, kept=self._keep() if keep else None)

    def _start(self) -> Scene:
        door = "behind nginx" if self._world.layout.has_nginx else "without nginx, which is not installed"
        self._watch.begin(
            Phase.STARTING,
            f"starting the shop under supervisord (autorestart=false), {door}, its customers and RecoverOps",
        )
        until = self._clock.monotonic() + self._timing.become_healthy_within.total_seconds()
        while not self._watch.is_ready():
            self._watch.look(until=until, missing="gave up: RecoverOps was not ready in time")
        facts = self._world.facts()
        assert facts is not None
        self._policy = deviations(
            causes_of(self._faults),
            has_small_disk=facts.has_small_disk,
            has_nginx=self._world.layout.has_nginx,
            judge_by=self._judge_by,
        )
        self._watch.report(PolicyShown(deviations=self._policy))
        self._scene = Scene(self._world.layout, facts, clock=self._clock)
        return self._scene

    def _show(self, fault: Fault, scene: Scene) -> None:
        if (why := lacking(fault, scene)) is not None:
            self._left_out.append(LeftOut(fault=fault.name, why=why))
            return
        is_first = not self._scenarios
        self._stay_healthy(self._timing.healthy_for if is_first else self._timing.healthy_between)
        walk = Walk(fault, scene, self._watch, give_up_after=self._timing.give_up_after, quiet=self._timing.quiet)
        scenario, window = walk.run()
        self._scenarios.append(scenario)
        self._windows.append(window)
        self._watch.report(ScenarioEnded(scenario=scenario))
        walk.restore()

    def _stay_healthy(self, duration: timedelta) -> None:
        """Of a long stretch only the last minute has to be without any failed request: the machine may be busy."""
        seconds, well_for = duration.total_seconds(), min(duration, WELL_FOR)
        self._watch.begin(Phase.HEALTHY, f"all is well for {seconds:g} s, and nothing must happen")
        since, over_at = self._clock.now() + duration - well_for, self._clock.monotonic() + seconds
        until = over_at + self._timing.become_healthy_within.total_seconds()
        while (
            self._clock.monotonic() < over_at
            or self._watch.served_for(since) < well_for
            or self._watch.has_open_incident()
        ):
            self._watch.look(
                until=until, missing="gave up: the shop was not healthy, or RecoverOps saw trouble where there was none"
            )
            self._watch.ask()

    def _statement(self, failure: str) -> str:
        """How it ended, in one sentence; the first thing that went wrong stands in front."""
        false = figures.false_actions(self._watch.views, self._windows)
        if false:
            wrong = ", ".join(f"{one.plan.action} on {one.plan.target.name}" for one in false)
            return f"{len(false)} false actions: {wrong}"
        unhealed = [f"{one.fault}: {one.statement}" for one in self._scenarios if not one.is_healed]
        if failure or unhealed:
            return "; ".join([*unhealed, *([failure] if failure else [])])
        return "healed, verified by RecoverOps and by the customers"

    def _result(self, statement: str, *, kept: Kept | None) -> DemoResult:
        requests = self._watch.requests
        return DemoResult(
            scenarios=tuple(self._scenarios),
            false_actions=len(figures.false_actions(self._watch.views, self._windows)),
            false_alarms=figures.false_alarms(self._watch.views, self._windows),
            healthy_s=self._timing.healthy_for.total_seconds(),
            policy=self._policy,
            traffic=Traffic(sent=len(requests), failed=sum(not one.ok for one in requests)),
            statement=statement,
            left_out=tuple(self._left_out),
            kept=kept,
        )

    def _keep(self) -> Kept | None:
        """None when there is nothing left that could be kept."""
        layout = self._world.layout
        try:
            self._world.keep()
        except PermanentError:
            return None
        return Kept(
            pid=self._world.pid, url=layout.api_url, admin_key=str(layout.admin_key), directory=str(layout.directory)
        )


def lacking(fault: Fault, scene: Scene) -> str | None:
    """What this machine does not offer and the fault needs; None when it can be done."""
    if fault.needs is Needs.MOUNT and not scene.facts.has_small_disk:
        return "it needs root, to mount a small disk"
    if fault.needs is Needs.NGINX and not scene.layout.has_nginx:
        return "it needs nginx, which is not installed"
    return None
