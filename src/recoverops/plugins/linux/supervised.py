"""A service's process under supervisord: look, start, stop, with sentences for every fault. Used by the actions.

Raises `PermanentError` for what supervisord refuses, `UnreachableError` for what it did not answer, and
`MisconfiguredError` for a service that has no address here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from recoverops.model import PermanentError, Service, UnreachableError
from recoverops.plugins.linux.answers import Attempt
from recoverops.plugins.linux.faults import Fault, fault_sentence
from recoverops.plugins.linux.locality import absence
from recoverops.plugins.linux.process import Process, State, process_name, process_of
from recoverops.plugins.linux.procfs import Processes, Stat, scan
from recoverops.plugins.linux.rpc import CallNotMadeError, FaultError, SupervisorClient
from recoverops.ports import Permission

_LOOK_AGAIN_S = 0.05
_COMING_UP = {State.STARTING, State.BACKOFF}

LOOKS = Permission(system="supervisor", right="getProcessInfo", why="to see whether it runs and when it was started")
STOPS = Permission(system="supervisor", right="stopProcess", why="to end its process in the way that it declares")
STARTS = Permission(system="supervisor", right="startProcess", why="to start it again")


class Supervised:
    """Thread-safe; bounded in time by `timeout`, and by the attempt that asks."""

    def __init__(self, client: SupervisorClient, *, timeout: timedelta) -> None:
        self._client = client
        self._timeout_s = timeout.total_seconds()

    def look(self, name: str, *, within_s: float | None = None) -> Process:
        timeout_s = self._timeout_s if within_s is None else min(within_s, self._timeout_s)
        return process_of(self._call("getProcessInfo", name, timeout_s=timeout_s))

    def look_at(self, service: Service) -> Process:
        return self.look(process_name(service))

    def all(self) -> Mapping[str, Process]:
        answer = self._call("getAllProcessInfo", timeout_s=self._timeout_s)
        if not isinstance(answer, list):
            raise UnreachableError(f"supervisor at {self._client.url} answered {answer!r:.80} instead of a list")
        return {process.name: process for process in map(process_of, answer)}

    def daemon_pid(self) -> int:
        answer = self._call("getPID", timeout_s=self._timeout_s)
        if not isinstance(answer, int):
            raise UnreachableError(f"supervisor at {self._client.url} answered {answer!r:.80} instead of its pid")
        return answer

    def check_is_here(self) -> None:
        """Raises `PermanentError` unless the daemon is surely a process of this host, in the same pid namespace.

        `tree_of` sees it by a process that runs; this is for actions on what is here while the program may not run.
        """
        pid, url = self.daemon_pid(), self._client.url
        why = absence(url, pid, timeout_s=self._timeout_s)
        if why is not None:
            raise PermanentError(
                f"supervisor at {url}, process {pid} by its own word, is not surely on this host: {why}"
            )

    def tree_of(self, process: Process, processes: Processes | None = None) -> tuple[Stat, ...]:
        """Its processes on this host, the main one first; none when it does not run.

        Raises `PermanentError` when its pid is not a child of this supervisord here: then the daemon is on another
        host or in another namespace, and the number means somebody else.
        """
        if process.pid == 0:
            return ()
        daemon, picture = self.daemon_pid(), processes or scan()
        main = picture.by_pid.get(process.pid)
        if main is None or main.state == "Z":
            return ()
        if main.ppid != daemon:
            raise PermanentError(
                f"process {process.pid} here is not the {process.name} of supervisor at {self._client.url}: that "
                "daemon runs on another host or in another container; run RecoverOps beside it"
            )
        return picture.tree(process.pid)

    def start(self, name: str, attempt: Attempt) -> Process:
        """Running when it returns. One that comes up by itself already is waited for."""
        process = self._settled(name, attempt)
        if process.is_alive:
            return process
        try:
            self._change("startProcess", name, attempt)
        except FaultError as error:
            if error.code != Fault.ALREADY_STARTED:
                raise PermanentError(fault_sentence(error, name)) from error
        process = self._settled(name, attempt)
        if not process.is_alive:
            raise PermanentError(f"{name} was started, and is {process.statement}")
        return process

    def stop(self, name: str, attempt: Attempt) -> Process:
        """Not running when it returns. One that died by itself and was started again meanwhile is stopped as well."""
        process = self.look(name, within_s=attempt.left_s())
        while process.is_alive or process.state is State.BACKOFF:
            try:
                self._change("stopProcess", name, attempt)
                break
            except FaultError as error:
                process = self.look(name, within_s=attempt.left_s())
                if error.code != Fault.NOT_RUNNING and (error.code != Fault.FAILED or process.is_alive):
                    raise PermanentError(fault_sentence(error, name)) from error
        return self._until(name, {State.STOPPING}, attempt)

    def _settled(self, name: str, attempt: Attempt) -> Process:
        return self._until(name, _COMING_UP | {State.STOPPING}, attempt)

    def _until(self, name: str, passing: set[State], attempt: Attempt) -> Process:
        """The process once it has left the states that pass."""
        while (process := self.look(name, within_s=attempt.left_s())).state in passing:
            attempt.clock.sleep(min(_LOOK_AGAIN_S, attempt.left_s()))
        return process

    def _change(self, method: str, name: str, attempt: Attempt) -> None:
        try:
            self._client.call(method, name, True, timeout_s=attempt.left_s())
        except CallNotMadeError:
            raise
        except UnreachableError:
            attempt.has_begun = True
            raise
        attempt.has_begun = True

    def _call(self, method: str, *arguments: str | bool, timeout_s: float) -> Any:
        try:
            return self._client.call(method, *arguments, timeout_s=timeout_s)
        except FaultError as error:
            name = str(arguments[0]) if arguments else "its processes"
            raise PermanentError(fault_sentence(error, name)) from error

    def wait_until_gone(self, name: str, pid: int, attempt: Attempt) -> Process:
        """The process once supervisord knows that this pid has ended."""
        while (process := self.look(name, within_s=attempt.left_s())).pid == pid:
            attempt.clock.sleep(min(_LOOK_AGAIN_S, attempt.left_s()))
        return process


def names_of(services: Sequence[Service]) -> tuple[str, ...]:
    """The processes of those that have one."""
    return tuple(process_name(service) for service in services if "supervisor" in service.address)
