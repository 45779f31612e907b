"""supervisord's faults, as sentences that say what to do. Pure; used by the action."""

from __future__ import annotations

from enum import IntEnum

from recoverops.plugins.linux.rpc import FaultError


class Fault(IntEnum):
    """supervisord's own numbers, those that a restart can meet."""

    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    FAILED = 30
    ABNORMAL_TERMINATION = 40
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70


_SENTENCES = {
    Fault.SHUTDOWN_STATE: "supervisor is shutting down and starts nothing any more",
    Fault.BAD_NAME: 'supervisor has no process "{name}"; check the service\'s address, or run `supervisorctl update`',
    Fault.NO_FILE: 'the program of "{name}" does not exist ({text}); check `command` in supervisor\'s configuration',
    Fault.NOT_EXECUTABLE: 'the program of "{name}" may not be executed ({text}); check its permissions',
    Fault.FAILED: 'supervisor could not do it for "{name}" ({text}); see supervisor\'s log',
    Fault.ABNORMAL_TERMINATION: '"{name}" was started and ended before its `startsecs`; see its own log',
    Fault.SPAWN_ERROR: '"{name}" could not be started, or ended at once; see its own log and supervisor\'s',
    Fault.ALREADY_STARTED: '"{name}" has been started by somebody else meanwhile',
    Fault.NOT_RUNNING: '"{name}" does not run',
}


def fault_sentence(error: FaultError, name: str) -> str:
    """What the fault means for the process `name`."""
    try:
        fault = Fault(error.code)
    except ValueError:
        return f'supervisor refused it for "{name}" with fault {error.code} ({error.text})'
    return _SENTENCES[fault].format(name=name, text=error.text)
