"""The service a fault is done to, and its process as supervisord tells it now. Only asks; the fault does the doing."""

from __future__ import annotations

import http.client
import xmlrpc.client

from recoverops.lab.faults import Target
from recoverops.model import PermanentError
from recoverops.testing.supervisor import Supervisor


def read_target(supervisor: Supervisor, name: str) -> Target:
    """The running process of that name. Raises PermanentError when it does not run or nobody can tell."""
    try:
        state = supervisor.info(name)
    except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
        raise PermanentError(f"the supervisor at {supervisor.url} told nothing of {name}: {error}") from error
    pid = int(state["pid"])
    if pid == 0:
        raise PermanentError(f"{name} does not run (it is {state['statename']}), so nothing can be done to it")
    return Target(name=name, pid=pid)
