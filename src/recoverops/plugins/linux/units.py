"""One unit as `systemctl show` describes it, and the sentences about it. Pure.

systemd gives each start of a unit an invocation id of its own, so "has it been started since" is a comparison of two
ids: neither a pid that comes back nor a step of the clock can deceive it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from recoverops.model import MisconfiguredError, ProbeAnswer, ProbeResult, Record, Service, UnreachableError
from recoverops.plugins.linux.answers import probed

ADDRESS = "systemd"
"""The key in a service's address that this plugin understands."""
PROPERTIES = (
    "Id", "Names", "LoadState", "ActiveState", "SubState", "Result", "Type", "MainPID", "ExecMainCode",
    "ExecMainStatus", "InvocationID", "ActiveEnterTimestampMonotonic", "InactiveEnterTimestampMonotonic", "Job",
)  # fmt: skip

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\\-]*(@[A-Za-z0-9_.:\\-]+)?\.service", re.ASCII)
_LONGEST_NAME = 255
_NEVER = re.compile(r"(systemd-.*|dbus|dbus-broker|user@.*|user-runtime-dir@.*)\.service")
"""What the machine itself stands on."""
_KILLED = {"2", "3"}
"""CLD_KILLED and CLD_DUMPED, as ExecMainCode has them."""


class Unit(Record, frozen=True, kw_only=True):
    name: str
    load: str
    active: str
    sub: str
    result: str
    kind: str
    """`Type=`, e.g. simple or oneshot."""
    pid: int
    """0 while nothing runs."""
    ended_by_signal: bool
    exit_status: int
    """Of the main process, or the number of the signal that ended it."""
    invocation: str
    """Of the newest start; empty when systemd knows of none."""
    entered: str
    """Microseconds from the boot to the newest time that it became active; 0: never."""
    has_job: bool

    @property
    def is_alive(self) -> bool:
        return self.active in {"active", "reloading", "refreshing"} and self.sub != "exited"

    @property
    def is_silent(self) -> bool:
        """True when systemd does not know whether the service runs: it calls a unit active whose processes ended."""
        return self.kind == "oneshot" or (self.active == "active" and self.sub == "exited")

    @property
    def why_silent(self) -> str:
        if self.kind == "oneshot":
            return f"{self.name} is of Type=oneshot and does not stay up; declare what it does as a script"
        return (
            f"{self.name} is active (exited): by RemainAfterExit=yes systemd calls it active without a process, so it "
            "does not say whether the service runs; give the unit Type=simple, or Type=forking with a PIDFile= and "
            "RemainAfterExit=no"
        )

    @property
    def is_moving(self) -> bool:
        """On its way up or down by a job. One that waits to be started again automatically is not."""
        return self.has_job or (self.active in {"activating", "deactivating"} and self.sub != "auto-restart")

    def has_same_start(self, before: Mapping[str, str]) -> bool:
        """True when nobody has started it since `before` was taken."""
        if not self.invocation:  # systemd forgot a unit that does not run
            return not self.is_alive
        return before.get("invocation") == self.invocation

    @property
    def snapshot(self) -> dict[str, str]:
        """What a plan keeps, to compare with later."""
        return {
            "unit": self.name,
            "state": f"{self.active} ({self.sub})",
            "pid": str(self.pid),
            "invocation": self.invocation,
            "entered": self.entered,
        }

    @property
    def statement(self) -> str:
        """`active (running), pid 4711`, `failed (exit-code, exit status 3)`"""
        if self.load != "loaded":
            return f"not loaded ({self.load})"
        if self.is_alive:
            return f"{self.active} ({self.sub}), pid {self.pid}"
        if self.result == "success":
            return f"{self.active} ({self.sub})"
        end = f"signal {self.exit_status}" if self.ended_by_signal else f"exit status {self.exit_status}"
        return f"{self.active} ({self.sub}: {self.result}, {end})"


def unit_name(service: Service) -> str:
    """The unit that the inventory gives for this service.

    Raises `MisconfiguredError` when there is none, or one that must not be acted on or is not the name of one service.
    """
    name = service.address.get(ADDRESS)
    if name is None:
        raise MisconfiguredError(
            f'service "{service.name}" has no address "{ADDRESS}"; add e.g. `{ADDRESS}: {service.name}.service` to it'
        )
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise MisconfiguredError(
            f'service "{service.name}": systemd address {name!r:.80} is not the name of one unit like checkout.service'
        )
    if _NEVER.fullmatch(name):
        raise MisconfiguredError(
            f'service "{service.name}": the machine itself stands on {name}; RecoverOps never acts on it'
        )
    return name


def units_of(text: str, names: tuple[str, ...]) -> dict[str, Unit]:
    """What `systemctl show` wrote about these units: a block each, in their order. Raises `UnreachableError`."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if "=" in block]
    if len(blocks) != len(names):
        raise UnreachableError(f"systemctl described {len(blocks)} units instead of {len(names)}")
    return {name: _unit(name, block) for name, block in zip(names, blocks, strict=True)}


def _unit(name: str, block: str) -> Unit:
    told = {key: value for key, _, value in (line.partition("=") for line in block.splitlines())}
    try:
        if name not in {told["Id"], *told.get("Names", "").split()}:
            raise UnreachableError(f"systemctl described {told['Id']!r:.80}, asked was {name}")
        return Unit(
            name=name,
            load=told["LoadState"],
            active=told["ActiveState"],
            sub=told["SubState"],
            result=told.get("Result", ""),
            kind=told.get("Type", ""),
            pid=int(told.get("MainPID") or 0),
            ended_by_signal=told.get("ExecMainCode") in _KILLED,
            exit_status=int(told.get("ExecMainStatus") or 0),
            invocation=told.get("InvocationID", ""),
            entered=told.get("ActiveEnterTimestampMonotonic", "0"),
            has_job=told.get("Job", "") not in {"", "0"},
        )
    except (KeyError, ValueError) as error:
        raise UnreachableError(f"systemctl described {name} without a usable {error}") from error


def judge(before: Mapping[str, str], now: Unit) -> ProbeResult:
    """Whether the unit has been started since `before` was taken."""
    if not {"unit", "invocation"} <= before.keys() or before["unit"] != now.name:
        return probed(ProbeAnswer.UNKNOWN, f"the plan does not say how {now.name} was before")
    if now.is_moving:
        return _under_way(now)
    if now.has_same_start(before):
        return probed(ProbeAnswer.NOT_DONE, f"{now.name} has not been started since; it is {now.statement}")
    if now.is_alive:
        return probed(ProbeAnswer.DONE, f"{now.name} was started since: {now.statement}, before: {before.get('pid')}")
    return probed(
        ProbeAnswer.UNKNOWN, f"{now.name} was started since but is {now.statement} now; nobody can tell who started it"
    )


def judge_stop(before: Mapping[str, str], now: Unit) -> ProbeResult:
    """Whether the start of the plan has been stopped."""
    if now.is_moving:
        return _under_way(now)
    if now.active in {"inactive", "failed"}:
        return probed(ProbeAnswer.DONE, f"{now.name} is {now.statement}")
    if now.has_same_start(before):
        return probed(ProbeAnswer.NOT_DONE, f"{now.name} is {now.statement}")
    return probed(ProbeAnswer.UNKNOWN, f"{now.name} was started anew since: {now.statement}")


def _under_way(now: Unit) -> ProbeResult:
    """A job that systemd still has may end either way after this look."""
    return probed(ProbeAnswer.UNKNOWN, f"systemd is still at it: {now.name} is {now.statement}")
