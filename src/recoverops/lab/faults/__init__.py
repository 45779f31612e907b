"""What the lab can do to the shop, by name. Adding one: a class in a file of its own here, and one line below.

The name is the lab's alone: it never stands in a path, a command line, a label or a message that the engine can see.
"""

from __future__ import annotations

from recoverops.lab.faults.bad_deployment import BadDeployment
from recoverops.lab.faults.broken_permission import BrokenPermission
from recoverops.lab.faults.cpu_burn import CpuBurn
from recoverops.lab.faults.crash import Crash
from recoverops.lab.faults.disk_fill import DiskFill
from recoverops.lab.faults.fault import Fault, Needs, TakenBack
from recoverops.lab.faults.hang import Hang
from recoverops.lab.faults.memory_leak import MemoryLeak
from recoverops.lab.faults.pool_exhausted import PoolExhausted
from recoverops.lab.faults.port_taken import PortTaken
from recoverops.lab.faults.sick_backend import SickBackend
from recoverops.lab.faults.slow_dependency import SlowDependency

_ALL: tuple[Fault, ...] = (
    Crash(),
    Hang(),
    PortTaken(),
    DiskFill(),
    BadDeployment(),
    CpuBurn(),
    SlowDependency(),
    BrokenPermission(),
    PoolExhausted(),
    SickBackend(),
    MemoryLeak(),
)
"""In the order of a whole demo: faults of one service are kept apart where it goes."""

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}

__all__ = ["FAULTS", "Fault", "Needs", "TakenBack"]
