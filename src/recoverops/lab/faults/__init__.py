"""What the lab can do to a service, by name. Adding one: a class in a file of its own here, and one line below.

The name is the lab's alone: it never stands in a path, a command line, a label or a message that the engine can see.
"""

from __future__ import annotations

from recoverops.lab.faults.crash import Crash
from recoverops.lab.faults.fault import Fault, Target

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (Crash(),)}

__all__ = ["FAULTS", "Crash", "Fault", "Target"]
