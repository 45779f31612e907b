"""The action `switch-release`: point the service's release link to the release before, and restart the service.

The link is replaced in one step by a rename; where it pointed and where it will point stand in `Plan.before`, so a call
that was interrupted between the link and the restart goes on where it stopped. A process runs what the link named when
it was started, so only one that was started in a later second than the link was moved counts as switched; every other
one is stopped and started. Undo switches back only while the link still points where we left it. A link, or a release,
outside the declared folder is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from recoverops.model import (
    EffectClass,
    Execution,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Resource,
    Service,
)
from recoverops.plugins.linux.answers import Attempt, ask, check_arguments, failed, planned, probed, succeeded
from recoverops.plugins.linux.evidence import evidence
from recoverops.plugins.linux.process import Process, State, clock_time, process_name
from recoverops.plugins.linux.releases import ADDRESS, Current, Releases, current_of, link_of
from recoverops.plugins.linux.restart import touched_with
from recoverops.plugins.linux.supervised import LOOKS, STARTS, STOPS, Supervised
from recoverops.ports import Clock, Parameter, Permission

_SURELY_S = 0.01
"""Seconds beyond the end of a second, so that no rounding leads back into it."""


class SwitchRelease:
    """Implements `ports.ReversibleAction`."""

    name = "switch-release"
    summary = "Points the service's release link to the previous release and restarts the service."
    effect = EffectClass.REVERSIBLE
    parameters: tuple[Parameter, ...] = ()
    permissions = (
        LOOKS,
        STOPS,
        STARTS,
        Permission(system="file", right="write the directory of the release link", why="to replace the link"),
    )

    def __init__(
        self,
        supervised: Supervised,
        releases: Releases,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        timeout: timedelta,
    ) -> None:
        self._supervised = supervised
        self._releases = releases
        self._services = services
        self._clock = clock
        self.timeout = timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        check_arguments(self.name, self.parameters, arguments)
        link = link_of(service)
        process = self._supervised.look_at(service)
        current = self._releases.checked(current_of(link))
        previous = self._releases.previous(current)
        if previous is None:
            raise PermanentError(
                f"cannot switch {service.name} to a previous release: {self._releases.folder_of(link)} has none before "
                f"{current.name} that was not left already"
            )
        self._releases.directory(link, previous)
        return planned(
            self,
            service,
            arguments,
            summary=f"switch {service.name} from release {current.name} (since {current.since:%H:%M:%SZ}) back to "
            f"{previous} and restart it (now {process.statement})",
            before={
                "link": str(link),
                "release": current.name,
                "target": current.target,
                "since": current.since.isoformat(),
                "goal": previous,
                "goal_target": str(Path(current.target).with_name(previous)),
                "program": process.name,
                **process.snapshot,
            },
            aim=("link", "goal", "program"),
            touches=self._touches(service),
        )

    def _touches(self, service: Service) -> tuple[Resource, ...]:
        """Also those that share the link: they get the other release at their next start."""
        link = service.address[ADDRESS]
        sharing = {other.resource for other in self._services.values() if other.address.get(ADDRESS) == link}
        others = (sharing | set(touched_with(service, self._services))) - {service.resource}
        return (service.resource, *sorted(others, key=str))

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        return ask(lambda: self._probe(plan, service))

    def _probe(self, plan: Plan, service: Service) -> ProbeResult:
        current, process = current_of(link_of(service)), self._supervised.look_at(service)
        return _stands(current, process, where="goal_target", to=plan.before["goal"], since=plan.before, plan=plan)

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._switch(plan, service, attempt, idempotency_key))

    def _switch(self, plan: Plan, service: Service, attempt: Attempt, key: str) -> Execution:
        name, link, before = process_name(service), link_of(service), plan.before
        current, process = current_of(link), self._supervised.look(name)
        attempt.kept = {**evidence(service, self._supervised.tree_of(process)), **_left(current, process)}
        if current.target == before["goal_target"] and _restarted(current, process, before).answer is ProbeAnswer.DONE:
            return succeeded(
                f"not repeated: {link} points to {current.name} already and {name} was restarted", attempt.kept
            )
        if current.target == before["target"]:
            self._releases.directory(link, before["goal"])
            self._point(link, before["goal_target"], before["goal"], by="switched", key=key)
        elif current.target != before["goal_target"]:
            raise PermanentError(
                f"{link} points to {current.name} by now, the plan was made on {before['release']}; plan anew"
            )
        now = self._restart(link, name, attempt, f"{link} was switched to {before['goal']}, but ")
        attempt.kept |= _left(current_of(link), now)
        return succeeded(
            f"{link} was switched from {before['release']} to {before['goal']}; {name} is {now.statement}", attempt.kept
        )

    def undo(self, plan: Plan, left: Mapping[str, str], service: Service, *, idempotency_key: str) -> Execution:
        attempt = Attempt(self._clock, timeout_s=plan.timeout_s)
        return attempt.run(lambda attempt: self._switch_back(plan, left, service, attempt, idempotency_key))

    def _switch_back(
        self, plan: Plan, left: Mapping[str, str], service: Service, attempt: Attempt, key: str
    ) -> Execution:
        name, link, before = process_name(service), link_of(service), plan.before
        current, process = current_of(link), self._supervised.look(name)
        attempt.kept = {**evidence(service, self._supervised.tree_of(process)), **_left(current, process)}
        if current.target not in {before["target"], before["goal_target"]}:
            return failed(
                f"not undone: somebody switched {link} to {current.name} since, it was left at {before['goal']}; "
                "nothing was touched",
                attempt.kept,
            )
        since = _since(plan, left)
        if current.target == before["target"]:
            if _is_back(plan, current, process, since):
                told = f"nothing to undo: {link} points to {current.name} as before, and {name} is {process.statement}"
                return succeeded(told, attempt.kept)
        else:
            self._releases.directory(link, before["release"])
            self._point(link, before["target"], before["release"], by="undone", key=f"{key}:undo")
            if since is None and _is_as_planned(plan, process):
                attempt.kept |= _left(current_of(link), process)
                told = f"{link} was switched back to {before['release']}; {name} is {process.statement}, as before"
                return succeeded(told, attempt.kept)
        now = self._restart(link, name, attempt, f"{link} was switched back to {before['release']}, but ")
        attempt.kept |= _left(current_of(link), now)
        return succeeded(f"{link} was switched back to {before['release']}; {name} is {now.statement}", attempt.kept)

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._probe_undo(plan, left, service))

    def _probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        current, process = current_of(link_of(service)), self._supervised.look_at(service)
        since = _since(plan, left)
        if since is None and current.target == plan.before["target"]:
            is_back = _is_back(plan, current, process, since)
            told = f"{current.link} points to {current.name} as before, and {process.name} is {process.statement}"
            return probed(ProbeAnswer.DONE if is_back else ProbeAnswer.HALF_DONE, told)
        return _stands(current, process, where="target", to=plan.before["release"], since=since or {}, plan=plan)

    def _point(self, link: Path, target: str, release: str, *, by: str, key: str) -> None:
        self._releases.note(link, current_of(link).name, by="seen", at=self._clock.now())
        self._releases.point(link, target, key=key)
        self._releases.note(link, release, by=by, at=self._clock.now())

    def _restart(self, link: Path, name: str, attempt: Attempt, so_far: str) -> Process:
        """Stops whatever runs: it may have been started before the link was moved, whatever it was when we looked."""
        attempt.begun(so_far)
        self._supervised.stop(name, attempt)
        self._let_its_second_pass(current_of(link), attempt)
        return self._supervised.start(name, attempt)

    def _let_its_second_pass(self, current: Current, attempt: Attempt) -> None:
        """supervisord tells starts in whole seconds; a second at most, also where a clock was set back since."""
        left_s = current.moved_s + 1 - self._clock.now().timestamp()
        if left_s > 0:
            self._clock.sleep(min(left_s + _SURELY_S, 1 + _SURELY_S, attempt.left_s()))


def _since(plan: Plan, left: Mapping[str, str]) -> Mapping[str, str] | None:
    """The process that ran the release that is undone. None: the switch did not come to its end, so nobody knows."""
    if not {"pid", "start", "target"} <= left.keys() or left["target"] != plan.before["goal_target"]:
        return None
    is_restarted = (left["pid"], left["start"]) != (plan.before["pid"], plan.before["start"])
    return left if is_restarted else None


def _is_back(plan: Plan, current: Current, process: Process, since: Mapping[str, str] | None) -> bool:
    """The link names the release of the plan again, or still: whether nothing else runs. Pure."""
    if since is None and current.since.isoformat() == plan.before["since"]:
        return True  # it is the link of the plan: what became of the process meanwhile is not ours
    if since is None and (_is_as_planned(plan, process) or not process.is_alive):
        return process.is_alive or not _ran(plan.before)
    return _restarted(current, process, since or {}).answer is not ProbeAnswer.NOT_DONE


def _is_as_planned(plan: Plan, process: Process) -> bool:
    """Whether it is the process of the plan, which ran the release of the plan; or none runs, as none ran then."""
    return process.has_same_start(plan.before) if process.is_alive else not _ran(plan.before)


def _ran(before: Mapping[str, str]) -> bool:
    return before["state"] in {State.RUNNING.name, State.STARTING.name}


def _left(current: Current, process: Process) -> dict[str, str]:
    return {
        "release": current.name,
        "target": current.target,
        "since": current.since.isoformat(),
        **process.snapshot,
    }


def _stands(
    current: Current, process: Process, *, where: str, to: str, since: Mapping[str, str], plan: Plan
) -> ProbeResult:
    """Whether link and process have reached the release `to`. Pure."""
    before = plan.before
    if current.target not in {before["target"], before["goal_target"]}:
        return probed(ProbeAnswer.UNKNOWN, f"{current.link} points to {current.name}, where we did not put it")
    if current.target != before[where]:
        return probed(ProbeAnswer.NOT_DONE, f"{current.link} points to {current.name}, not to {to}")
    restarted = _restarted(current, process, since)
    if restarted.answer is ProbeAnswer.NOT_DONE:
        return probed(ProbeAnswer.HALF_DONE, f"{current.link} points to {to}, but {restarted.statement}")
    return probed(restarted.answer, f"{current.link} points to {to}; {restarted.statement}")


def _restarted(current: Current, process: Process, since: Mapping[str, str]) -> ProbeResult:
    """Whether the process runs what the link names: another one than `since`, started after the link was moved. Pure.

    One that was started in the same second counts as started before: it costs one more restart at most.
    """
    name = process.name
    if process.has_same_start(since):
        return probed(ProbeAnswer.NOT_DONE, f"{name} has not been started since; it is {process.statement}")
    if process.start <= current.moved_s:
        return probed(
            ProbeAnswer.NOT_DONE,
            f"{name} has not been started since the link was moved at {clock_time(current.moved_s)}; "
            f"it is {process.statement}",
        )
    if not process.is_alive:
        return probed(ProbeAnswer.UNKNOWN, f"{name} is {process.statement}; nobody can tell who started it")
    return probed(ProbeAnswer.DONE, f"{name} was started at {clock_time(process.start)} (pid {process.pid})")
