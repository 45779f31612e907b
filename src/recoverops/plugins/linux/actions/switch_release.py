"""The action `switch-release`: point the service's release link to the release before, and restart the service.

The link is replaced in one step by a rename; where it pointed and where it will point stand in `Plan.before`, so a call
that was interrupted between the link and the restart goes on where it stopped. Undo switches back only while the link
still points where we left it. A link, or a release, outside the declared folder is never touched.
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
from recoverops.plugins.linux.process import Process, State, process_name
from recoverops.plugins.linux.releases import ADDRESS, Current, Releases, current_of, link_of
from recoverops.plugins.linux.restart import judge, touched_with
from recoverops.plugins.linux.supervised import LOOKS, STARTS, STOPS, Supervised
from recoverops.ports import Clock, Parameter, Permission


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
                "release": current.name,
                "target": current.target,
                "since": current.since.isoformat(),
                "goal": previous,
                "goal_target": str(Path(current.target).with_name(previous)),
                **process.snapshot,
            },
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
        if current.target == before["goal_target"] and judge(before, process).answer is ProbeAnswer.DONE:
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
        now = self._restart(name, attempt, f"{link} was switched to {before['goal']}, but ", plan.before, process)
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
        since = _since(plan, left)
        if current.target not in {before["target"], before["goal_target"]}:
            return failed(
                f"not undone: somebody switched {link} to {current.name} since, it was left at {before['goal']}; "
                "nothing was touched",
                attempt.kept,
            )
        if since is None:
            return self._switch_back_unfinished(plan, name, current, process, attempt, key)
        if current.target == before["target"]:
            if not process.has_same_start(since):
                return succeeded(f"nothing to undo: {link} points to {current.name} as before", attempt.kept)
        else:
            self._releases.directory(link, before["release"])
            self._point(link, before["target"], before["release"], by="undone", key=f"{key}:undo")
        now = self._restart(name, attempt, f"{link} was switched back to {before['release']}, but ", since, process)
        attempt.kept |= _left(current_of(link), now)
        return succeeded(f"{link} was switched back to {before['release']}; {name} is {now.statement}", attempt.kept)

    def _switch_back_unfinished(
        self, plan: Plan, name: str, current: Current, process: Process, attempt: Attempt, key: str
    ) -> Execution:
        """The switch failed, or was cut off: nobody knows which process ran the other release, if any did.

        The process of the plan ran the release of the plan and goes on. Any other is stopped before the link is
        switched back, so that a call that is cut off leaves none that runs the other release.
        """
        before, link = plan.before, current.link
        if current.target == before["target"] and (process.is_alive or not _ran(before)):
            told = f"nothing to undo: {link} points to {current.name} as before, and {name} is {process.statement}"
            return succeeded(told, attempt.kept)
        if current.target == before["goal_target"]:
            self._releases.directory(link, before["release"])
            goes_on = process.is_alive and process.has_same_start(before)
            if not goes_on:
                attempt.begun(f"{name} was to be stopped, but ")
                self._supervised.stop(name, attempt)
            self._point(link, before["target"], before["release"], by="undone", key=f"{key}:undo")
            if goes_on or not (process.is_alive or _ran(before)):
                attempt.kept |= _left(current_of(link), process)
                told = f"{link} was switched back to {before['release']}; {name} is {process.statement}, as before"
                return succeeded(told, attempt.kept)
        attempt.begun(f"{link} was switched back to {before['release']}, but ")
        now = self._supervised.start(name, attempt)
        attempt.kept |= _left(current_of(link), now)
        return succeeded(f"{link} was switched back to {before['release']}; {name} is {now.statement}", attempt.kept)

    def probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        return ask(lambda: self._probe_undo(plan, left, service))

    def _probe_undo(self, plan: Plan, left: Mapping[str, str], service: Service) -> ProbeResult:
        current, process = current_of(link_of(service)), self._supervised.look_at(service)
        since = _since(plan, left)
        if since is None and current.target == plan.before["target"]:
            is_back = process.is_alive or not _ran(plan.before)
            told = f"{current.link} points to {current.name} as before, and {process.name} is {process.statement}"
            return probed(ProbeAnswer.DONE if is_back else ProbeAnswer.HALF_DONE, told)
        return _stands(
            current, process, where="target", to=plan.before["release"], since=since or plan.before, plan=plan
        )

    def _point(self, link: Path, target: str, release: str, *, by: str, key: str) -> None:
        self._releases.note(link, current_of(link).name, by="seen", at=self._clock.now())
        self._releases.point(link, target, key=key)
        self._releases.note(link, release, by=by, at=self._clock.now())

    def _restart(self, name: str, attempt: Attempt, so_far: str, since: Mapping[str, str], process: Process) -> Process:
        """Stops the process that ran the other release; one that was started since the switch is left alone."""
        attempt.begun(so_far)
        if process.has_same_start(since):
            self._supervised.stop(name, attempt)
        return self._supervised.start(name, attempt)


def _since(plan: Plan, left: Mapping[str, str]) -> Mapping[str, str] | None:
    """The process that ran the release that is undone. None: the switch did not come to its end, so nobody knows."""
    if not {"pid", "start", "target"} <= left.keys() or left["target"] != plan.before["goal_target"]:
        return None
    is_restarted = (left["pid"], left["start"]) != (plan.before["pid"], plan.before["start"])
    return left if is_restarted else None


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
    restarted = judge(since, process)
    if restarted.answer is ProbeAnswer.NOT_DONE:
        return probed(ProbeAnswer.HALF_DONE, f"{current.link} points to {to}, but {restarted.statement}")
    return probed(restarted.answer, f"{current.link} points to {to}; {restarted.statement}")
