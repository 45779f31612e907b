"""The fault lab: a small real application, real faults, measured recoveries. Entered by `recoverops demo`.
`recoverops aws-sandbox`, the double of AWS for users, is here as well.

The names below are imported on first use: the lab's own processes (`shop`, `traffic`, `stray`) live in this package
too, and must start in a blink and without any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recoverops.lab.aws_sandbox import main_sandbox
    from recoverops.lab.command import main_clean, main_demo
    from recoverops.lab.demo import run_demo
    from recoverops.lab.figures import DemoResult
    from recoverops.lab.judging import JudgeBy
    from recoverops.lab.recovery import judge_recovery
    from recoverops.lab.timing import Timing, timing_of

_HOME = {
    "DemoResult": "figures",
    "JudgeBy": "judging",
    "Timing": "timing",
    "judge_recovery": "recovery",
    "main_clean": "command",
    "main_demo": "command",
    "main_sandbox": "aws_sandbox",
    "run_demo": "demo",
    "timing_of": "timing",
}

__all__ = [
    "DemoResult",
    "JudgeBy",
    "Timing",
    "judge_recovery",
    "main_clean",
    "main_demo",
    "main_sandbox",
    "run_demo",
    "timing_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
